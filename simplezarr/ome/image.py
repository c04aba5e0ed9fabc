"""Images of several levels, as they are stored."""

from typing import Literal, Unpack

import numpy as np

from simplezarr.api import open_group
from simplezarr.errors import MetadataError, NodeNotFoundError
from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group
from simplezarr.nodes.keywords import StorageOptions
from simplezarr.ome.document import parse_image
from simplezarr.runtime import executor
from simplezarr.stores.resolve import StoreLike

__all__ = ["Image", "open"]


class Image:
    """An image of OME-Zarr: arrays of the same axes, from fine to coarse. `simplezarr.ome.open` and `create` make them.

    It has the levels that the image had when it was opened.

    >>> import numpy as np
    >>> from simplezarr import ome
    >>> image = ome.create({}, "cells", np.zeros((100, 60), "u2"), scale={"y": 0.5, "x": 0.5}, levels=2)
    >>> image
    <Image /cells yx (100, 60) uint16 levels=2>
    >>> image.levels[1].shape, image.scale(1), image.translation(1)
    ((50, 30), {'y': 1.0, 'x': 1.0}, {'y': 0.25, 'x': 0.25})
    """

    __slots__ = ("_multiscale", "group", "levels")

    group: Group
    levels: tuple[Array, ...]

    def __init__(self, group: Group) -> None:
        """Open the levels of a group. Raise as `open`."""
        self.group = group
        self._multiscale = parse_image(group.attrs, f"{group.name} of {group.store!r}")
        paths = [dataset.path for dataset in self._multiscale.datasets]
        width = executor.concurrency_for(group.store, 1)
        self.levels = tuple(executor.parallel_map(self._opened, paths, width))

    def _opened(self, path: str) -> Array:
        group, ndim = self.group, len(self._multiscale.axes)
        try:
            level = group[path]
        except NodeNotFoundError as error:
            message = f"{group.name} of {group.store!r}: the image lacks its level {path!r}; build its pyramid again"
            raise MetadataError(message).of_store(group.store) from error
        if not isinstance(level, Array) or level.ndim != ndim:
            message = f"{level.name} of {group.store!r}: not a level of the image, an array of {ndim} dimensions"
            raise MetadataError(message).of_store(group.store)
        return level

    @property
    def version(self) -> str:
        """The version of OME-Zarr, "0.4" or "0.5"."""
        return self._multiscale.version

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes."""
        return self._multiscale.names

    @property
    def units(self) -> dict[str, str | None]:
        """The unit of each axis, None if it has none."""
        return {axis.name: axis.unit for axis in self._multiscale.axes}

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of level 0 along each axis."""
        return self.levels[0].shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the elements of level 0."""
        return self.levels[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._multiscale.axes)

    def scale(self, level: int = 0) -> dict[str, float]:
        """Return the size of an element of a level along each axis, in its unit. Raise IndexError for other levels."""
        return dict(zip(self.axes, self._multiscale.placed(level).scale, strict=True))

    def translation(self, level: int = 0) -> dict[str, float]:
        """Return where the centre of the first element of a level is along each axis, in its unit.

        Raise IndexError for other levels.
        """
        return dict(zip(self.axes, self._multiscale.placed(level).translation, strict=True))

    def __repr__(self) -> str:
        axes = "".join(self.axes) if all(len(name) == 1 for name in self.axes) else ",".join(self.axes)
        return f"<Image {self.group.name} {axes} {self.shape} {self.dtype} levels={len(self.levels)}>"


def open(
    store: StoreLike,
    path: str = "",
    *,
    mode: Literal["r", "r+"] = "r",
    **storage_options: Unpack[StorageOptions],
) -> Image:
    """Open the image of OME-Zarr 0.4 or 0.5 in a group.

    store, path, mode, storage_options: as for `simplezarr.open_group`. Of several images in one group, it is the first.

    Raise MetadataError for a group that is no image, or lacks a level, UnsupportedError for another version and for
    transformations other than scale and translation, and otherwise as `simplezarr.open_group`.

    >>> import numpy as np
    >>> from simplezarr import ome
    >>> _ = ome.create(store := {}, "cells", np.arange(64).reshape(8, 8), levels=2, method="nearest")
    >>> open(store, "cells").levels[1][0]
    array([0, 2, 4, 6])
    """
    return Image(open_group(store, path, mode=mode, **storage_options))
