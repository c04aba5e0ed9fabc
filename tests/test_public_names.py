"""The public names are those of the stored list: none is lost, and none appears by accident.

After a change that is meant, `python -m tests.test_public_names` writes the list anew.
"""

import ast
import inspect
import json
from collections import defaultdict
from pathlib import Path

import pytest

import simplezarr
import simplezarr.dask
import simplezarr.loader
import simplezarr.ome
import simplezarr.xarray
from simplezarr import zarr_python
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
    "simplezarr.dask": simplezarr.dask,
    "simplezarr.xarray": simplezarr.xarray,
    "simplezarr.loader": simplezarr.loader,
    "simplezarr.loader.Loader": simplezarr.loader.Loader,
    "simplezarr.ome": simplezarr.ome,
    "simplezarr.ome.Image": simplezarr.ome.Image,
    "simplezarr.zarr_python": zarr_python,
}
#: What the program calls them.
SPELT = {
    "sz": simplezarr,
    "sz.codecs": simplezarr.codecs,
    "c": simplezarr.codecs,
    "sz.stores": simplezarr.stores,
    "sz.testing": simplezarr.testing,
    "sz.utils": simplezarr.utils,
    "szd": simplezarr.dask,
    "szx": simplezarr.xarray,
    "ome": simplezarr.ome,
    "a": simplezarr.Array,
    "group": simplezarr.Group,
    "store": simplezarr.Store,
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


def arguments(function):
    """Return the arguments that are a function's own, and those of a TypedDict, which several functions take."""
    own, shared = [], []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            shared += parameter.annotation.__args__[0].__annotations__
        elif name != "self":
            own.append(name)
    return own, shared


def test_a_program_uses_every_argument():
    """Those that several functions take are used with one of them at least."""
    used = defaultdict(set)
    for call in ast.walk(ast.parse(Path(every_name.__file__).read_text("utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            owner = SPELT.get(ast.unparse(call.func.value))
            if owner:
                value = getattr(owner, call.func.attr)
                used[value].update(keyword.arg for keyword in call.keywords)
                used[value].update(arguments(value)[0][: len(call.args)])
    anywhere = set.union(*used.values())
    missing = []
    for owner in SPELT.values():
        for name in getattr(owner, "__all__", dir(owner)):
            value = getattr(owner, name)
            kinds = (simplezarr.Store, simplezarr.codecs.Codec)
            if name[0] != "_" and callable(value) and (not isinstance(value, type) or issubclass(value, kinds)):
                own, shared = arguments(value)
                unused = {*own} - used[value] | {*shared} - anywhere
                missing += [f"{name}({argument}=)" for argument in sorted(unused)]
    assert not missing


if __name__ == "__main__":
    LIST.write_text(json.dumps({name: public_names(name) for name in OBJECTS}, indent=2) + "\n", "utf-8")
