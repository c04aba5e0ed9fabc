"""The C kernels, compiled with every warning an error and run under the address and undefined behaviour sanitizers.

`SIMPLEZARR_FUZZ_RUNS` lengthens the random loops of the programs in csrc/tests: `SIMPLEZARR_FUZZ_RUNS=1000000`.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
KERNELS = sorted(path for path in CSRC.rglob("*.c") if path.parent.name != "tests")
HEADERS = sorted(path.relative_to(CSRC).as_posix() for path in CSRC.rglob("*.h") if path.parent.name != "tests")
TESTS = sorted(path.stem for path in (CSRC / "tests").glob("test_*.c"))
WARNINGS = [
    *("-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wcast-qual"),
    *("-Wstrict-prototypes", "-Wmissing-prototypes"),
]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"]
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or ""

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the sanitizers' flags are those of GCC and Clang"),
    pytest.mark.skipif(not COMPILER, reason="there is no C compiler: set CC, or install gcc or clang"),
]


def compile_c(arguments: list[str], cwd: Path) -> None:
    command = [*COMPILER.split(), "-std=c11", *WARNINGS, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run(program: Path, **environment: str) -> None:
    everything = os.environ | {"ASAN_OPTIONS": "quarantine_size_mb=1"} | environment
    done = subprocess.run([str(program)], env=everything, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def compressors() -> str:
    """The archive of the blosc2 wheel that holds them."""
    specification = importlib.util.find_spec("blosc2")
    assert specification is not None, "the tests need the blosc2 wheel: pip install blosc2"
    return str(Path(str(specification.origin)).parent / "lib" / "libblosc2.a")


def compile_all(options: list[str], sources: Iterable[Path], cwd: Path) -> None:
    """Each by itself, as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda source: compile_c([*options, "-c", str(source)], cwd), sources))


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the object files of all kernels and of their tests, sanitized."""
    folder = tmp_path_factory.mktemp("objects")
    compile_all([f"-I{CSRC}", "-O1", *SANITIZERS], CSRC.rglob("*.c"), folder)
    return folder


def test_no_warnings(tmp_path: Path) -> None:
    compile_all([f"-I{CSRC}", "-O3"], KERNELS, tmp_path)


def test_system_without_files(tmp_path: Path) -> None:
    """Where the C code knows no files, each function of theirs is still there, as those who call it are."""

    def functions(*options: str) -> set[str]:
        files = [
            str(CSRC / "io" / f"{name}.c")
            for name in (
                *("files", "directories", "temporary_file", "tree"),
                *("replacement", "replacement_lock", "segments", "file_copy"),
            )
        ]
        compile_c([f"-I{CSRC}", "-O1", *options, "-c", *files], cwd=tmp_path)
        objects = [str(path) for path in tmp_path.glob("*.o")]
        symbols = subprocess.run(["nm", *objects], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1] for line in symbols.splitlines() if " T " in line}

    assert functions() == functions("-DSZ_HAVE_FILES=0")


@pytest.mark.parametrize("header", HEADERS)
def test_header_stands_alone(header: str, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{header}"\nint main(void) {{ return 0; }}\n')
    compile_c([f"-I{CSRC}", "-Wno-unused-function", "-c", str(source)], cwd=tmp_path)


@pytest.mark.parametrize("name", TESTS)
def test_kernel(name: str, objects: Path, tmp_path: Path) -> None:
    parts = [name, *(path.stem for path in KERNELS)]
    files = [*(str(objects / f"{part}.o") for part in parts), compressors()]
    compile_c([*SANITIZERS, *files, "-lpthread", "-lm", "-ldl", "-o", name], cwd=tmp_path)
    run(tmp_path / name)


def test_copy_without_vectors(tmp_path: Path) -> None:
    """The loops for processors that have no vectors."""
    sources = [str(CSRC / "tests" / "test_copy.c"), str(CSRC / "array" / "copy.c"), str(CSRC / "array" / "copy_run.c")]
    compile_c(["-O1", "-DSZ_PORTABLE", f"-I{CSRC}", *SANITIZERS, *sources, "-o", "portable"], cwd=tmp_path)
    run(tmp_path / "portable", SIMPLEZARR_FUZZ_RUNS="300")


def test_convert_without_wide_vectors(tmp_path: Path) -> None:
    """The loops for processors without AVX2."""
    array = CSRC / "array"
    sources = [str(array / name) for name in ("convert.c", "convert_kernels.c", "copy.c")]
    options = ["-O1", "-DSZ_PORTABLE", f"-I{CSRC}", *SANITIZERS, str(CSRC / "tests" / "test_convert.c"), *sources]
    compile_c([*options, "-lm", "-o", "portable"], cwd=tmp_path)
    run(tmp_path / "portable", SIMPLEZARR_FUZZ_RUNS="100")


def test_zstd_without_bmi(tmp_path: Path) -> None:
    """The decoder of beginnings for processors without the instructions that it takes where they are."""
    sources = [
        str(CSRC / "tests" / "test_zstd_prefix.c"),
        str(CSRC / "codecs" / "zstd_partial" / "zstd_prefix.c"),
        compressors(),
    ]
    libraries = ["-lpthread", "-lm", "-ldl"]
    compile_c(["-O1", "-DSZ_PORTABLE", f"-I{CSRC}", *SANITIZERS, *sources, *libraries, "-o", "portable"], cwd=tmp_path)
    run(tmp_path / "portable")
