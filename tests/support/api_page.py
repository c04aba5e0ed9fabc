"""The page of all public names, made of their docstrings: `python -m tests.support.api_page > docs/api.md`."""

import ast
import inspect
import re
from pathlib import Path

import simplezarr as sz
import simplezarr.dask
import simplezarr.ome
import simplezarr.xarray
from simplezarr import loader, zarr_python
from simplezarr.nodes.attributes import Attributes
from simplezarr.nodes.indexers import Blocks, OIndex, VIndex
from simplezarr.nodes.lazy import Lazy

INTRODUCTION = """\
# API

Every public name with the first sentence of its docstring. `help(name)` has the rest: arguments, errors, an example. \
A verb that ends in `_future` returns a `concurrent.futures.Future` at once.

This page is made by `python -m tests.support.api_page > docs/api.md`, and the tests compare its names with the package.
"""

ENVIRONMENT = """\
## Environment variables

| variable | meaning |
|---|---|
| `SIMPLEZARR_NUM_THREADS` | threads of a call, as `set_num_threads`; 1: all in the calling thread |
| `SIMPLEZARR_PARTIAL_ZSTD` | 0 leaves all decoding of zstd to libzstd |
"""

SPECIAL = ("__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__", "__len__")
SPELLED = {
    "__getitem__": "[{}]",
    "__setitem__": "[{}] = {}",
    "__delitem__": "del [{}]",
    "__contains__": "{} in",
    "__iter__": "iter()",
    "__len__": "len()",
}


def sentence(thing):
    """Return the first sentence of a docstring, on one line."""
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return re.split(r"\.(?= [A-Z`])", text)[0].removesuffix(".").replace("|", "\\|")


def signature(thing):
    """Return the arguments in parentheses, without types."""
    try:
        found = inspect.signature(thing)
    except ValueError:
        return "()"
    arguments = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"]
    return (
        str(found.replace(parameters=arguments, return_annotation=found.empty))
        .replace("Ellipsis", "...")
        .replace("|", "\\|")
    )


def table(heading, rows):
    """Return a table with a heading."""
    rows = [*rows]
    lines = [f"| `{name}` | {what} |" for name, what in rows]
    assert all(what for _, what in rows), [name for name, what in rows if not what]
    return "\n".join([heading, "", "| name | meaning |", "|---|---|", *lines, ""])


def members(kind):
    """Yield (spelling, sentence) for the public members of a class, attributes first."""
    own = [name for base in kind.__mro__ if base.__module__.startswith("simplezarr") for name in vars(base)]
    found = {name: inspect.getattr_static(kind, name) for name in sorted({*own}) if not name.startswith("_")}
    for name, member in found.items():
        if isinstance(member, property):
            yield name, sentence(member)
    for name in [*(name for name in SPECIAL if hasattr(kind, name)), *found]:
        member = getattr(kind, name)
        if not callable(member) or isinstance(found.get(name), property):
            continue
        if name not in SPECIAL:
            yield name + signature(member), sentence(member)
        elif name in vars(kind) and sentence(member):
            names = [p for p in inspect.signature(member).parameters if p != "self"]
            yield SPELLED[name].format(*names), sentence(member)


def functions(module):
    """Yield (spelling, sentence) for the public functions of a module."""
    for name in module.__all__:
        if callable(getattr(module, name)) and not inspect.isclass(getattr(module, name)):
            yield name + signature(getattr(module, name)), sentence(getattr(module, name))


def written(*paths):
    """Yield the same for the public functions of files, which are not imported: they need a package."""
    for path in paths:
        tree = ast.parse((Path(sz.__file__).parent / path).read_text("utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                for argument in (*node.args.args, *node.args.kwonlyargs):
                    argument.annotation = None
                found = " ".join(ast.get_docstring(node).split("\n\n")[0].split())
                what = re.split(r"[.:](?= [A-Z`])", found)[0].removesuffix(".").replace("|", "\\|")
                yield f"{node.name}({ast.unparse(node.args)})", what


def classes(module, base, *, arguments=True):
    """Yield (spelling, sentence) for the public classes of a module."""
    for name in module.__all__:
        kind = getattr(module, name)
        if inspect.isclass(kind) and issubclass(kind, base):
            yield name + (signature(kind) if arguments else ""), sentence(kind)


def errors():
    """Yield (spelling, sentence) for the exceptions and warnings."""
    for name in sz.__all__:
        kind = getattr(sz, name)
        if inspect.isclass(kind) and issubclass(kind, BaseException):
            also = [base.__name__ for base in kind.__mro__[1:] if base.__module__ == "builtins"]
            also = [base for base in also if base not in ("Exception", "BaseException", "object", "Warning")]
            yield name, sentence(kind) + (f" (also {', '.join(also)})" if also else "")


def page():
    """Return the text of the page."""
    parts = [
        INTRODUCTION,
        table("## Functions", functions(sz)),
        table("## Array", members(sz.Array)),
        table("## Group", members(sz.Group)),
        table("## Attributes: `node.attrs`", members(Attributes)),
        table("## Lazy selections: `array.lazy[...]`", members(Lazy)),
        table(
            "## Indexers", [("oindex", sentence(OIndex)), ("vindex", sentence(VIndex)), ("blocks", sentence(Blocks))]
        ),
        table("## Stores", classes(sz, sz.Store)),
        table("### Methods of a store", members(sz.Store)),
        table("## Codecs: `simplezarr.codecs`", classes(sz.codecs, sz.codecs.Codec)),
        table("## For authors of stores and codecs: `simplezarr.testing`", functions(sz.testing)),
        table("## Tools: `simplezarr.utils`", functions(sz.utils)),
        table("## Training: `simplezarr.loader`", classes(loader, object)),
        table("### `Loader`", members(loader.Loader)),
        table("## OME-Zarr: `simplezarr.ome`", functions(simplezarr.ome)),
        table("### `Image`", members(simplezarr.ome.Image)),
        table("## xarray: `simplezarr.xarray`", [*classes(sz.xarray, object, arguments=False), *functions(sz.xarray)]),
        table("## zarr-python: `simplezarr.zarr_python`", [*functions(zarr_python), *classes(zarr_python, object)]),
        table("### `CodecPipeline`", members(zarr_python.CodecPipeline)),
        table("## Arrays of dask: `simplezarr.dask`", functions(simplezarr.dask)),
        table("## PyTorch: `simplezarr.torch`", written("torch/datasets.py", "torch/devices.py")),
        table("## Errors and warnings", errors()),
        ENVIRONMENT,
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
