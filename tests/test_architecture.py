"""The shape of the code: which module may import which, who may use threads, what an import costs, how long things are.

Needs the source tree: it reads the files.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.helpers import python

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "simplezarr"

#: The architecture, lowest row first: a folder imports only from rows before its own.
ROWS = [
    ["csrc"],
    ["errors", "runtime"],
    ["engine/geometry", "engine/kernels"],
    ["engine/files", "engine/memory"],
    ["engine/chunks"],
    ["engine/jobs"],
    ["schema"],
    ["dtypes"],
    ["codecs"],
    ["metadata", "stores"],
    ["hierarchy", "indexing"],
    ["transfer"],
    ["nodes"],
    ["api", "__init__"],
    ["loader"],
    ["testing", "tools", "utils", "dask", "torch", "xarray", "zarr_python"],
    ["ome"],
    ["cli", "__main__"],
]
ROW = {folder: number for number, folders in enumerate(ROWS) for folder in folders}
#: Fronts that import what they name: `utils` is the public name of `tools`, `__main__` runs the command.
FRONTS = {("utils", "tools"), ("__main__", "cli"), ("__init__", "api"), ("__init__", "testing"), ("__init__", "utils")}
#: Roots of what only `executor` and what it stands on may import.
THREADS = {"threading", "_thread", "concurrent", "queue", "multiprocessing", "asyncio", "selectors", "sched"}

#: What other libraries await is made of futures, by a function that imports asyncio when it is awaited.
AWAITED = {"xarray/lazy.py": {"asyncio"}}

LONGEST_FILE, LONGEST_TEST, LONGEST_FUNCTION = 400, 600, 50
LONGEST_C_LINE, MOST_C_PARAMETERS = 110, 8
#: What may be longer, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "simplezarr/ome/creation.py::create": "its docstring is the reference of 18 arguments",
    "simplezarr/ome/pyramids.py::build_pyramid": "its docstring is the reference of 13 arguments",
    "simplezarr/nodes/creation.py::create_array": "its docstring is the reference of 15 arguments",
    "simplezarr/tools/copy/copy.py::copy": "its docstring is the reference of 12 arguments",
    "simplezarr/xarray/writing.py::to_zarr": "its docstring is the reference of 17 arguments",
}


def sources(*patterns):
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [
        path for path in files if not (path.suffix == ".c" and path.with_suffix(".pyx").exists())
    ]  # Cython's output


def folder(name):
    """Return the folder in the table that a dotted name below `simplezarr` belongs to, None for the name of a package.

    >>> folder("engine.jobs.read"), folder("nodes.array"), folder("api"), folder("engine")
    ('engine/jobs', 'nodes', 'api', None)
    """
    parts = name.split(".")
    return next((found for found in ("/".join(parts[:2]), parts[0]) if found in ROW), None)


def module(path):
    """Return the dotted name of a file's module, below `simplezarr`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported(path):
    """(module, names) of every import in a Python or Cython file, those inside functions too."""
    text = path.read_text("utf-8")
    if path.suffix in (".pyx", ".pxd"):
        text = re.sub(r"\\\n", " ", text)
        for module, names in re.findall(r"^\s*from\s+([\w.]+)\s+c?import\s+(\([^)]*\)|.*)", text, re.MULTILINE):
            yield module, re.findall(r"\w+", re.sub(r"\bas\s+\w+|#.*", "", names))
        for modules in re.findall(r"^\s*c?import\s+([\w., ]+)", text, re.MULTILINE):
            for module in re.sub(r"\bas\s+\w+", "", modules).split(","):
                yield module.strip(), []
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            yield node.module, [alias.name for alias in node.names]


def modules_imported(path):
    """Yield the dotted name, below `simplezarr`, of each module that a file imports."""
    known = {module(other) for other in MODULES}
    for source, names in imported(path):
        root, _, own = source.partition(".")
        if root != "simplezarr":
            continue
        for name in names or [""]:
            inner = ".".join(filter(None, (own, name)))
            yield inner if inner in known else own or "__init__"


