"""A stored array as a variable of xarray: its dimensions, attributes, encoding and lazy data."""

from collections.abc import Hashable
from typing import Any

from xarray import Variable
from xarray.backends.zarr import DIMENSION_KEY, FillValueCoder

from simplezarr.codecs import split_chain
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.array import Array
from simplezarr.xarray.lazy import LazyData

__all__ = ["dimensions_of", "is_netcdf_name", "stored_variable", "variable"]

_FILL = "_FillValue"


class CodecSettings(dict[str, Any]):
    """A codec as a JSON object. It equals one of zarr-python or numcodecs with these settings, as engines are compared.

    >>> from numcodecs import Zstd
    >>> CodecSettings({"id": "zstd", "level": 3, "checksum": False}) == Zstd(3)
    True
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        describe = getattr(other, "get_config", None) or getattr(other, "to_dict", None)
        return dict.__eq__(self, other if describe is None else describe()) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as of every dict


def variable(a: Array) -> Variable:
    """Return an array as an `xarray.Variable`, of which nothing is read yet.

    Its dimensions are the array's dimension names; those without a name are dim_0, dim_1 and so on. Values are as they
    are stored: `xarray.conventions.decode_cf_variable` decodes times, scales and missing values.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[[1, 2], [3, 4]], dimension_names=["y", "x"], attributes={"units": "m"})
    >>> v = variable(a)[:, 0]
    >>> v.dims, v.attrs
    (('y',), {'units': 'm'})
    >>> v.values
    array([1, 3])
    """
    names = a.dimension_names or (None,) * a.ndim
    dims = tuple([f"dim_{i}" if name is None else name for i, name in enumerate(names)])
    return Variable(dims, LazyData(a), _attributes(a), _encoding(a, dims))


def stored_variable(a: Array, *, fill_is_mask: bool) -> Variable:
    """Return a variable of a dataset, before xarray decodes it. Raise KeyError if the array has no dimension names.

    fill_is_mask: whether elements that equal the array's fill value are missing, as is usual in Zarr 2.
    """
    dims, attributes = dimensions_of(a), _attributes(a)
    encoding = _encoding(a, dims)
    if fill_is_mask:
        if not getattr(a.metadata, "is_undefined", False):
            attributes[_FILL] = a.fill_value
    elif a.metadata.zarr_format == 3:
        encoding["fill_value"] = a.fill_value
        if _FILL in attributes:
            attributes[_FILL] = _decoded_fill(attributes[_FILL], a)
    return Variable(dims, LazyData(a), attributes, encoding)


def dimensions_of(a: Array) -> tuple[Hashable, ...]:
    """Return the names of an array's dimensions, also as netCDF stores them. Raise KeyError if it has none."""
    names: Any = a.dimension_names
    if names is None and a.metadata.zarr_format == 2:
        names = a.attrs.get(DIMENSION_KEY)
        if names is None:
            netcdf = a.metadata.extra.get("_NCZARR_ARRAY") or a.attrs.get("_nczarr_array") or {}
            paths = netcdf.get("dimrefs", netcdf.get("dimension_references"))
            names = None if paths is None else [path.rpartition("/")[2] for path in paths]
    if names is None and a.metadata.zarr_format == 3 and a.ndim == 0:
        return ()
    if names is None or len(names) != a.ndim:
        member = "metadata `dimension_names`" if a.metadata.zarr_format == 3 else f"attribute `{DIMENSION_KEY}`"
        raise KeyError(
            f"{a.name} of {a.store!r} is missing the {member}, which is required for xarray to determine variable "
            "dimensions. Give the array dimension names, or leave it out with drop_variables"
        )
    return tuple(names)


def is_netcdf_name(name: str) -> bool:
    """Return whether an attribute is one that netCDF keeps for itself."""
    return name.lower().startswith("_nc")


def _attributes(a: Array) -> dict[str, Any]:
    attributes = a.attrs.asdict()
    if a.metadata.zarr_format == 2:
        return {name: value for name, value in attributes.items() if name != DIMENSION_KEY and not is_netcdf_name(name)}
    return attributes


def _decoded_fill(value: Any, a: Array) -> Any:
    """Return the value of the attribute `_FillValue` in Zarr 3, where xarray encodes it."""
    return str(value) if a.dtype.kind in "TU" else FillValueCoder.decode(value, a.dtype)


def _encoding(a: Array, dims: tuple[Hashable, ...]) -> dict[str, Any]:
    """Return how the array is stored. `to_zarr` takes all of it for a new one."""
    units, chunks, shards = _lengths(a.metadata), a.chunks, a.shards
    encoding: dict[str, Any] = {
        "chunks": chunks if shards is not None else units,
        "preferred_chunks": dict(zip(dims, units, strict=True)),
        "shards": None if shards is None else units,
        **_codecs(a),
    }
    if a.dtype.kind == "T":
        encoding["dtype"] = a.dtype
    return encoding


def _lengths(metadata: ArrayMetadata) -> tuple[int | tuple[int, ...], ...]:
    """Return the shape of the stored units; along an axis with several lengths, those of all, clipped to the array."""
    if metadata.grid is None:
        return metadata.chunk_shape
    result: list[int | tuple[int, ...]] = []
    for axis, length in zip(metadata.axes, metadata.shape, strict=True):
        lengths = [n for run, n in enumerate(axis.lengths) for _ in range(*axis.chunk_starts[run : run + 2])]
        if lengths:
            lengths[-1] -= axis.element_starts[-1] - length
        equal = len(lengths) > 0 and len({*lengths[:-1]}) <= 1 and lengths[-1] <= lengths[0]
        result.append(lengths[0] if equal else tuple(lengths) or (0,))
    return tuple(result)


def _codecs(a: Array) -> dict[str, Any]:
    """Return the codecs by zarr-python's three parts, as JSON objects."""
    if a.metadata.zarr_format == 2:
        members = a.metadata.to_json()
        compressors = [] if members["compressor"] is None else [members["compressor"]]
        return {"filters": _settings(members["filters"] or []) or None, "compressors": _settings(compressors)}
    parts = split_chain(a.codecs)
    (serializer,) = _settings([parts.serializer.to_json()])
    return {
        "filters": _settings([codec.to_json() for codec in parts.filters]),
        "serializer": serializer,
        "compressors": _settings([codec.to_json() for codec in parts.compressors]),
    }


def _settings(items: list[dict[str, Any]]) -> tuple[CodecSettings, ...]:
    return tuple(map(CodecSettings, items))
