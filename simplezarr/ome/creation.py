"""Create images with all their levels."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simplezarr.errors import MetadataError, NodeExistsError
from simplezarr.hierarchy.changes import remove_node
from simplezarr.hierarchy.inventory import inner_shape
from simplezarr.metadata.chunk_keys import normalize_path
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.arguments import CHUNK_NBYTES, RATIO, as_data, resolve_arguments
from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group, find_node, new_group
from simplezarr.ome.axes import Axis, by_axis, resolve_axes
from simplezarr.ome.document import FORMATS, Dataset, Multiscale, has_multiscales, listed, parse_image, with_image
from simplezarr.ome.halving import check_method
from simplezarr.ome.image import Image, open
from simplezarr.ome.levels import level_factors, level_shapes, placed_levels, square_chunks
from simplezarr.ome.storing import Storing, change_attributes, level_metadata, workers_for
from simplezarr.schema.extensions import show
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike, as_store
from simplezarr.tools.cluster import ClientLike
from simplezarr.transfer.array_copy import may_lie_below
from simplezarr.transfer.copy_source import copy_source

if TYPE_CHECKING:
    from simplezarr.nodes.keywords import CodecLike, Lengths
    from simplezarr.tools.copy.copy import Progress

__all__ = ["create", "image_axes", "image_method", "placed_first"]


def create(
    store: StoreLike,
    path: str,
    data: Any,
    *,
    axes: Iterable[str] | None = None,
    scale: Mapping[str, float] | Sequence[float] | None = None,
    unit: Mapping[str, str | None] | Sequence[str | None] | None = None,
    levels: int | Literal["auto"] = "auto",
    factors: int | Mapping[str, int] = 2,
    method: Literal["mean", "nearest", "mode"] | None = None,
    chunks: "Lengths | Literal['auto'] | None" = "auto",
    shards: "Lengths | Literal['auto'] | None" = None,
    codecs: "CodecLike | Sequence[CodecLike]" = "auto",
    version: Literal["0.4", "0.5"] = "0.5",
    labels: bool = False,
    overwrite: bool = False,
    progress: "Progress | None" = None,
    client: ClientLike | None = None,
) -> Image:
    """Create an image of OME-Zarr with all its levels, and return it, opened for writing.

    - store, path, data: as for `create_array`. Data that are stored, or read part by part, may be larger than memory.
    - axes: names, as in "tczyx": at most one of t, one of c, two or three of z, y, x. None is that of a stored array's
      dimension names, "yx" for two dimensions, "tczyx" for five.
    - scale, unit: of the elements of level 0, a mapping of axes or one value for each. Units have the names of UDUNITS,
      as "micrometer".
    - levels: how many, with level 0. "auto" goes on until the axes in space are not longer than a chunk.
    - factors: 2 halves all axes in space, a mapping those to which it gives 2. Each level is made of the one before.
      Lengths are rounded up: of an odd length the last element is alone.
    - method: what becomes of up to 8 elements. "mean": their mean, rounded to nearest with ties to even. "nearest": the
      first. "mode": the most frequent; of equally frequent ones zero comes last, so thin objects stay. None is "mode"
      for labels, otherwise "mean".
    - chunks, shards, codecs: of all levels, as for `create_array`. "auto" makes chunks that are as long along all axes
      in space, and 1 along the others.
    - version: "0.5" is Zarr 3, "0.4" is Zarr 2, which has no shards.
    - labels: the integers of `data` are labels. The path is that of an image, "labels" and a name. The group "labels"
      lists the name. Axes, scale, units and the number of levels are by default those of the image.
    - overwrite: remove the node that is there, and all below it.
    - progress, client: as for `simplezarr.utils.copy`.

    The data are read once, and the blocks of all levels are made while they are in memory. The group says that it is an
    image when all levels are complete. If something fails, no image is left.

    Raise MetadataError or UnsupportedError that names an argument, NodeExistsError, and otherwise as `create_array`.

    >>> import numpy as np
    >>> from simplezarr import ome
    >>> image = ome.create({}, "", np.arange(16).reshape(4, 4), scale={"x": 0.5}, levels=2)
    >>> image.levels[1][...].tolist(), image.scale(1)
    ([[2, 4], [10, 12]], {'y': 2.0, 'x': 1.0})
    """
    if version not in FORMATS:
        raise MetadataError(f"version: {show(version)} is not one of {', '.join(FORMATS)}")
    place, path = as_store(store), normalize_path(path, new=True)
    data, shape, data_type = as_data(data, None, None)
    if overwrite:
        _check_apart(data, place, path)
    image = _labelled(place, path) if labels else None
    found = image_axes(axes, data, unit, image)
    made_by = image_method(method, data.dtype, labels)
    first = placed_first("0", scale, found, image)
    if chunks is None or (isinstance(chunks, str) and chunks == "auto"):
        chunks = square_chunks(shape, found, RATIO * CHUNK_NBYTES, data.dtype.itemsize)
    given = _array_metadata(found, version, shape=shape, dtype=data_type, chunks=chunks, shards=shards, codecs=codecs)
    if image is not None and levels == "auto":
        levels = len(image.datasets)
    steps = level_factors(shape, found, inner_shape(given), levels, factors)
    datasets = [first, *placed_levels(first, [str(i + 1) for i in range(len(steps))], steps)]
    storing = Storing(
        place,
        path,
        tuple([dataset.path for dataset in datasets]),
        level_metadata(given, level_shapes(shape, steps)),
        ((1,) * len(shape), *steps),
        made_by,
    )
    with workers_for(place, client) as used:
        new_group(place, path, zarr_format=FORMATS[version], overwrite=overwrite)
        try:
            storing.run(data, used, progress)
        except BaseException:
            with suppress(Exception):  # the first error is the one to raise
                remove_node(place, path)
            raise
    name = path.rpartition("/")[2]
    whole = Multiscale(version, found, tuple(datasets), ((1.0,) * len(shape), (0.0,) * len(shape)), labels)
    change_attributes(place, path, partial(with_image, image=whole, method=made_by, name=name))
    if labels:
        change_attributes(place, path.rpartition("/")[0], partial(listed, name=name, version=version))
    return open(place, path, mode="r+")


def _array_metadata(axes: tuple[Axis, ...], version: str, **given: Any) -> ArrayMetadata:
    """Return the metadata of level 0, as `create_array` makes them."""
    is_old = version == "0.4"
    return resolve_arguments(
        **given,
        fill_value=None,
        chunk_key_encoding={"name": "v2", "configuration": {"separator": "/"}} if is_old else "default",
        dimension_names=None if is_old else [axis.name for axis in axes],
        attributes=None,
        zarr_format=FORMATS[version],
    )


def _check_apart(data: object, store: Store, path: str) -> None:
    """Raise NodeExistsError if overwriting a path would remove the data before they are read."""
    source = copy_source(data)
    if source is not None and source.handle is not None and may_lie_below(source.handle, store, path):
        message = f"/{path} of {store!r}: {data!r}, which is to be read, may be there"
        raise NodeExistsError(f"{message}; create the image at another place").of_store(store)


def _labelled(store: Store, path: str) -> Multiscale | None:
    """Return the image that labels at a path are of, None if there is none. Raise MetadataError for other paths."""
    *above, folder, name = ["", "", *path.split("/")]
    if folder != "labels" or not name:
        raise MetadataError(f"path: {show(path)} is not one of labels; give that of an image, 'labels' and a name")
    node = find_node(store, "/".join(above).strip("/"), read_only=True)
    if not isinstance(node, Group) or not has_multiscales(node.attrs):
        return None
    return parse_image(node.attrs, f"{node.name} of {store!r}")


def image_axes(axes: Iterable[str] | None, data: Any, unit: Any, image: Multiscale | None) -> tuple[Axis, ...]:
    """Return the axes of data, whose units are by default those of an image."""
    ndim = len(data.shape)
    if axes is None and image is not None and len(image.axes) == ndim:
        axes = image.names
    if axes is None and isinstance(data, Array) and data.dimension_names and None not in data.dimension_names:
        axes = [str(name) for name in data.dimension_names]
    names = [axis.name for axis in resolve_axes(axes, ndim, {})]
    given = {} if image is None else {axis.name: axis.unit for axis in image.axes if axis.name in names}
    given |= by_axis(unit, names, "unit", None) if unit is not None else {}
    for name, value in given.items():
        if value is not None and not (isinstance(value, str) and value):
            raise MetadataError(f"unit: {show(value)} of {name!r} is not a name, such as 'micrometer'")
    return resolve_axes(names, ndim, given)


def image_method(method: str | None, dtype: np.dtype, labels: bool) -> str:
    """Return the method by which levels are made. Raise MetadataError if it is not one for such elements."""
    method = method or ("mode" if labels else "mean")
    if labels and (dtype.kind not in "iu" or method == "mean"):
        raise MetadataError(f"labels: integers of which 'mode' or 'nearest' chooses, not the {method} of {dtype}")
    check_method(method, dtype)
    return method


def placed_first(path: str, scale: Any, axes: tuple[Axis, ...], image: Multiscale | None) -> Dataset:
    """Return level 0. Its scale and translation are by default those of an image along the same axes."""
    names = [axis.name for axis in axes]
    scales, offsets = dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0)
    if image is not None:
        level = image.placed(0)
        for name, one, offset in zip(image.names, level.scale, level.translation, strict=True):
            if name in scales:
                scales[name], offsets[name] = one, offset
    if scale is not None:
        scales |= by_axis(scale, names, "scale", 1.0)
    for name, value in scales.items():
        if not isinstance(value, (int, float, np.number)) or not isfinite(value) or not value > 0:
            raise MetadataError(f"scale: {show(value)} of {name!r} is not a number above 0")
    return Dataset(path, tuple([float(one) for one in scales.values()]), tuple(offsets.values()))