MODULES = sources(*(f"simplezarr/**/*.{suffix}" for suffix in ("py", "pyx", "pxd", "pyi")))
CODE = [path for path in MODULES if path.suffix != ".pyi"]
C_FILES = sources("csrc/**/*.c", "csrc/**/*.h")
C_SOURCES = [path for path in C_FILES if path.parent.name != "tests"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = folder(module(path))
    if path.name == "__init__.py" and own is None:
        return  # of a package whose folders have the rows
    assert own is not None, (
        f"{module(path)} has no row in the table: give its folder one, here and in docs/architecture.md"
    )
    for other in modules_imported(path):
        target = folder(other)
        if target is None or target == own:
            continue
        down = ROW[target] < ROW[own] or (own, target) in FRONTS
        assert down, f"{module(path)} imports {other}, which is not below it"


def test_no_circles():
    """No module imports itself through others, also not from within functions or for types alone."""
    graph = {}
    for path in MODULES:
        if path.name != "__init__.py":
            graph.setdefault(module(path), set()).update(set(modules_imported(path)) - {module(path)})
    while leaves := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"circles among {sorted(graph)}"


def test_functions_in_c_are_declared_once():
    """Those of csrc below `simplezarr/csrc`, each of the rest in one file."""
    declared = {}
    for path in MODULES:
        text = path.read_text("utf-8")
        for header, names in re.findall(r'^cdef extern from "([^"]+)".*:\n((?:(?:    .*)?\n)+)', text, re.MULTILINE):
            assert (ROOT / "csrc" / header).exists() == (folder(module(path)) == "csrc"), f"{path} declares {header}"
            for name in re.findall(r"\b(\w+)\(", names):
                declared.setdefault(name, []).append(path)
    assert {"sz_copy", "PyThread_release_lock"} < declared.keys()
    assert not {name: paths for name, paths in declared.items() if len(paths) > 1}


def test_every_folder_is_a_package():
    """Otherwise it would not be installed."""
    assert all((path.parent / "__init__.py").exists() for path in MODULES)


#: Folders of tests that mirror no folder of the package: other software, a reader of our own, attacks, what tests use.
TESTS_ALONE = {"peers", "oracle", "fuzz", "support"}


def test_the_folders_of_tests_are_those_of_the_package():
    """What tests `a/b.py`? `tests/a/`, and `tests/a/test_b.py` if one file does."""
    tests = ROOT / "tests"
    for path in sorted(tests.rglob("test_*.py")):
        place = path.parent.relative_to(tests)
        alone = place.parts and place.parts[0] in TESTS_ALONE
        assert alone or (PACKAGE / place).is_dir(), f"{path}: the package has no folder {place}"
        assert (path.parent / "__init__.py").exists(), f"{path.parent}: without __init__.py its tests can't be imported"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_threads_live_in_one_module(path):
    if path.parent.name != "runtime" and path != PACKAGE / "__init__.py":
        allowed = AWAITED.get(path.relative_to(PACKAGE).as_posix(), set())
        assert not {module.split(".")[0] for module, _ in imported(path)} & THREADS - allowed


def test_the_check_sees_imports(tmp_path):
    path = tmp_path / "x.pyx"
    path.write_text(
        "from simplezarr.engine.geometry.plan cimport (\n    Plan, Row as R)  # why\n"
        "from simplezarr.runtime import executor\nfrom simplezarr import Array\n"
        "cimport numpy as cnp\ndef f():\n    import threading, os.path as p\n    from simplezarr.stores.base import S\n"
    )
    assert sorted(set(modules_imported(path))) == [
        "__init__",
        "engine.geometry.plan",
        "runtime.executor",
        "stores.base",
    ]
    assert {"numpy", "threading", "os.path"} < {module for module, _ in imported(path)}
    path = tmp_path / "x.py"
    path.write_text("import simplezarr\nif True:\n    from simplezarr import errors\n    import queue\n")
    assert sorted(set(modules_imported(path))) == ["__init__", "errors"]


# ---------------------------------------------------------------- types of nodes

#: Names of parameters that are nodes, handles or stores, and attributes that only these have.
NODE_NAMES = {"array", "group", "node", "handle", "store", "parent"}
NODE_ATTRIBUTES = {
    "attrs", "chunks", "grid", "metadata", "path", "read_only", "shards", "store", "transfer", "write_empty_chunks",
}  # fmt: skip


def untyped_nodes(tree):
    """Yield "function(parameter)" for each parameter that is `Any` although it is named or used as a node is."""
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation is None or ast.unparse(argument.annotation).strip("'\"") != "Any":
                continue
            used = {
                node.attr
                for node in ast.walk(function)
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == argument.arg
            }
            if argument.arg in NODE_NAMES or used & NODE_ATTRIBUTES:
                yield f"{function.name}({argument.arg})"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.suffix in (".py", ".pyi")],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_nodes_have_types(path):
    """`Any` would hide which of a node's members a module uses, also of a node from a folder above."""
    assert not [*untyped_nodes(ast.parse(path.read_text("utf-8")))]


