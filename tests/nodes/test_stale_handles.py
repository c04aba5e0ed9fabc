"""A write through an object that was opened before the array grew changes nothing that was appended since."""

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore
from tests.support.conditional import Bucket, BucketStore

LAYOUTS = {
    "chunks": {"chunks": (4, 4)},
    "raw": {"chunks": (4, 4), "codecs": []},
    "Python codec": {"chunks": (4, 4), "codecs": ["bytes", {"name": "numcodecs.zlib", "configuration": {"level": 1}}]},
    "transposed": {"chunks": (4, 4), "codecs": [sz.codecs.Transpose((1, 0)), "bytes", "zstd"]},
    "shards": {"chunks": (2, 2), "shards": (4, 4)},
    "inner chunks are clipped": {"chunks": (3, 3), "shards": (9, 9)},
    "nested": {
        "chunks": (8, 8),
        "codecs": [sz.codecs.Sharding((4, 4), [sz.codecs.Sharding((2, 2), ["bytes", "zstd"])])],
    },
    "rectilinear": {"chunks": [[4, 4, 4, 4], [4, 4, 4]]},
}
WRITES = {
    "all": np.s_[...],
    "the last rows": np.s_[4:6],
    "one element": np.s_[5, 4],
    "a strided part": np.s_[::5, ::2],
    "points": (np.array([5, 4, 0]), np.array([4, 4, 0])),
    "a constant": "constant",
}


def stores(tmp_path):
    return {"memory": MemoryStore, "files": lambda: LocalStore(tmp_path), "bucket": lambda: BucketStore(Bucket())}


#: Text has codecs of its own.
KINDS = [(layout, "i4") for layout in LAYOUTS] + [(layout, "string") for layout in ("chunks", "shards")]
#: A far store is not asked for chunks that are written as a whole; the guide says to refresh.
PLACES = [(kind, write) for kind in ("memory", "files") for write in WRITES]
PLACES += [("bucket", write) for write in ("one element", "a strided part", "points")]


@pytest.mark.parametrize(("kind", "write"), PLACES)
@pytest.mark.parametrize(("layout", "dtype"), KINDS)
def test_what_was_appended_stays(tmp_path, kind, layout, write, dtype):
    store = stores(tmp_path)[kind]()
    text = dtype == "string"
    data = np.arange(1, 31).reshape(6, 5)
    data = data.astype(str).astype(object) if text else data.astype(dtype)
    new = np.full((3, 5), "new" if text else -5, object if text else dtype)
    stale = sz.create_array(store, "a", dtype=dtype, shape=(6, 5), **LAYOUTS[layout])
    stale[...] = data
    sz.open_array(store, "a", mode="r+").append(new)
    expected = np.concatenate([data, new])
    selection, value = (np.s_[...], "7" if text else 7) if write == "a constant" else (WRITES[write], None)
    changed = expected[:6][selection]
    value = (changed + changed) if value is None else value
    stale[selection] = value
    expected[:6][selection] = value
    np.testing.assert_array_equal(sz.open_array(store, "a")[...], expected)
    assert stale.shape == (6, 5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fill_values_keep_what_was_appended(tmp_path, layout):
    stale = sz.create_array(tmp_path, "a", dtype="i4", shape=(6, 5), **LAYOUTS[layout])
    stale[...] = 1
    sz.open_array(tmp_path, "a", mode="r+").append(np.full((3, 5), 9, "i4"))
    stale[...] = 0
    read = sz.open_array(tmp_path, "a")[...]
    assert (read[:6] == 0).all()
    assert (read[6:] == 9).all()


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, bytes(7)])
@pytest.mark.parametrize(("layout", "dtype"), KINDS)
def test_a_damaged_chunk_is_made_anew_if_all_of_it_is_written(tmp_path, layout, damage, dtype):
    array = sz.create_array(tmp_path, "a", dtype=dtype, shape=(6, 5), **LAYOUTS[layout])
    value = "1" if dtype == "string" else 1
    array[...] = value
    for file in (tmp_path / "a" / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(damage)
    if damage != bytes(7) or "raw" not in layout:
        with pytest.raises(sz.ChunkError):
            array[5, 4] = value
    array[...] = value
    assert (sz.open_array(tmp_path, "a")[...] == value).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_growing_shows_fill_values(tmp_path, layout):
    """What a shrink cuts off is gone, though writes keep what lies outside the array."""
    array = sz.create_array(
        tmp_path,
        "a",
        dtype="i4",
        shape=(8, 8),
        **(LAYOUTS[layout] | ({"chunks": [[4, 4], [4, 4]]} if layout == "rectilinear" else {})),
    )
    array[...] = 5
    array.resize((6, 5))
    array[...] = 6
    array[5, 4] = 7
    array.resize((8, 8))
    expected = np.zeros((8, 8), "i4")
    expected[:6, :5] = 6
    expected[5, 4] = 7
    np.testing.assert_array_equal(sz.open_array(tmp_path, "a")[...], expected)
