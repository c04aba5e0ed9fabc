"""Describe what a local path holds instead of a Zarr node, and what opens it, for the message of an error."""

import json
import os

from simplezarr.hierarchy.documents import NODE_DOCUMENTS, RESERVED_NAMES
from simplezarr.schema.extensions import JsonObject
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.urls import may_be_references

__all__ = ["describe"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TIFF = "a TIFF file; tifffile opens it (tifffile.imread)"
_NETCDF = "a netCDF file of the classic format; netCDF4 or xarray opens it"
_UNPACK = "unpack it, or give its content to simplezarr as a Store"
#: What files begin with, and what such files are.
_MAGIC = {
    _HDF5: "an HDF5 file (as netCDF-4 files are); h5py or xarray opens it",
    b"\x0e\x03\x13\x01": "an HDF4 file; pyhdf opens it",
    b"CDF\x01": _NETCDF,
    b"CDF\x02": _NETCDF,
    b"CDF\x05": _NETCDF,
    b"II*\x00": _TIFF,
    b"MM\x00*": _TIFF,
    b"II+\x00": _TIFF,
    b"MM\x00+": _TIFF,
    b"\x93NUMPY": "an array of NumPy; numpy.load opens it",
    b"GRIB": "a GRIB file; cfgrib opens it",
    b"SIMPLE  =": "a FITS file; astropy.io.fits opens it",
    b"PAR1": "a Parquet file; pyarrow or pandas opens it",
    b"ARROW1": "an Arrow file; pyarrow opens it",
    b"SQLite format 3\x00": f"an SQLite database; {_UNPACK}",
    b"\x89PNG": "a PNG image; imageio or Pillow opens it",
    b"\xff\xd8\xff": "a JPEG image; imageio or Pillow opens it",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"BZh": "a bzip2 file; unpack it first",
    b"\xfd7zXZ\x00": "an xz file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it first",
    b"7z\xbc\xaf\x27\x1c": f"a 7z archive; {_UNPACK}",
}
_HEAD = 4096  # bytes of a file that are looked at
_FEW = 5  # names that a message has
_MOST = 100  # directories that are looked into


def describe(store: Store, path: str) -> str:
    """Return what is at a place without a node. Raise ValueError for a store that is not local.

    >>> describe(LocalStore("/nowhere"), "a")
    'the directory does not exist; check the path'
    """
    if not isinstance(store, LocalStore):
        raise ValueError(f"{store!r}: only local stores are described")
    place = os.path.join(store.root, path) if path else store.root
    if os.path.isfile(place):
        return f"it is {_describe_file(place)}"
    if os.path.isdir(place):
        return f"it is {_describe_directory(place)}"
    above = os.path.dirname(place)
    while not os.path.exists(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    if os.path.isfile(above):
        return f"{above!r} is {_describe_file(above)}"
    return "the directory does not exist; check the path"


def _describe_file(place: str) -> str:
    name = os.path.basename(place)
    if name in RESERVED_NAMES:
        return "a metadata document of Zarr; open the directory that it is in"
    with open(place, "rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if name.endswith(".npz"):
            return "an archive of NumPy's arrays (.npz); numpy.load opens it"
        return "a zip archive; simplezarr.ZipStore reads it"
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return what
    if head[257:262] == b"ustar":
        return f"a tar archive; {_UNPACK}"
    if any(head[offset : offset + len(_HDF5)] == _HDF5 for offset in (512, 1024, 2048)):
        return _MAGIC[_HDF5]
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _describe_json(head)
    return "a file; a Zarr hierarchy in a local store is a directory" if head else "an empty file"


def _describe_json(head: bytes) -> str:
    if may_be_references(head):
        return "a JSON file of kerchunk references; simplezarr.stores.ReferenceStore(path) opens it"
    return "a JSON file"


def _describe_directory(place: str) -> str:
    names = sorted(os.listdir(place))
    if not names:
        return "an empty directory; check the path, or store a node there with save, create_array or create_group"
    attributes = _members(os.path.join(place, "attributes.json"))
    if "n5" in attributes or "dataType" in attributes or (attributes and place.endswith(".n5")):
        return "an N5 container; tensorstore or z5py opens it"
    if place.endswith(".n5"):
        return "named as an N5 container, which tensorstore or z5py opens"
    info = _members(os.path.join(place, "info"))
    if "scales" in info and "data_type" in info:
        return "a volume of Neuroglancer's precomputed format; tensorstore or cloud-volume opens it"
    if ".zmetadata" in names:
        return "a directory of consolidated metadata alone, as kerchunk's references in Parquet are; fsspec opens these"
    if "data.mdb" in names:
        return f"an LMDB database; {_UNPACK}"
    nodes = [name for name in names[:_MOST] if _is_node(os.path.join(place, name))]
    if nodes:
        return f"a directory without metadata of its own, but there is Zarr in it: {_listed(nodes)}; open one of these"
    above = _node_above(place)
    below = f", below the Zarr node {above!r}" if above else ""
    return f"a directory that holds no Zarr{below}; it holds {_listed(names)}; check the path"


def _members(place: str) -> JsonObject:
    """Return the members of a small JSON file, none if it is something else."""
    try:
        with open(place, "rb") as file:
            members = json.loads(file.read(_HEAD * 16))
    except (OSError, ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _is_node(place: str) -> bool:
    return any(os.path.isfile(os.path.join(place, name)) for name in NODE_DOCUMENTS)


def _node_above(place: str) -> str | None:
    above = os.path.dirname(place)
    while above != place:
        if _is_node(above):
            return above
        place, above = above, os.path.dirname(above)
    return None


def _listed(names: list[str]) -> str:
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more > 0 else "")