def test_the_check_sees_untyped_nodes():
    code = """
def f(array: Any, value: Any, handle: ArrayHandle): return value.shape
class C:
    def g(self, x: "Any", /, *, y: Any, z: object): return lambda: x.metadata.fill + y.dtype
def h(node): return node.metadata
"""
    assert [*untyped_nodes(ast.parse(code))] == ["f(array)", "g(x)"]


def private_names(tree):
    """Return the private attributes that a module defines, and those that it uses of other objects than `self`."""
    defined, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            defined.add(node.value)  # a slot
        elif isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (defined if own and isinstance(node.ctx, ast.Store) else used).add(node.attr)
    return defined, used


#: Public in spite of their names; and what a subclass of xarray's `ZarrStore` has to use.
PUBLIC = {"_getframe", "_replace"} | {
    "_append_dim", "_mode", "_use_zarr_fill_value_as_mask", "_validate_and_autodetect_region", "_validate_encoding",
    "_write_empty", "_write_region",
}  # fmt: skip


def test_private_members_stay_in_their_folder():
    folders = {}
    for path in CODE:
        if path.suffix == ".py":
            folders.setdefault(path.parent, []).append(private_names(ast.parse(path.read_text("utf-8"))))
    for parent, modules in folders.items():
        defined = set().union(*(names for names, _ in modules))
        strangers = set().union(*(names for _, names in modules)) - defined - PUBLIC
        assert not strangers, f"{parent.relative_to(ROOT)} uses private members of other folders: {strangers}"


def test_the_check_sees_private_members():
    defined, used = private_names(ast.parse("class A:\n    __slots__ = ('_a',)\n    def _f(self, b): self._g = b._h"))
    assert {"_a", "_f", "_g"} <= defined
    assert used == {"_h"}


# ---------------------------------------------------------------- what an import does

HEAVY = [
    "asyncio",
    "concurrent.futures",
    "logging",
    "urllib",
    "pathlib",
    "importlib.metadata",
    "zipfile",
    "http",
    "ssl",
]


def test_import_is_light_and_starts_nothing(tmp_path):
    code = f"""
import sys, numpy
before = set(sys.modules)
import simplezarr
[getattr(simplezarr, name) for name in simplezarr.__all__]  # loads what each of them needs
print([name for name in {HEAVY} if name in set(sys.modules) - before], "asyncio" in sys.modules)
import threading
print([thread.name for thread in threading.enumerate()])
"""
    assert python(code, seconds=60, directory=tmp_path).splitlines() == ["[] False", "['MainThread']"]


def test_import_costs_little(tmp_path):
    code = """
import sys, numpy, time
before, start = set(sys.modules), time.process_time()
import simplezarr
print((time.process_time() - start) * 1000, len(set(sys.modules) - before))
"""
    costs = [python(code, seconds=60, directory=tmp_path).split() for _ in range(3)]
    assert min(float(milliseconds) for milliseconds, _ in costs) <= 25
    assert {count for _, count in costs} == {"1"}


