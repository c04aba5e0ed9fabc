"""What the documentation shows runs: doctests of every module, the code of the README and the guide, the examples."""

import doctest
import importlib
import json
import pkgutil
import re
import runpy
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from itertools import chain

import numpy as np
import pytest

import simplezarr
import simplezarr as sz
from tests.support.api_page import page
from tests.support.helpers import same_package
from tests.support.pages import PAGES, ROOT, blocks, write_program

GUIDE = PAGES[1:]
RECIPES = sorted((ROOT / "examples" / "recipes").glob("*.py"))
MODULES = sorted(module.name for module in pkgutil.walk_packages(simplezarr.__path__, "simplezarr."))
#: Packages of extras that examples in docstrings need.
NEEDED = {
    "simplezarr.dask": "dask",
    "simplezarr.stores.fsspec.store": "fsspec",
    "simplezarr.stores.object.store": "obstore",
    "simplezarr.torch.datasets": "torch",
    "simplezarr.torch.devices": "torch",
    "simplezarr.torch.tensors": "torch",
    "simplezarr.zarr_python.conversion": "zarr",
}


@pytest.mark.parametrize("name", ["simplezarr", *MODULES])
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_in_docstrings_are_found():
    """Those of compiled modules as well."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = {name: importlib.import_module(name) for name in MODULES if name not in NEEDED}
    counts = {name: sum(len(test.examples) for test in finder.find(modules[name])) for name in modules}
    assert counts["simplezarr.nodes.array"] >= 5
    assert counts["simplezarr.engine.geometry.plan"] >= 3
    assert counts["simplezarr.engine.kernels.compressors"] >= 2


def test_readme(tmp_path, monkeypatch):
    """The first block runs anywhere as it stands, twice in a row too."""
    monkeypatch.chdir(tmp_path)
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
    for block in 2 * blocks(ROOT / "README.md"):
        names = {"__name__": "readme"}
        exec(compile(block, "README.md", "exec"), names)
        assert names["arr"].shape == (1005, 1000)
        assert [crop.shape for crop in names["crops"]] == 50 * [(64, 64)]


def test_api_page():
    """It names what there is, with the arguments."""
    pytest.importorskip("dask")

    def names(text):
        return [line.split("` | ")[0] for line in text.splitlines() if line.startswith("| `")]

    now, stored = names(page()), names((ROOT / "docs/api.md").read_text("utf-8"))
    assert len(now) > 150
    assert stored == now, "python -m tests.support.api_page > docs/api.md"


def run(program, folder):
    """Run a program in a process of its own; warnings are errors."""
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, cwd=folder, env=same_package(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", GUIDE, ids=lambda path: path.name)
def test_guide(path, tmp_path):
    """The examples of a page run one after the other, as one program."""
    needed = r"^(?:from|import) (obstore|fsspec|dask|xarray|zarr|torch)\b"
    for package in re.findall(needed, path.read_text("utf-8"), re.MULTILINE):
        pytest.importorskip(package)
    group = {"xarray.md": "xarray.backends", "zarr-python.md": "zarr.codec_pipeline"}.get(path.name)
    if group and not entry_points(group=group, name="simplezarr"):
        pytest.skip("the package is not installed, or was before it had this entry point: pip install -e .")
    run(write_program(path, tmp_path), tmp_path)


def translations():
    """Yield (heading, line number, code) for the right column of each table of coming-from.md."""
    heading = ""
    for number, line in enumerate((ROOT / "docs/guide/coming-from.md").read_text("utf-8").splitlines(), 1):
        heading = line.removeprefix("## ") if line.startswith("## ") else heading
        cells = line.strip("|").split(" | ")
        if line.startswith("| ") and len(cells) == 2 and cells[0].strip() != heading:
            yield from ((heading, number, code) for code in re.findall(r"`([^`]+)`", cells[1]))


@pytest.mark.parametrize(("heading", "number", "code"), list(translations()))
def test_coming_from(heading, number, code):
    names: dict = {}
    exec(blocks(ROOT / "docs/guide/coming-from.md")[0], names)
    names["g"].create_array("h", data=[1])
    sz.save(names["store"], [1], "s")
    exec(code, names)


def test_links_lead_somewhere():
    """In every document: to files, and to headings of them."""
    folders = ("", "docs/**/", "asv_bench/", "examples/**/")
    for path in chain.from_iterable(ROOT.glob(f"{folder}*.md") for folder in folders):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path}: {target}"


def test_tests_that_are_named_exist():
    """Those of the page on remote stores; `::` alone stands for the file before it."""
    text, folder, found = (ROOT / "docs/internals/remote-stores.md").read_text("utf-8"), ROOT / "tests" / "stores", 0
    path = None
    for file, test in re.findall(r"`((?:\w+/)*test_\w+\.py)?(?:::(test_\w+))?`", text):
        path = folder / file if file else path
        found += path is not None
        assert path is None or not test or f"def {test}(" in path.read_text("utf-8"), f"{file}::{test}"
    assert found > 25


def test_the_codec_in_python(capsys):
    runpy.run_path(str(ROOT / "examples" / "codec.py"), run_name="__main__")
    assert "Xor(key=7)" in capsys.readouterr().out


def test_quickstart(capsys):
    runpy.run_path(str(ROOT / "examples" / "quickstart.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "(731, 180, 360) float32" in printed
    assert "mri (128, 96, 24, 2) int16" in printed
    assert "NodeNotFoundError: there is no node 'nothing'" in printed


def test_training_goes_on_where_it_was_killed(tmp_path):
    """The weights are those of a run without a break, bit for bit. With torch and without."""
    program = ROOT / "examples" / "train.py"
    folders = [tmp_path / "whole", tmp_path / "broken"]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-W", "error", str(program), "--epochs", "2"]
    environment = same_package()

    def learn(folder):
        done = subprocess.run(
            [*command, str(folder)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def learned(folder):
        with np.load(folder / "checkpoint.npz") as saved:
            return {name: saved[name] for name in saved}

    assert "epoch 1: " in learn(folders[0])
    process = subprocess.Popen([*command, str(folders[1])], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folders[1] / "checkpoint.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    state = json.loads(str(learned(folders[1])["loader"]))
    assert (state["epoch"], state["batch"]) < (2, 0)
    assert f"goes on in epoch {state['epoch']} behind batch {state['batch']}\n" in learn(folders[1])
    whole, broken = map(learned, folders)
    assert whole.keys() == broken.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(values, broken[name])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe(path, tmp_path, monkeypatch, capsys):
    """It says nothing, and leaves the current folder as it is."""
    text = path.read_text("utf-8")
    for package in re.findall(r"^import (h5py|pandas)\b", text, re.MULTILINE):
        pytest.importorskip(package)
    current, temporary = tmp_path / "current", tmp_path / "temporary"
    for folder in (current, temporary):
        folder.mkdir()
    monkeypatch.chdir(current)
    if "ProcessPoolExecutor" in text:  # its workers import it, so it must be the main program
        monkeypatch.setenv("TMPDIR", str(temporary))
        run(path, current)
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        runpy.run_path(str(path), run_name="__main__")
    assert not list(current.iterdir())
    assert capsys.readouterr() == ("", "")


def test_recipes_are_short_and_listed():
    """The table says of each what its docstring says: the job, in one sentence."""
    table = (ROOT / "examples/recipes/README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\((\w+\.py)\) \| (.*) \|$", table, re.MULTILINE)
    jobs = {path.name: re.match(r'"""(.*\.)"""\n', path.read_text("utf-8")) for path in RECIPES}
    assert sorted(listed) == [(name.removesuffix(".py"), name, job and job[1]) for name, job in jobs.items()]
    assert len(RECIPES) >= 40
    for path in RECIPES:
        lines = [line for line in path.read_text("utf-8").splitlines() if line]
        assert 10 <= len(lines) <= 40, path.name
        assert any(line.lstrip().startswith("assert ") for line in lines), path.name
