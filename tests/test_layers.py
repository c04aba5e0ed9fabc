"""The shape of the code: which module may import which, who may use threads, what an import costs, how long things are.

Needs the source tree: it reads the files.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.helpers import python

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "simplezarr"

#: A module imports only from rows above its own; within a row, or a package, all may import each other.
LAYERS = [
    ["errors"],
    ["extensions", "handles", "json_text", "leniency"],
    ["dtypes", "keys", "values", "chunking", "operators"],
    ["_plan", "_results"],
    ["_points", "selection"],
    ["_worker"],
    ["_codecs", "_vlen"],
    ["_deflate", "_filters"],
    ["_pipeline"],
    ["_files", "_flights", "_moves"],
    ["_blocks", "_walk"],
    ["_decode"],
    ["_scatter", "_encode"],
    ["_pool"],
    ["_turns"],
    ["futures", "_crew"],
    ["executor"],
    ["_locks"],
    ["_replace"],
    ["codecs"],
    ["stores"],
    ["copying"],
    ["consolidated", "grids", "metadata_json"],
    ["layout"],
    ["metadata"],
    ["v2_types"],
    ["v2_codecs"],
    ["metadata_v2"],
    ["documents"],
    ["copies", "strays"],
    ["hierarchy"],
    ["attributes", "create", "stored"],
    ["resize"],
    ["_source"],
    ["_job"],
    ["_read", "_make"],
    ["_spare"],
    ["_read_scatter", "_write", "cropped"],
    ["_write_scatter", "objects"],
    ["access"],
    ["batch", "views", "lazy"],
    ["waiting"],
    ["array", "rectilinear", "unfilled", "group", "tree", "foreign", "api", "__init__"],
    ["testing", "utils"],
    ["__main__"],
]
ROWS = {name: row for row, names in enumerate(LAYERS) for name in names}
#: Roots of what only `executor` and what it stands on may import.
THREADS = {"threading", "_thread", "concurrent", "queue", "multiprocessing", "asyncio", "selectors", "sched"}

LONGEST_FILE, LONGEST_TEST, LONGEST_FUNCTION = 400, 600, 50
#: What may be longer, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {"simplezarr/api.py::create_array": "its docstring is the reference of 15 arguments"}


def sources(*patterns):
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [
        path for path in files if not (path.suffix == ".c" and path.with_suffix(".pyx").exists())
    ]  # Cython's output


def room(path):
    """The name in the table: of the module, or of the package it is in."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


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


def rooms_imported(path):
    for module, names in imported(path):
        parts = module.split(".")
        if parts[0] == "simplezarr" and len(parts) > 1:
            yield parts[1]
        elif parts[0] == "simplezarr":
            yield from (name if name in ROWS else "__init__" for name in names or ["__init__"])


MODULES = sources("simplezarr/**/*.py", "simplezarr/**/*.pyx", "simplezarr/**/*.pxd")
C_SOURCES = sources("csrc/*.c", "csrc/*.h")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = room(path)
    assert own in ROWS, f"{own} has no row in the table: give it one, here and in docs/design.md"
    for other in rooms_imported(path):
        assert other in ROWS, f"{path.name} imports {other}, which has no row in the table"
        assert other == own or ROWS[other] < ROWS[own] or other in LAYERS[ROWS[own]], (
            f"{own} imports {other} from above it"
        )


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    present = [".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")]
    assert sorted(listed) == sorted(present)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_threads_live_in_one_module(path):
    if path.stem not in ("executor", "_pool", "futures") and path != PACKAGE / "__init__.py":
        assert not {module.split(".")[0] for module, _ in imported(path)} & THREADS


def test_the_check_sees_imports(tmp_path):
    path = tmp_path / "x.pyx"
    path.write_text(
        "from simplezarr._plan cimport (\n    Plan, Row as R)  # why\nfrom simplezarr import executor, Array\n"
        "cimport numpy as cnp\ndef f():\n    import threading, os.path as p\n    from simplezarr.stores.base import S\n"
    )
    assert sorted(rooms_imported(path)) == ["__init__", "_plan", "executor", "stores"]
    assert {"numpy", "threading", "os.path"} < {module for module, _ in imported(path)}
    path = tmp_path / "x.py"
    path.write_text("import simplezarr\nif True:\n    from simplezarr import keys\n    import queue\n")
    assert sorted(rooms_imported(path)) == ["__init__", "keys"]


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
    "path", MODULES + C_SOURCES + sources("csrc/tests/*.c", "tests/*.py"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_are_short(path):
    name = path.relative_to(ROOT).as_posix()
    limit = LONGEST_TEST if "tests/" in name else LONGEST_FILE
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= limit or name in LONG_FILES, f"{name} has {lines} lines; split it, or say in LONG_FILES why"


@pytest.mark.parametrize("path", MODULES + C_SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path):
    name = path.relative_to(ROOT).as_posix()
    long = {f"{name}::{function}": n for function, n in functions(path) if n > LONGEST_FUNCTION}
    assert not long.keys() - LONG_FUNCTIONS.keys(), f"more than {LONGEST_FUNCTION} lines: {long}"


def test_the_median_function_is_short():
    lengths = sorted(n for path in MODULES + C_SOURCES for _, n in functions(path))
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
            if isinstance(node, ast.FunctionDef):
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


def test_the_check_sees_functions():
    assert dict(cython_functions(CYTHON.splitlines())) == {"f": 5, "g": 3, "last": 2}
    assert dict(c_functions(C.splitlines())) == {"f": 5, "g": 2}
