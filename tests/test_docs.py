"""What the documentation shows runs: doctests of every module, the README's code, the quickstart."""

import doctest
import importlib
import pkgutil
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import simplezarr
import simplezarr as sz
from tests.support.helpers import same_package

ROOT = Path(__file__).parents[1]
GUIDE = sorted(path.name for path in (ROOT / "docs" / "guide").glob("*.md"))
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


@pytest.mark.parametrize("name", GUIDE)
def test_guide(name, tmp_path):
    """The examples of a page run one after the other, as one program."""
    text = (ROOT / "docs" / "guide" / name).read_text("utf-8")
    program = tmp_path / "page.py"
    program.write_text("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)), "utf-8")
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, cwd=tmp_path, env=same_package(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


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
    page = (ROOT / "docs/guide/coming-from.md").read_text("utf-8")
    names: dict = {}
    exec(re.search(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1], names)
    names["g"].create_array("h", data=[1])
    sz.save(names["store"], [1], "s")
    exec(code, names)


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
