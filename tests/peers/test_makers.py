"""Hierarchies of real makers of Zarr are read bit for bit: made anew if the maker is installed, else as stored here."""

import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.utils import check
from tests.oracle import v3 as oracle

ROOT = Path(__file__).parents[2]
#: What has to be installed, and the first part of its version.
MAKERS = {
    "netcdf4": ("netCDF4", "1"), "rasterio_": ("rasterio", "1"), "zarr2": ("zarr", "2"), "zarr3": ("zarr", "3"),
    "zarrs_": ("zarrs", "0"), "tensorstore_": ("tensorstore", "0"),
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")


def kept(maker, directory):
    """Unpack what the maker made when it was kept."""
    with tarfile.open(Path(__file__).parent / "makers" / "made" / f"{maker}.tar.xz") as archive:
        archive.extractall(directory, filter="data")


def live(maker, directory):
    """Have the maker write here and now."""
    module, version = MAKERS[maker]
    try:
        installed = importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{module} is not installed")
    if installed.split(".")[0] != version:
        pytest.skip(f"{module} is version {installed}, not {version}")
    command = [sys.executable, "-m", "tests.peers.makers", maker, str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120, capture_output=True)


@pytest.fixture(scope="module", params=[f"{way.__name__}-{maker}" for maker in MAKERS for way in (kept, live)])
def made(request, tmp_path_factory):
    """A directory of stores, and the expected values by "store::path"."""
    way, maker = request.param.split("-")
    directory = tmp_path_factory.mktemp(request.param)
    {"kept": kept, "live": live}[way](maker, directory)
    with np.load(directory / "expected.npz") as archive:
        return directory, {name: archive[name] for name in archive.files}


def same(found, want):
    """Whether all elements have the same bits, whatever the byte order or the kind of text."""
    if want.dtype.names:
        return all(same(found[name], want[name]) for name in want.dtype.names)
    if want.dtype.kind == "U":
        return found.shape == want.shape and (found.astype(want.dtype) == want).all()
    return oracle.same(found, want.astype(want.dtype.newbyteorder("=")).astype(found.dtype, copy=False))


def test_all_arrays_are_read(made):
    directory, expected = made
    assert expected
    wrong = []
    for name, want in expected.items():
        store, _, path = name.partition("::")
        for source in (str(directory / store), oracle.load(directory / store)):
            try:
                found = sz.open_array(source, path)
                part = tuple(slice(1, n, 2) for n in want.shape)
                good = found.shape == want.shape and same(found[...], want) and same(found[part], want[part])
            except sz.ZarrError as error:
                good, name = False, f"{name}: {error}"
            if not good:
                wrong.append(name)
    assert not wrong


def test_groups_list_what_was_made(made):
    directory, expected = made
    for name in expected:
        store, _, path = name.partition("::")
        if path:
            group, _, child = path.rpartition("/")
            assert child in [*sz.open_group(str(directory / store), group)]


def test_nothing_is_wrong_with_them(made):
    directory, expected = made
    for store in sorted({name.partition("::")[0] for name in expected}):
        problems = check(str(directory / store)).problems
        assert not [problem for problem in problems if problem.severity == "error"]
