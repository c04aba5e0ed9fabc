"""The attributes that make an image of a group: read from documents of OME-Zarr 0.4 and 0.5, and written to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.metadata.chunk_keys import normalize_path
from simplezarr.ome.axes import Axis, parse_axes
from simplezarr.schema.extensions import show

__all__ = [
    "FORMATS",
    "Dataset",
    "Multiscale",
    "has_multiscales",
    "listed",
    "parse_image",
    "with_image",
]

#: The Zarr formats of the versions that are written.
FORMATS = {"0.4": 2, "0.5": 3}


@dataclass(frozen=True, slots=True)
class Dataset:
    """A level: the path of its array in the group, and the places of its elements, by axis.

    The centre of element i is at i * scale + translation.
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the level as a member of a document."""
        transformations: list[dict[str, Any]] = [{"type": "scale", "scale": [*self.scale]}]
        if any(self.translation):
            transformations.append({"type": "translation", "translation": [*self.translation]})
        return {"path": self.path, "coordinateTransformations": transformations}


@dataclass(frozen=True, slots=True)
class Multiscale:
    """An image as a document describes it. Level 0 is the finest.

    common: scale and translation of all levels, which come after a level's own.
    """

    version: str
    axes: tuple[Axis, ...]
    datasets: tuple[Dataset, ...]
    common: tuple[tuple[float, ...], tuple[float, ...]]
    is_label: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple([axis.name for axis in self.axes])

    def placed(self, level: int) -> Dataset:
        """Return a level whose scale and translation lead to physical coordinates."""
        own, (scales, offsets) = self.datasets[level], self.common
        scale = tuple([a * b for a, b in zip(own.scale, scales, strict=True)])
        offset = tuple([a * b + c for a, b, c in zip(own.translation, scales, offsets, strict=True)])
        return Dataset(own.path, scale, offset)


def _find_multiscales(attributes: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    """Return the version, and the members that have "multiscales". Raise for a group that is not an image we know."""
    members, version = attributes, None
    if isinstance(ome := attributes.get("ome"), dict):
        members, version = ome, ome.get("version")
    images = members.get("multiscales")
    if not isinstance(images, list) or not images or not isinstance(images[0], dict):
        raise MetadataError(f"{where}: not an image of OME-Zarr: no attribute 'multiscales'; check the path")
    version = images[0].get("version", "0.4") if version is None else version
    if version not in FORMATS:
        known = " and ".join(FORMATS)
        raise UnsupportedError(f"{where}: an image of OME-Zarr {show(version)}; known are {known}")
    return version, members


def has_multiscales(attributes: Mapping[str, Any]) -> bool:
    """Return whether a group says that it is an image, of any version."""
    ome = attributes.get("ome")
    return "multiscales" in attributes or (isinstance(ome, dict) and "multiscales" in ome)


def parse_image(attributes: Mapping[str, Any], where: str) -> Multiscale:
    """Return the first image of a group's attributes. Raise MetadataError or UnsupportedError."""
    version, members = _find_multiscales(attributes, where)
    image, place = members["multiscales"][0], f"{where}: multiscales[0]"
    axes = parse_axes(image.get("axes"), f"{place}.axes")
    given = image.get("datasets")
    if not isinstance(given, list) or not given:
        raise MetadataError(f"{place}.datasets: {show(given)} is not a list of levels")
    datasets = [_parse_dataset(level, len(axes), f"{place}.datasets[{i}]") for i, level in enumerate(given)]
    common = _parse_transformations(image.get("coordinateTransformations", []), len(axes), place)
    return Multiscale(version, axes, tuple(datasets), common, "image-label" in members)


def _parse_dataset(members: object, ndim: int, where: str) -> Dataset:
    if not isinstance(members, dict) or not isinstance(members.get("path"), str):
        raise MetadataError(f"{where}: {show(members)} is not a level with a path")
    try:
        path = normalize_path(members["path"])
    except ValueError as error:
        raise MetadataError(f"{where}.path: {error}") from error
    scale, translation = _parse_transformations(members.get("coordinateTransformations", []), ndim, where)
    return Dataset(path, scale, translation)


def _parse_transformations(given: object, ndim: int, where: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scale and translation of transformations that are applied one after the other."""
    where = f"{where}.coordinateTransformations"
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise MetadataError(f"{where}: {show(given)} is not a list of transformations")
    scale, offset = (1.0,) * ndim, (0.0,) * ndim
    for item in given:
        kind = item.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in item:
            raise UnsupportedError(f"{where}: {show(item)}; known are scale and translation")
        numbers = _numbers(item[kind], ndim, f"{where}.{kind}")
        if kind == "scale":
            scale = tuple([a * b for a, b in zip(scale, numbers, strict=True)])
            offset = tuple([a * b for a, b in zip(offset, numbers, strict=True)])
        else:
            offset = tuple([a + b for a, b in zip(offset, numbers, strict=True)])
    return scale, offset


def _numbers(given: object, ndim: int, where: str) -> tuple[float, ...]:
    numbers = given if isinstance(given, list) else []
    if len(numbers) != ndim or not all(type(n) in (int, float) and isfinite(n) for n in numbers):
        raise MetadataError(f"{where}: {show(given)} is not one number for each of {ndim} axes")
    return tuple([float(n) for n in numbers])


def with_image(attributes: Mapping[str, Any], image: Multiscale, method: str, name: str) -> dict[str, Any]:
    """Return the attributes of a group that is this image. Of one that is there, only the levels change.

    method: by which the levels were made. name: of a new image.
    """
    datasets = [dataset.to_json() for dataset in image.datasets]
    stored = dict(attributes)
    ome = stored.get("ome")
    members: dict[str, Any] = dict(ome) if isinstance(ome, dict) else {}
    members = members if image.version != "0.4" else stored
    if "multiscales" in members:
        first, *others = members["multiscales"]
        members["multiscales"] = [first | {"datasets": datasets, "type": method}, *others]
    else:
        members["multiscales"] = [_new_image(image, datasets, method, name)]
        if image.is_label:
            version = {"version": image.version} if image.version == "0.4" else {}
            members["image-label"] = version | {"source": {"image": "../../"}}
    if image.version == "0.4":
        return members
    return stored | {"ome": {"version": image.version} | members}


def _new_image(image: Multiscale, datasets: list[dict[str, Any]], method: str, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"version": image.version} if image.version == "0.4" else {}
    if name:
        made["name"] = name
    return made | {"axes": [axis.to_json() for axis in image.axes], "datasets": datasets, "type": method}


def listed(attributes: Mapping[str, Any], name: str, version: str) -> dict[str, Any]:
    """Return the attributes of a group of labels that lists a name.

    >>> listed({"labels": ["a"]}, "b", "0.4"), listed({}, "a", "0.5")
    ({'labels': ['a', 'b']}, {'ome': {'version': '0.5', 'labels': ['a']}})
    """
    stored = dict(attributes)
    if version == "0.4":
        return stored | {"labels": _with_name(stored.get("labels"), name)}
    ome = stored.get("ome")
    members = {"version": version} | (ome if isinstance(ome, dict) else {})
    return stored | {"ome": members | {"labels": _with_name(members.get("labels"), name)}}


def _with_name(names: object, name: str) -> list[Any]:
    found = [*names] if isinstance(names, list) else []
    return found if name in found else [*found, name]
