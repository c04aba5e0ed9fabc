"""The extension modules: which C files each is made of. Everything else about the project is in pyproject.toml."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

BLOSC2 = Path(find_spec("blosc2").origin).parent / "lib"  # its static archive holds zstd, zlib-ng, lz4 and the shuffles
WINDOWS = sys.platform == "win32"

ARCHIVE = [str(next(path for path in (BLOSC2 / "libblosc2.a", BLOSC2 / "libblosc2.lib") if path.exists()))]
COMPILE = ["/std:c11", "/O2"] if WINDOWS else ["-std=c11", "-O3", "-g0", "-fvisibility=hidden"]
LINK = ["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else []

EXTENSIONS = {  # module: (C files, archives)
    "_plan": ([], []),
    "_results": (["results"], []),
    "_points": ([], []),
    "_worker": ([], []),
    "_codecs": (["crc32c", "blosc1", "snappy", "zstd", "zstd_prefix"], ARCHIVE),
    "_deflate": (["equal"], ARCHIVE),
    "_filters": (["filters"], ARCHIVE),
    "_vlen": (["vlen"], []),
    "_pipeline": (["copy"], []),
    "_moves": (["copy", "equal", "gather"], []),
    "_files": (["files", "directories", "temporary"], []),
    "_replace": (["draft", "draft_lock", "directories", "temporary", "tree", "files", "parts", "relay"], []),
    "_flights": (["copy"], []),
    "_locks": ([], []),
    "_pool": ([], []),
    "_turns": ([], []),
    "_crew": ([], []),
    "_blocks": (["copy", "copy_run"], []),
    "_walk": ([], []),
    "_decode": (["copy", "files", "box"], []),
    "_encode": ([], []),
    "_source": ([], []),
    "_job": (["files"], []),
    "_scatter": ([], []),
    "_read": ([], []),
    "_read_scatter": (["copy"], []),
    "_make": ([], []),
    "_spare": (["files", "relay"], []),
    "_write": (["draft", "draft_lock", "directories", "temporary", "files", "parts", "relay"], []),
    "_write_scatter": ([], []),
}

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "binding": True,
    "autotestdict": False,
    "freethreading_compatible": True,
}


def extension(name: str, sources: list[str], archives: list[str]) -> Extension:
    return Extension(
        f"simplezarr.{name}",
        [f"simplezarr/{name}.pyx", *(f"csrc/{source}.c" for source in sources)],
        include_dirs=["csrc", numpy.get_include()],
        define_macros=[(f"NPY_{use}", "NPY_2_0_API_VERSION") for use in ("NO_DEPRECATED_API", "TARGET_VERSION")],
        extra_objects=archives,
        extra_compile_args=COMPILE,
        extra_link_args=LINK,
        depends=[str(path) for path in Path("csrc").glob("*.h")],
    )


setup(
    ext_modules=cythonize(
        [extension(name, *parts) for name, parts in EXTENSIONS.items()],
        compiler_directives=DIRECTIVES,
        build_dir=f"build/cython-numpy-{numpy.__version__}",  # what is generated follows the declarations of this NumPy
    )
)
