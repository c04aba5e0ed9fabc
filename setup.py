"""The extension modules, and the C library that they link. Everything else about the project is in pyproject.toml."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

BLOSC2 = Path(find_spec("blosc2").origin).parent / "lib"  # its static archive holds zstd, zlib-ng, lz4 and the shuffles
ARCHIVE = str(next(path for path in (BLOSC2 / "libblosc2.a", BLOSC2 / "libblosc2.lib") if path.exists()))
USES_ARCHIVE = {f"simplezarr.engine.kernels.{name}" for name in ("compressors", "deflate", "numcodecs")}

WINDOWS = sys.platform == "win32"
COMPILE = ["/std:c11"] if WINDOWS else ["-std=c11", "-g0", "-fvisibility=hidden"]
KERNELS = ["/O2"] if WINDOWS else ["-O3"]
MODULES = ["/O2"] if WINDOWS else ["-O2"]  # 7 % smaller, and no slower: the loops are in the kernels
LINK = ["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else []

HEADERS = sorted(path.as_posix() for path in Path("csrc").rglob("*.h"))
SOURCES = sorted(path.as_posix() for path in Path("csrc").rglob("*.c") if "tests" not in path.parts)

GENERATED = f"build/cython-numpy-{numpy.__version__}"  # what is generated follows the declarations of this NumPy
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "binding": False,  # functions are those of C extensions: as objects of Cython they take a quarter more of the wheel
    "embedsignature": True,  # for inspect.signature
    "embedsignature.format": "clinic",
    "autotestdict": False,
    "freethreading_compatible": True,
}


class BuildLibrary(build_clib):
    """Build the C library anew: an old archive would keep the objects of sources that no longer exist."""

    def run(self) -> None:
        for archive in Path(self.build_clib).glob("*simplezarr_kernels.*"):
            archive.unlink()
        super().run()


class BuildExtensions(build_ext):
    """Build the C library before the extensions link it, also in place; compile on all processors unless told.

    Modules are translated here, one after the other while others are compiled: what asks for metadata alone needs none.
    """

    translation = Lock()  # Cython has state of its own

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        self.run_command("build_clib")  # which runs once, also if `build` has run it
        super().run()

    def build_extension(self, ext: Extension) -> None:
        with self.translation:
            ext.sources = cythonize([ext], compiler_directives=DIRECTIVES, build_dir=GENERATED)[0].sources
        super().build_extension(ext)


def extension(path: Path) -> Extension:
    name = ".".join(path.with_suffix("").parts)
    return Extension(
        name,
        [path.as_posix()],
        include_dirs=["csrc", numpy.get_include()],
        define_macros=[(f"NPY_{use}", "NPY_2_0_API_VERSION") for use in ("NO_DEPRECATED_API", "TARGET_VERSION")],
        extra_compile_args=[*COMPILE, *MODULES],
        extra_link_args=[*LINK, *([ARCHIVE] if name in USES_ARCHIVE else [])],  # after the library, which needs it
        depends=[*HEADERS, *SOURCES],
    )


setup(
    cmdclass={"build_clib": BuildLibrary, "build_ext": BuildExtensions},
    libraries=[
        (
            "simplezarr_kernels",
            {"sources": SOURCES, "include_dirs": ["csrc"], "cflags": [*COMPILE, *KERNELS], "obj_deps": {"": HEADERS}},
        )
    ],
    ext_modules=[extension(path) for path in sorted(Path("simplezarr").rglob("*.pyx"))],
)
