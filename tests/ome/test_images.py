"""Images that are created and built: every level, where it is, and what the store holds meanwhile and afterwards."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr import ome
from tests.ome.reference import halved, large
from tests.support.helpers import Failing

VOLUME = np.random.default_rng(1).integers(0, 4000, (2, 37, 70, 90)).astype("u2")


def check_levels(image, data, factors):
    for level, array in enumerate(image.levels):
        assert array.shape == data.shape
        np.testing.assert_array_equal(array[...], data)
        if level + 1 < len(image.levels):
            data = large(data, [f if n > 1 else 1 for f, n in zip(factors, data.shape, strict=True)])


LAYOUTS = [
    {},
    {"chunks": (1, 8, 16, 16)},
    {"chunks": (1, 8, 16, 16), "shards": (1, 16, 32, 64)},
    {"chunks": (2, 5, 7, 9)},
    {"chunks": (2, 5, 7, 9), "shards": (2, 15, 21, 27), "codecs": "gzip"},
    {"chunks": (1, 1, -1, -1)},
    {"chunks": (1, 8, 16, 16), "version": "0.4"},
]
SOURCES = {
    "memory": lambda data: data,
    "swapped": lambda data: data.astype(data.dtype.newbyteorder()),
    "stored": lambda data: sz.create_array({}, data=data, chunks=(1, 10, 20, 90)),
    "aligned": lambda data: sz.create_array({}, data=data, chunks=(1, 4, 8, 8)),
    "lazy": lambda data: sz.create_array({}, data=np.stack([data, data])).lazy[1],
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_levels_of_new_images(layout, source, pool):
    seen = []
    image = ome.create(
        {}, "a", SOURCES[source](VOLUME), axes="czyx", levels=4, progress=lambda *n: seen.append(n), **layout
    )
    assert [level.shape[1:] for level in image.levels] == [(37, 70, 90), (19, 35, 45), (10, 18, 23), (5, 9, 12)]
    check_levels(image, VOLUME, (1, 2, 2, 2))
    assert [done for done, _ in seen] == [*range(1, len(seen) + 1)]
    assert {total for _, total in seen} == {len(seen)}
    assert image.version == layout.get("version", "0.5")


@settings(max_examples=40)
@given(st.data())
def test_levels_of_any_image(data):
    ndim = data.draw(st.integers(2, 5))
    axes = {2: "yx", 3: data.draw(st.sampled_from(["zyx", "cyx", "tyx"])), 4: "tzyx", 5: "tczyx"}[ndim]
    shape = tuple(data.draw(st.integers(1, 23)) for _ in axes)
    chunks = tuple(data.draw(st.integers(1, 9)) for _ in axes)
    shards = data.draw(st.none() | st.just(tuple(n * data.draw(st.integers(1, 3)) for n in chunks)))
    factors = {name: data.draw(st.sampled_from([1, 2, 2])) for name in axes if name in "zyx"}
    method = data.draw(st.sampled_from(["mean", "mode", "nearest"]))
    values = np.random.default_rng(0).integers(-3, 4, shape).astype(data.draw(st.sampled_from(["i1", "i8", "f2"])))
    image = ome.create({}, "", values, axes=axes, chunks=chunks, shards=shards, factors=factors, method=method)
    want = values
    for level in image.levels:
        np.testing.assert_array_equal(level[...], want)
        steps = [factors.get(name, 1) if n > 1 else 1 for name, n in zip(axes, want.shape, strict=True)]
        want = halved(want, steps, method)
    lengths = [n for name, n, c in zip(axes, image.levels[-1].shape, image.levels[0].chunks, strict=True)
               if factors.get(name) == 2 and n > c]  # fmt: skip
    assert not lengths  # "auto" went on while a halved axis was longer than a chunk


def test_places_of_elements():
    """The middle of an element of a level is that of the elements that it is made of."""
    image = ome.create(
        {}, "a", np.zeros((3, 20, 40)), axes="zyx", scale=(2, 0.5, 0.25), unit={"x": "micrometer"}, levels=4,
        factors={"y": 2, "x": 2},
    )  # fmt: skip
    assert image.units == {"z": None, "y": None, "x": "micrometer"}
    assert [image.scale(i) for i in range(4)] == [{"z": 2, "y": 0.5 * 2**i, "x": 0.25 * 2**i} for i in range(4)]
    centres = (np.arange(8) * 0.25).mean()
    assert image.translation(3) == {"z": 0, "y": (np.arange(8) * 0.5).mean(), "x": centres}
    with pytest.raises(IndexError):
        image.scale(4)


def test_the_documents():
    """As the specifications of 0.4 and 0.5 have them."""
    for version, key in (("0.4", "a/.zattrs"), ("0.5", "a/zarr.json")):
        image = ome.create(
            store := {}, "a", np.zeros((5, 4), "u1"), scale=[0.5, 1], unit=["micrometer", None], levels=2,
            version=version,
        )  # fmt: skip
        document = json.loads(store[key])
        members = document if version == "0.4" else document["attributes"]["ome"]
        (multiscale,) = members["multiscales"]
        assert (members if version == "0.5" else multiscale)["version"] == version
        assert multiscale["axes"] == [
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space"},
        ]
        assert multiscale["datasets"] == [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 1.0]}]},
            {
                "path": "1",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0, 2.0]},
                    {"type": "translation", "translation": [0.25, 0.5]},
                ],
            },
        ]
        assert (multiscale["name"], multiscale["type"]) == ("a", "mean")
        if version == "0.4":
            assert json.loads(store["a/1/.zarray"])["dimension_separator"] == "/"
        else:
            assert [level.dimension_names for level in image.levels] == [("y", "x")] * 2


class Watching(sz.WrapperStore):
    """Writes down which keys are stored, and which are read and found."""

    def __init__(self, store):
        super().__init__(store)
        self.written, self.read = [], []

    def set(self, key, value):
        self.written.append(key)
        super().set(key, value)

    def get(self, key):
        value = super().get(key)
        self.read += [] if value is None else [key]
        return value

    def get_range(self, key, start, length):
        value = super().get_range(key, start, length)
        self.read += [] if value is None else [key]
        return value


@pytest.mark.parametrize("layout", [{"chunks": (1, 8, 16, 16)}, {"chunks": (1, 4, 8, 8), "shards": (1, 8, 16, 16)}])
def test_each_stored_object_is_written_once_and_none_is_read_to_be_changed(layout, pool):
    store = Watching(sz.MemoryStore())
    ome.create(store, "a", VOLUME, axes="czyx", levels=3, **layout)
    chunks = [key for key in store.written if "/c/" in key]
    assert len(chunks) == len({*chunks}) > 2 * 5 * 5 * 6
    order = [key for key in store.written if key.endswith("zarr.json")]
    assert order[-5:] == ["a/zarr.json", "a/2/zarr.json", "a/1/zarr.json", "a/0/zarr.json", "a/zarr.json"]
    assert store.written.index("a/2/zarr.json") > max(store.written.index(key) for key in chunks)
    again = [key for key in store.read if "/c/" in key]
    assert not [key for key in again if key.startswith("a/0/")]  # all of its elements were in memory
    assert len(again) <= 2 * 3 * 3 * 3  # level 1, where a stage may end


def test_level_0_is_read_once(pool):
    base = sz.create_array(sz.MemoryStore(), "0", data=VOLUME, chunks=(1, 8, 16, 16))
    store = Watching(base.store)
    ome.build_pyramid(store, "0", axes="czyx")
    read = [key for key in store.read if key.startswith("0/c/")]
    assert sorted(read) == sorted({*read})
    assert len(read) == 2 * 5 * 5 * 6


def test_memory_is_bounded(tmp_path):
    """64 MiB become levels in the memory of a few chunks for each thread."""
    tracemalloc = pytest.importorskip("tracemalloc")
    source = sz.create_array(tmp_path / "a", shape=(256, 512, 512), dtype="u1", chunks=(64, 64, 64), codecs=[])
    source[::7] = 3
    tracemalloc.start()
    try:
        image = ome.create(tmp_path / "b", "", source, axes="zyx", chunks=(64, 64, 64), codecs=[])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(image.levels) == 4
    assert peak < sz.get_num_threads() * 12 * 64**3 + (4 << 20)


def test_labels_of_an_image():
    store = {}
    ome.create(
        store, "img", VOLUME, axes="czyx", levels=3, scale={"x": 0.5, "y": 0.5, "z": 2}, unit={"x": "micrometer"}
    )
    cells = np.zeros(VOLUME.shape[1:], "u4")
    cells[:, 10:20, 31:50] = 9
    found = ome.create(store, "img/labels/cells", cells, axes="zyx", labels=True)
    ome.create(store, "img/labels/nuclei", cells, axes="zyx", labels=True, method="nearest")
    assert len(found.levels) == 3
    assert found.scale() == {"z": 2, "y": 0.5, "x": 0.5}
    assert found.units["x"] == "micrometer"
    np.testing.assert_array_equal(found.levels[1][...], halved(cells, (2, 2, 2), "mode"))
    assert sz.open(store, "img/labels").attrs["ome"] == {"version": "0.5", "labels": ["cells", "nuclei"]}
    assert found.group.attrs["ome"]["image-label"] == {"source": {"image": "../../"}}
    for wrong, words in [
        ({"path": "img/cells"}, 'path: "img/cells" is not one of labels'),
        ({"data": cells.astype("f4")}, "labels: integers of which 'mode' or 'nearest' chooses, not the mode of float"),
        ({"method": "mean"}, "labels: integers of which 'mode' or 'nearest' chooses, not the mean of uint32"),
    ]:
        arguments = {"path": "img/labels/x", "data": cells, "axes": "zyx", "labels": True} | wrong
        with pytest.raises(sz.MetadataError) as error:
            ome.create(store, **arguments)
        assert str(error.value).startswith(words)


WRONG = [
    ({"axes": "zyx"}, 'axes: ["z", "y", "x"] are not names of 2 different axes'),
    ({"axes": "xt"}, 'axes: ["x", "t"]; OME-Zarr takes at most one of time'),
    ({"axes": "cx"}, 'axes: ["c", "x"]; OME-Zarr takes'),
    ({"scale": {"q": 1}}, 'scale: ["q"] are not among the axes ["y", "x"]'),
    ({"scale": 0.5}, "scale: 0.5 is neither a mapping of axes nor 2 values"),
    ({"scale": [1, -1]}, "scale: -1 of 'x' is not a number above 0"),
    ({"scale": [1, float("nan")]}, "scale: NaN of 'x' is not"),
    ({"unit": [1, None]}, "unit: 1 of 'y' is not a name"),
    ({"levels": 0}, 'levels: 0 is neither "auto" nor'),
    ({"levels": "all"}, 'levels: "all" is neither'),
    ({"levels": True}, "levels: true is neither"),
    ({"levels": 9}, "levels: 9; level 4 of shape (1, 1) can't be halved"),
    ({"factors": 3}, "factors: 3; give 2"),
    ({"factors": {"z": 2}}, 'factors: ["z"] are not among the axes'),
    ({"method": "gaussian"}, 'method: "gaussian" is not one of'),
    ({"version": "0.3"}, 'version: "0.3" is not one of 0.4, 0.5'),
    ({"chunks": (4, 4), "shards": (6, 8)}, "shards[0]: 6 is not a multiple of chunks[0]"),
    ({"version": "0.4", "shards": (8, 8), "chunks": (4, 4)}, "shards"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=str)
def test_wrong_arguments_write_nothing(arguments, words):
    with pytest.raises((sz.MetadataError, sz.UnsupportedError)) as error:
        ome.create(store := {}, "a", np.zeros((9, 9)), **arguments)
    assert str(error.value).startswith(words)
    assert store == {}


def test_axes_are_asked_for():
    with pytest.raises(sz.MetadataError, match="axes: needed for 3 dimensions"):
        ome.create({}, "a", np.zeros((3, 3, 3)))
    with pytest.raises(sz.MetadataError, match=r"factors: 'c' is not an axis in space"):
        ome.create({}, "a", np.zeros((3, 3, 3)), axes="cyx", factors={"c": 2})
    named = sz.create_array({}, data=np.zeros((3, 3, 3)), dimension_names=[*"cyx"])
    assert ome.create({}, "a", named).axes == ("c", "y", "x")
    with pytest.raises(sz.NodeExistsError, match="which is to be read, may be there"):
        ome.create(named.store, "", named, overwrite=True)


def test_what_fails_leaves_no_image():
    source = sz.create_array({}, data=VOLUME, chunks=(1, 8, 16, 16))
    broken = sz.open(Failing(source.store.values, OSError("gone"), "c/1/4/4"))
    with pytest.raises(OSError, match="gone"):
        ome.create(store := {}, "a", broken, axes="czyx")
    assert [key for key in store if key.startswith("a/")] == []
    ome.create(store, "a", VOLUME, axes="czyx")  # the place is free
    with pytest.raises(sz.NodeExistsError):
        ome.create(store, "a", VOLUME, axes="czyx")
    assert len(ome.create(store, "a", VOLUME, axes="czyx", overwrite=True, levels=2).levels) == 2
    assert not [key for key in store if key.startswith("a/2/")]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_becomes_an_image(zarr_format):
    group = sz.create_group(store := {}, "a", attributes={"title": "kept"}, zarr_format=zarr_format)
    group.create_array("s0", data=VOLUME, chunks=(1, 8, 16, 16), codecs="gzip", fill_value=7)
    image = ome.build_pyramid(store, "a/s0", axes="czyx", scale={"x": 0.5}, levels=3)
    check_levels(image, VOLUME, (1, 2, 2, 2))
    assert [level.path for level in image.levels] == ["a/s0", "a/s1", "a/s2"]
    assert image.version == {2: "0.4", 3: "0.5"}[zarr_format]
    assert image.levels[1].codecs == image.levels[0].codecs
    assert image.levels[2].fill_value == 7
    assert image.group.attrs["title"] == "kept"
    if zarr_format == 3:
        assert {level.dimension_names for level in image.levels} == {("c", "z", "y", "x")}
    with pytest.raises(sz.MetadataError, match="it is in an image already; give the path of that, 'a'"):
        ome.build_pyramid(store, "a/s0", axes="czyx")


def test_levels_are_built_anew():
    store = {}
    image = ome.create(store, "a", VOLUME, axes="czyx", levels=4, scale={"x": 0.5}, chunks=(1, 8, 16, 16))
    attrs = image.group.attrs["ome"]
    image.group.attrs["ome"] = attrs | {"omero": {"channels": []}, "multiscales": [
        attrs["multiscales"][0] | {"metadata": {"by": "someone"}}, {"another": 1}]}  # fmt: skip
    image.levels[0][:, :10] = 5
    changed = image.levels[0][...]
    with pytest.raises(sz.NodeExistsError, match="the image has 4 levels; overwrite=True replaces those above level 0"):
        ome.build_pyramid(store, "a")
    again = ome.build_pyramid(image, overwrite=True, levels=3, shards=(1, 16, 32, 32))
    check_levels(again, changed, (1, 2, 2, 2))
    assert (len(again.levels), again.levels[1].shards, again.scale(2)["x"]) == (3, (1, 16, 32, 32), 2.0)
    assert "3" not in again.group
    kept = again.group.attrs["ome"]
    assert (kept["omero"], kept["multiscales"][1]) == ({"channels": []}, {"another": 1})
    assert kept["multiscales"][0]["metadata"] == {"by": "someone"}
    with pytest.raises(sz.MetadataError, match="axes, scale, unit: /a is an image, which has its own"):
        ome.build_pyramid(store, "a", scale=[1, 1, 1, 1], overwrite=True)


def test_an_image_that_is_interrupted_claims_only_what_it_has(monkeypatch):
    image = ome.create(store := {}, "a", VOLUME, axes="czyx", levels=3, chunks=(1, 8, 16, 16))
    monkeypatch.setattr("simplezarr.ome.storing.build", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ome.build_pyramid(image, overwrite=True)
    assert len(ome.open(store, "a").levels) == 1
    with pytest.raises(sz.ReadOnlyError):
        ome.build_pyramid(ome.open(store, "a"))


def test_arrays_that_make_no_image():
    with pytest.raises(sz.MetadataError, match="an array that is in no group can't be a level"):
        ome.build_pyramid(sz.create_array({}, data=VOLUME).store, axes="czyx")
    group = sz.create_group(store := {})
    group.create_array("x", data=VOLUME, dimension_names=[*"czyx"])
    with pytest.raises(sz.MetadataError, match=r'axes: \["t", "z", "y", "x"\], but /x of .* names them'):
        ome.build_pyramid(store, "x", axes="tzyx")
    assert ome.build_pyramid(store, "x").axes == tuple("czyx")


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (1, 7)])
def test_small_images(shape):
    image = ome.create({}, "a", np.zeros(shape, "u1"), chunks=(2, 2))
    assert image.shape == shape
    assert image.levels[-1].shape[1] <= 2
