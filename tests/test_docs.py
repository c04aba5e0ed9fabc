"""What the documentation shows runs: doctests of every module, the README's code, the quickstart."""

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import simplezarr

ROOT = Path(__file__).parents[1]
MODULES = sorted(module.name for module in pkgutil.walk_packages(simplezarr.__path__, "simplezarr."))


@pytest.mark.parametrize("name", ["simplezarr", *MODULES])
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_examples_in_docstrings_are_found():
    """Those of compiled modules as well."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    counts = {name: sum(len(test.examples) for test in finder.find(importlib.import_module(name))) for name in MODULES}
    assert counts["simplezarr.nodes.array"] >= 5
    assert counts["simplezarr.engine.geometry.plan"] >= 3
    assert counts["simplezarr.engine.kernels.compressors"] >= 2


def test_readme(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    names = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert names["arr"].shape == (128, 96, 24, 2)
    assert names["Xor"](1).decode(names["Xor"](1).encode(b"abc")) == b"abc"


def test_quickstart(capsys):
    runpy.run_path(str(ROOT / "examples" / "quickstart.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "(731, 180, 360) float32" in printed
    assert "mri (128, 96, 24, 2) int16" in printed
    assert "NodeNotFoundError: there is no node 'nothing'" in printed