def test_reading_does_not_import_asyncio(tmp_path):
    code = """
import sys, json
import simplezarr as sz
document = {"zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "uint8", "fill_value": 7,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}}, "chunk_key_encoding": "default",
            "codecs": ["bytes"]}
a = sz.open({"zarr.json": json.dumps(document).encode(), "c/2": b"x"})
print(a[...].tolist(), a.read_future().result(10).tolist(), "asyncio" in sys.modules)
"""
    assert python(code, seconds=60, directory=tmp_path).strip() == "[7, 7, 120, 7] [7, 7, 120, 7] False"


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    "path", CODE + C_FILES + sources("tests/**/*.py"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_are_short(path):
    name = path.relative_to(ROOT).as_posix()
    limit = LONGEST_TEST if "tests/" in name else LONGEST_FILE
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= limit or name in LONG_FILES, f"{name} has {lines} lines; split it, or say in LONG_FILES why"


@pytest.mark.parametrize("path", CODE + C_SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path):
    name = path.relative_to(ROOT).as_posix()
    long = {f"{name}::{function}": n for function, n in functions(path) if n > LONGEST_FUNCTION}
    assert not long.keys() - LONG_FUNCTIONS.keys(), f"more than {LONGEST_FUNCTION} lines: {long}"


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_c_lines_are_short(path):
    long = [n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > LONGEST_C_LINE]
    assert not long, f"lines {long} have more than {LONGEST_C_LINE} columns: run clang-format"


def test_c_functions_take_few_parameters():
    """What belongs together is one structure: a box, a place (docs/decisions/0073)."""
    function = re.compile(r"^(?:\w+[ *]+)+(\w+)\(([^()]*)\)\s*[;{]", re.MULTILINE)
    counts = {
        f"{path.relative_to(ROOT).as_posix()}::{name}": parameters.count(",") + 1
        for path in C_FILES
        for name, parameters in function.findall(path.read_text("utf-8"))
    }
    assert counts["csrc/array/copy.h::sz_copy"] == 4
    assert not {name: n for name, n in counts.items() if n > MOST_C_PARAMETERS}


def test_the_median_function_is_short():
    lengths = sorted(n for path in CODE + C_SOURCES for _, n in functions(path))
    assert lengths[len(lengths) // 2] < 12


def test_allowances_are_needed():
    for name, reason in (LONG_FILES | LONG_FUNCTIONS).items():
        assert reason
        path, _, function = name.partition("::")
        assert (ROOT / path).exists()
        if function:
            assert dict(functions(ROOT / path)).get(function, 0) > LONGEST_FUNCTION, f"{name} needs no allowance"


def functions(path):
    """(name, lines) of each function."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.end_lineno - node.lineno + 1
    elif path.suffix in (".c", ".h"):
        yield from c_functions(text.splitlines())
    else:
        yield from cython_functions(text.splitlines())


def c_functions(lines):
    head, function = 0, None
    for i, line in enumerate(lines):
        if function is not None:
            if line.startswith("}"):
                if function:
                    yield function, i - head + 1
                function = None
        elif line.endswith("{"):
            name = re.match(r"[^={]*?(\w+)\s*\(", " ".join(lines[head : i + 1]))
            function = name[1] if name else ""  # a struct or a table
        elif line.endswith((";", "*/")) or line.startswith("#") or not line:
            head = i + 1
        if function is None and line.startswith("}"):
            head = i + 1


def cython_functions(lines):
    for i, line in enumerate(lines):
        head = re.match(
            r"( *)(?:c?p?def|cpdef)\s+(?!class\b|extern\b|enum\b|struct\b|union\b|packed\b)[^=(]*?(\w+)\(", line
        )
        if not head:
            continue
        end = i
        while not re.search(r":\s*(#.*)?$", lines[end]) and end + 1 < len(lines) and ")" not in lines[end]:
            end += 1  # a signature over several lines
        if not re.search(r":\s*(#.*)?$", lines[end]):
            continue  # a declaration
        indent, last = len(head[1]), end
        for j in range(end + 1, len(lines)):
            if lines[j].strip():
                if len(lines[j]) - len(lines[j].lstrip()) <= indent:
                    break
                last = j
        yield head[2], last - i + 1


CYTHON = """\
cdef class A:
    def f(self,
          x):
        pass

        pass
    cdef int g(self) except -1:
        cdef int y = h(3)
        return 1
cdef int h(int x) noexcept nogil
def last():
    pass
"""
C = """\
/* f(x) { */
static int f(int a,
             int b) {
  if (a) {
  }
}
struct s {
  int (*f)(int);
};
static const int table[] = {
  f(1),
};
int declared(int x);

int g(void) {
}
"""


def test_linters_have_one_version():
    """What runs before a commit is what `.ci/run` runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    pinned = project["project"]["optional-dependencies"]["lint"]
    hooks = re.findall(r"[\w-]+==[\d.]+", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert hooks
    assert set(hooks) <= set(pinned)


def test_the_check_sees_functions():
    assert dict(cython_functions(CYTHON.splitlines())) == {"f": 5, "g": 3, "last": 2}
    assert dict(c_functions(C.splitlines())) == {"f": 5, "g": 2}
