"""The public names are those of the stored list: none is lost, and none appears by accident.

After a change that is meant, `python -m tests.test_public_names` writes the list anew.
"""

import ast
import json
from pathlib import Path

import pytest

import simplezarr
from tests.support import every_name
from tests.support.helpers import python

LIST = Path(__file__).parent / "public_names.json"
OBJECTS = {
    "simplezarr": simplezarr,
    "simplezarr.Array": simplezarr.Array,
    "simplezarr.Group": simplezarr.Group,
    "simplezarr.Store": simplezarr.Store,
    "simplezarr.codecs": simplezarr.codecs,
    "simplezarr.testing": simplezarr.testing,
    "simplezarr.utils": simplezarr.utils,
}


def public_names(name):
    """Return the public names of an object: of a module those that it offers with `*`."""
    names = getattr(OBJECTS[name], "__all__", None) or dir(OBJECTS[name])
    return sorted(item for item in names if not item.startswith("_"))


@pytest.mark.parametrize("name", OBJECTS)
def test_names(name):
    assert public_names(name) == json.loads(LIST.read_text("utf-8"))[name]


def test_a_program_uses_every_name(tmp_path, capsys):
    """It runs; `mypy` checks its types."""
    every_name.main(tmp_path)
    used = {node.attr for node in ast.walk(ast.parse(Path(every_name.__file__).read_text("utf-8")))
            if isinstance(node, ast.Attribute)}  # fmt: skip
    names = {name for kind in OBJECTS if kind != "simplezarr.codecs" for name in public_names(kind)}
    assert names <= used


@pytest.mark.parametrize("name", ["codecs", "stores", "testing", "utils"])
def test_packages_are_loaded_at_their_first_use(name, tmp_path):
    code = f"""
import sys, simplezarr
print("simplezarr.{name}" in sys.modules, simplezarr.{name}.__name__, {name!r} in dir(simplezarr))
"""
    assert python(code, seconds=60, directory=tmp_path).split() == ["False", f"simplezarr.{name}", "True"]


if __name__ == "__main__":
    LIST.write_text(json.dumps({name: public_names(name) for name in OBJECTS}, indent=2) + "\n", "utf-8")
