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


def test_readme(tmp_path, monkeypatch):
    """The first block runs anywhere as it stands, twice in a row too."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 120
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in 2 * blocks:
        names = {"__name__": "readme"}
        exec(compile(block, "README.md", "exec"), names)
        assert names["arr"].shape == (1005, 1000)
        assert [crop.shape for crop in names["crops"]] == 50 * [(64, 64)]


def test_links_lead_somewhere():
    """In every document: to files, and to headings of them."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("asv_bench/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path}: {target}"


def test_the_codec_in_python(capsys):
    runpy.run_path(str(ROOT / "examples" / "codec.py"), run_name="__main__")
    assert "Xor(key=7)" in capsys.readouterr().out


def test_quickstart(capsys):
    runpy.run_path(str(ROOT / "examples" / "quickstart.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "(731, 180, 360) float32" in printed
    assert "mri (128, 96, 24, 2) int16" in printed
    assert "NodeNotFoundError: there is no node 'nothing'" in printed
