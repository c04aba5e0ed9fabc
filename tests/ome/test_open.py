"""Images of other software, as the documents of OME-Zarr 0.4 and 0.5 describe them."""

import pytest

import simplezarr as sz
from simplezarr import ome

AXES = [
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space"},
]


def scaled(*numbers):
    return {"type": "scale", "scale": [*numbers]}


def moved(*numbers):
    return {"type": "translation", "translation": [*numbers]}


def stored(image, version="0.5", names=("0", "1")):
    group = sz.create_group(store := {}, "img", zarr_format=2 if version == "0.4" else 3)
    for name in names:
        group.create_array(name, shape=(2, 8, 8), dtype="u1", chunks=(1, 4, 4))
    if version == "0.4":
        group.attrs["multiscales"] = [{"version": version, **image}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return store


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_transformations_of_a_level_and_of_all(version):
    """Those of a level come first (the specification, "multiscales" metadata)."""
    image = {
        "axes": AXES,
        "datasets": [
            {"path": "0", "coordinateTransformations": [scaled(1, 0.5, 0.5), moved(0, 1, 2)]},
            {"path": "1", "coordinateTransformations": [scaled(1, 1, 1)]},
        ],
        "coordinateTransformations": [scaled(1, 10, 10), moved(0, 0, 7)],
    }
    found = ome.open(stored(image, version), "img")
    assert (found.version, found.axes, found.ndim) == (version, ("c", "y", "x"), 3)
    assert found.units == {"c": None, "y": "micrometer", "x": None}
    assert (found.scale(), found.translation()) == ({"c": 1, "y": 5, "x": 5}, {"c": 0, "y": 10, "x": 27})
    assert (found.scale(1), found.translation(1)) == ({"c": 1, "y": 10, "x": 10}, {"c": 0, "y": 0, "x": 7})
    assert [level.path for level in found.levels] == ["img/0", "img/1"]
    assert repr(found) == "<Image /img cyx (2, 8, 8) uint8 levels=2>"


def test_a_pyramid_goes_on_from_level_0():
    """Its own place is taken; what holds for all levels stays where it is."""
    image = {
        "axes": AXES,
        "datasets": [{"path": "0", "coordinateTransformations": [scaled(1, 0.5, 0.5), moved(0, 1, 2)]}],
        "coordinateTransformations": [scaled(1, 10, 10)],
    }
    found = ome.build_pyramid(stored(image, names="0"), "img", levels=2)
    assert (found.scale(1), found.translation(1)) == ({"c": 1, "y": 10, "x": 10}, {"c": 0, "y": 12.5, "x": 22.5})
    assert found.group.attrs["ome"]["multiscales"][0]["coordinateTransformations"] == [scaled(1, 10, 10)]


def test_several_images_and_folders():
    levels = [{"path": f"scale{i}/image", "coordinateTransformations": [scaled(1, 1, 1)]} for i in range(2)]
    found = ome.open(stored({"axes": AXES, "datasets": levels}, names=["scale0/image", "scale1/image"]), "img")
    assert [level.path for level in found.levels] == ["img/scale0/image", "img/scale1/image"]


LEVEL = {"path": "0", "coordinateTransformations": [scaled(1, 1, 1)]}
WRONG = [
    ({"axes": [], "datasets": [LEVEL]}, "multiscales[0].axes: [] is not a list of axes"),
    ({"axes": ["c", "y", "x"], "datasets": [LEVEL]}, 'axes[0]: "c" is not an axis with a name'),
    ({"axes": AXES, "datasets": []}, "multiscales[0].datasets: [] is not a list of levels"),
    ({"axes": AXES, "datasets": ["0"]}, 'datasets[0]: "0" is not a level with a path'),
    ({"axes": AXES, "datasets": [{"path": "../0"}]}, "datasets[0].path: "),
    (
        {"axes": AXES, "datasets": [LEVEL | {"coordinateTransformations": [scaled(1, 1)]}]},
        "is not one number",
    ),
    ({"axes": AXES, "datasets": [LEVEL | {"coordinateTransformations": [{"type": "affine"}]}]}, "known are scale and"),
    ({"axes": AXES, "datasets": [LEVEL | {"coordinateTransformations": 5}]}, "5 is not a list of transformations"),
    ({"axes": AXES, "datasets": [LEVEL, LEVEL | {"path": "9"}]}, "the image lacks its level '9'"),
    ({"axes": AXES[1:], "datasets": [{"path": "0"}]}, "not a level of the image, an array of 2 dimensions"),
]


@pytest.mark.parametrize(("image", "words"), WRONG)
def test_what_is_no_image(image, words):
    with pytest.raises((sz.MetadataError, sz.UnsupportedError)) as error:
        ome.open(stored(image), "img")
    assert words in str(error.value)


def test_other_groups_and_versions():
    store = stored({"axes": AXES, "datasets": [LEVEL]}, "0.6")
    with pytest.raises(sz.UnsupportedError, match=r'an image of OME-Zarr "0.6"; known are 0.4 and 0.5'):
        ome.open(store, "img")
    with pytest.raises(sz.MetadataError, match="not an image of OME-Zarr: no attribute 'multiscales'; check the path"):
        ome.open(store)
    with pytest.raises(sz.MetadataError, match="is an array, not a group"):
        ome.open(store, "img/0")
