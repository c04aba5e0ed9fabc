"""The tests of zarr-python, xarray, anndata and ome-zarr pass with this library's pipeline as with the default one.

Most are not installed with their packages: unpack the source distribution of the installed version, and let
SIMPLEZARR_ZARR_SOURCE, SIMPLEZARR_ANNDATA_SOURCE or SIMPLEZARR_OME_ZARR_SOURCE name the folder. zarr-python's need
pytest-asyncio and pytest-benchmark, the others what their projects name for tests.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.helpers import PYTHON, same_package
from tests.zarr_python.conftest import PATH, zarr
from tests.zarr_python.outcomes import outcomes

SOURCE = os.environ.get("SIMPLEZARR_ZARR_SOURCE", "")
OPTIONS = ["-q", "-rfE", "-p", "no:cacheprovider", "-p", "no:napari"]
ZARR = ["-o", "addopts=", "-o", "asyncio_mode=auto"]
SUBCLASS = f"""
from test_codec_pipeline_suite import CodecPipelineTests

class TestPipeline(CodecPipelineTests):
    pipeline_path = "{PATH}"
"""

whole = pytest.mark.skipif(int(os.environ.get("SIMPLEZARR_CAMPAIGN", "20000")) < 20000, reason="a short campaign")
needs_source = pytest.mark.skipif(
    not SOURCE, reason=f"SIMPLEZARR_ZARR_SOURCE names no source of zarr {zarr.__version__}"
)


def run(arguments, folder, pipeline=None, path=""):
    """Run pytest; return how many tests pass, and the names of those that do not."""
    environment = same_package()
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), path]))
    if pipeline:
        environment["ZARR_CODEC_PIPELINE__PATH"] = pipeline
    command = [*PYTHON, "-m", "pytest", *OPTIONS, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout[-2000:] + done.stderr[-2000:]
    return int(passed[1]), {*re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)}


@needs_source
def test_the_suite_for_pipelines(tmp_path):
    (tmp_path / "test_pipeline.py").write_text(SUBCLASS, "utf-8")
    assert run([*ZARR, str(tmp_path / "test_pipeline.py")], tmp_path, path=str(Path(SOURCE, "tests"))) == (63, set())


@needs_source
@pytest.mark.campaign
@pytest.mark.parametrize("suite", ["test_indexing", "test_array", "test_v2", "test_resize", "test_codec_pipeline"])
def test_arrays_of_zarr_python(suite):
    arguments = [*ZARR, str(Path(SOURCE, "tests", f"{suite}.py"))]
    passed, failed = run(arguments, SOURCE, PATH)
    if failed:
        assert failed <= run(arguments, SOURCE)[1]
    assert passed > 10


def check_datasets_of_xarray(folder, select):
    """Check that what fails of xarray's tests fails with the default pipeline too; return how many pass."""
    if importlib.util.find_spec("xarray.tests") is None:
        pytest.skip("xarray is not installed with its tests")
    suite = ["--pyargs", "xarray.tests.test_backends", "-k"]
    passed, failed = run([*suite, select], folder, PATH)
    if failed:
        again = " or ".join(sorted({re.sub(r".*::|\[.*", "", name) for name in failed}))
        assert failed <= run([*suite, f"({select}) and ({again})"], folder)[1]
    return passed


@pytest.mark.campaign
def test_datasets_of_xarray_in_short(tmp_path):
    """In the format that is used most, those of which each has other chunks, regions, types or codecs."""
    select = "TestZarrDirectoryStore and 3 and (roundtrip or chunk or shard or append or region or encoding)"
    assert check_datasets_of_xarray(tmp_path, select) > 50


@whole
@pytest.mark.campaign
def test_datasets_of_xarray(tmp_path):
    assert check_datasets_of_xarray(tmp_path, "TestZarrDirectoryStore") > 300


def outcomes_of(source, file, pipeline=None):
    """Run the tests of a package in its source; return the outcome of each."""
    environment = {**same_package(), "OUTCOMES": str(file)}
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(Path(__file__).parent)])
    environment.pop("ZARR_CODEC_PIPELINE__PATH", None)
    if pipeline:
        environment["ZARR_CODEC_PIPELINE__PATH"] = pipeline
    options = ["-q", "-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:napari", "tests"]
    done = subprocess.run(
        [*PYTHON, "-m", "pytest", *options], cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1, 2), done.stdout[-2000:] + done.stderr[-2000:]
    return outcomes(file)


@whole
@pytest.mark.campaign
@pytest.mark.parametrize("package", ["anndata", "ome_zarr"])
def test_packages_above_zarr_python(package, tmp_path):
    source = os.environ.get(f"SIMPLEZARR_{package.upper()}_SOURCE", "")
    if not source:
        pytest.skip(f"SIMPLEZARR_{package.upper()}_SOURCE names no source of {package}")
    ours = outcomes_of(source, tmp_path / "ours", PATH)
    assert ours == outcomes_of(source, tmp_path / "default")
    assert [*ours.values()].count("passed") > 400


FEW = """
import os, pytest

def test_passes(): assert "ZARR_CODEC_PIPELINE__PATH" not in os.environ
def test_fails(): assert 0
def test_skips(): pytest.skip("a reason")
@pytest.mark.xfail
def test_is_known_to_fail(): assert 0
@pytest.fixture
def broken():
    yield
    assert 0
def test_with_an_error_afterwards(broken): pass
"""


def test_the_outcome_of_each_test_is_compared(tmp_path, monkeypatch):
    """Also if a run ends before all tests have run: the next one goes on."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_few.py").write_text(FEW, "utf-8")
    default = outcomes_of(tmp_path, tmp_path / "default")
    assert [*default.values()] == ["passed", "failed", "skipped", "xskipped", "failed"]
    monkeypatch.setenv("OUTCOMES_SECONDS", "0")
    assert len(outcomes_of(tmp_path, tmp_path / "ours", PATH)) == 1
    monkeypatch.delenv("OUTCOMES_SECONDS")
    ours = outcomes_of(tmp_path, tmp_path / "ours", PATH)
    assert [name.partition("::")[2] for name in ours if ours[name] != default[name]] == ["test_passes"]
