"""Build the levels of images and arrays that exist."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import simplezarr.api as api
from simplezarr.errors import MetadataError, NodeExistsError
from simplezarr.hierarchy.changes import change_node, check_writable, remove_node
from simplezarr.hierarchy.documents import Metadata
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.array import Array
from simplezarr.ome.creation import image_axes, image_method, placed_first
from simplezarr.ome.document import FORMATS, Multiscale, has_multiscales, parse_image, with_image
from simplezarr.ome.image import Image, open
from simplezarr.ome.levels import level_factors, level_shapes, placed_levels
from simplezarr.ome.storing import Storing, change_attributes, level_metadata, workers_for
from simplezarr.schema.extensions import show
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike
from simplezarr.tools.cluster import ClientLike

if TYPE_CHECKING:
    from simplezarr.nodes.keywords import Lengths
    from simplezarr.tools.copy.copy import Progress

__all__ = ["build_pyramid"]


def build_pyramid(
    store: Image | StoreLike,
    path: str = "",
    *,
    axes: Iterable[str] | None = None,
    scale: Mapping[str, float] | Sequence[float] | None = None,
    unit: Mapping[str, str | None] | Sequence[str | None] | None = None,
    levels: int | Literal["auto"] = "auto",
    factors: int | Mapping[str, int] = 2,
    method: Literal["mean", "nearest", "mode"] | None = None,
    chunks: "Lengths | Literal['auto'] | None" = None,
    shards: "Lengths | Literal['auto'] | None" = None,
    overwrite: bool = False,
    progress: "Progress | None" = None,
    client: ClientLike | None = None,
) -> Image:
    """Build the levels above level 0 of an image that has none, or of an array; return the image, opened for writing.

    - store, path: an image, or the place of one. Or the place of an array, which becomes level 0 of its group. That of
      Zarr 3 becomes an image of OME-Zarr 0.5, and gets the names of the axes as dimension names. That of Zarr 2 becomes
      one of 0.4.
    - axes, scale, unit: as for `create`, for an array alone. An image has its own.
    - levels, factors, method, progress, client: as for `create`. Stored labels are halved by "mode".
    - chunks, shards: as for `create_array`. None is as in level 0, as are the codecs.
    - overwrite: replace the levels above level 0, for example after its elements have changed. The image says meanwhile
      that it has level 0 alone.

    Level 0 is read once. The group claims the new levels when all are complete. If something fails, none is left.

    Raise MetadataError or UnsupportedError that names an argument, NodeExistsError if there are such levels, and
    otherwise as `simplezarr.open` and `create_array`.

    >>> import simplezarr as sz
    >>> from simplezarr import ome
    >>> group = sz.create_group(store := {})
    >>> group["0"] = [[1, 3], [5, 7]]
    >>> ome.build_pyramid(store, "0", scale=[0.5, 0.5], levels=2).levels[1][...]
    array([[4]])
    """
    node = store.group if isinstance(store, Image) else api.open(store, path, mode="r+")
    check_writable(node)
    if isinstance(node, Array):
        group, first, image = _new_image(node, axes, scale, unit)
    else:
        if axes is not None or scale is not None or unit is not None:
            raise MetadataError(f"axes, scale, unit: {node.name} is an image, which has its own; leave them out")
        image = parse_image(node.attrs, f"{node.name} of {node.store!r}")
        group, first = node.path, api.open_array(node.store, join(node.path, image.datasets[0].path))
    made_by = image_method(method, first.dtype, image.is_label)
    steps = level_factors(first.shape, image.axes, first.chunks, levels, factors)
    shapes = level_shapes(first.shape, steps)[1:]
    metadata = level_metadata(
        first.metadata, shapes, image.names if image.version != "0.4" else None, chunks=chunks, shards=shards
    )
    old = [dataset.path for dataset in image.datasets[1:]]
    paths = [*old, *_next_names(image.datasets[0].path, len(steps))[len(old) :]][: len(steps)]
    with workers_for(first.store, client) as used:
        if old:
            _drop(first.store, group, image, made_by, overwrite)
        if steps:
            Storing(first.store, group, tuple(paths), metadata, tuple(steps), made_by).run(first, used, progress)
    above = placed_levels(image.datasets[0], paths, steps)
    whole = replace(image, datasets=(image.datasets[0], *above))
    if image.version != "0.4":
        _name_dimensions(first, image.names)
    name = group.rpartition("/")[2]
    change_attributes(first.store, group, partial(with_image, image=whole, method=made_by, name=name))
    return open(first.store, group, mode="r+")


def _new_image(array: Array, axes: Iterable[str] | None, scale: object, unit: object) -> tuple[str, Array, Multiscale]:
    """Return the path of the group that becomes an image, its level 0, and that image so far."""
    group, _, name = array.path.rpartition("/")
    where = f"{array.name} of {array.store!r}"
    if not name:
        raise MetadataError(f"{where}: an array that is in no group can't be a level; use simplezarr.ome.create")
    above = api.open_group(array.store, group, mode="r+")
    if has_multiscales(above.attrs):
        raise MetadataError(f"{where}: it is in an image already; give the path of that, {group!r}")
    found = image_axes(axes, array, unit, None)
    version = next(version for version, zarr_format in FORMATS.items() if zarr_format == array.metadata.zarr_format)
    names = array.dimension_names
    if names is not None and [*names] != [axis.name for axis in found]:
        raise MetadataError(f"axes: {show([axis.name for axis in found])}, but {where} names them {show([*names])}")
    ndim = array.ndim
    first = placed_first(name, scale, found, None)
    return group, array, Multiscale(version, found, (first,), ((1.0,) * ndim, (0.0,) * ndim), False)


def _next_names(name: str, count: int) -> list[str]:
    """Return names that count on from the one of level 0.

    >>> _next_names("s0", 2), _next_names("raw", 2)
    (['s1', 's2'], ['1', '2'])
    """
    found = re.fullmatch(r"(.*?)(\d+)", name)
    prefix, number = (found[1], int(found[2])) if found else ("", 0)
    return [f"{prefix}{number + i + 1}" for i in range(count)]


def _drop(store: Store, group: str, image: Multiscale, method: str, overwrite: bool) -> None:
    """Remove the levels above level 0, after the image no longer claims them. Raise NodeExistsError unless told to."""
    if not overwrite:
        message = f"/{group} of {store!r}: the image has {len(image.datasets)} levels"
        raise NodeExistsError(f"{message}; overwrite=True replaces those above level 0").of_store(store)
    alone = replace(image, datasets=image.datasets[:1])
    change_attributes(store, group, partial(with_image, image=alone, method=method, name=""))
    for dataset in image.datasets[1:]:
        path = join(group, dataset.path)
        if api.exists(store, path):
            remove_node(store, path)


def _name_dimensions(array: Array, names: tuple[str, ...]) -> None:
    def named(metadata: Metadata) -> Metadata:
        return replace(metadata, dimension_names=names) if isinstance(metadata, ArrayMetadata) else metadata

    if array.dimension_names is None:
        change_node(array.store, array.path, named)
