"""xarray's own tests of its Zarr engine, with simplezarr in the place of zarr-python.

Campaigns of full length run all of them. Otherwise the format that is used most is read, without what takes long.
"""

import os
import re
import subprocess

import pytest

from tests.support.helpers import PYTHON, same_package
from tests.support.pages import ROOT

for package in ("xarray", "zarr", "dask", "pytest_asyncio"):
    pytest.importorskip(package)

MODULES = ("xarray.tests.test_backends", "xarray.tests.test_backends_datatree")
CLASSES = "TestZarrDirectoryStore or TestZarrDatatreeIO or TestNCZarr or TestZarrRegionAuto or TestZarrRectilinear"
#: Tests that fail, as regular expressions, and why.
READING = {
    r"test_shard_encoding_with_dask\[2\]": "it writes shards in Zarr 2; fails with zarr-python too",
    r"test_hidden_zarr_keys\[3\]": "it is of Zarr 2; fails with zarr-python too",
    r"test_dimension_names\[2\]": "it is of Zarr 3; fails with zarr-python too",
    r"test_zarr_fill_value_in_encoding_on_read\[2\]": "it is of Zarr 3; fails with zarr-python too",
    r"test_zarr_fill_value_setting\[2-(int|float)\]": "xarray ignores use_zarr_fill_value_as_mask=False, we don't",
    r"test_read_non_consolidated_warning": "opening is fast without consolidated metadata, so there is no warning",
    r"test_to_zarr_not_consolidated": "the same",
    r"test_zarr_encoding\[zarr_format=3\]": "codecs in encodings are JSON objects, without attributes",
}


WRITING = {
    **READING,
    r"test_zarr_encoding\[zarr_format=2\]": "codecs in encodings are JSON objects, without attributes",
    r"test_to_zarr_compute_false\[zarr_format=2\]": "chunks of zeros are stored if the fill value is null",
}


whole = pytest.mark.skipif(int(os.environ.get("SIMPLEZARR_CAMPAIGN", "20000")) < 20000, reason="a short campaign")


def run_suite(select, **environment):
    """Return the names of the tests that failed, and how many passed."""
    command = [
        *(*PYTHON, "-m", "pytest", "-p", "tests.support.xarray_engine", "-p", "no:cacheprovider", "-q"),
        *("-o", "asyncio_mode=auto", "-c", os.devnull, "--rootdir", str(ROOT), "-W", "ignore", "--tb=no", "-rfE"),
        *("--pyargs", *MODULES, "-k", select),
    ]
    environment = {
        **same_package(),
        **environment,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "pytest_asyncio.plugin",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200)
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout + done.stderr
    return re.findall(r"^(?:FAILED|ERROR) \S*?(test_\w+(?:\[.*\])?)(?: - .*)?$", done.stdout, re.MULTILINE), int(
        passed[1]
    )


def unexpected(failed, known):
    return [name for name in failed if not any(re.match(pattern, name) for pattern in known)]


def test_in_short():
    select = "TestZarrDirectoryStore and 3 and (roundtrip or load or shard or append or region) or TestZarrRegionAuto"
    failed, passed = run_suite(select, SIMPLEZARR_WRITES="1")
    assert not unexpected(failed, WRITING)
    assert passed > 50


@whole
@pytest.mark.campaign
def test_reading():
    failed, passed = run_suite(CLASSES)
    assert not unexpected(failed, READING)
    assert passed > 350


@whole
@pytest.mark.campaign
def test_writing():
    failed, passed = run_suite(CLASSES, SIMPLEZARR_WRITES="1")
    assert not unexpected(failed, WRITING)
    assert passed > 350
