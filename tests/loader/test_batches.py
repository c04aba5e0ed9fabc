"""What batches hold: the elements that NumPy's indexing gives, for all kinds of arrays and samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.loader import Boxes, Cast, Crops, Loader, Rows, Samples, Windows
from tests.support.helpers import Counting

TIMES = np.arange(120 * 6 * 5, dtype="i4").reshape(120, 6, 5)

KINDS = {
    "plain": {"chunks": (16, 6, 3)},
    "shards": {"chunks": (4, 3, 5), "shards": (24, 6, 5)},
    "rectilinear": {"chunks": ([10, 50, 7, 53], 6, 5)},
    "zarr 2": {"chunks": (16, 4, 5), "zarr_format": 2},
    "big-endian": {"chunks": (16, 6, 5), "dtype": ">i4"},
    "transposed": {"chunks": (16, 6, 5), "codecs": [sz.codecs.Transpose((2, 0, 1)), "zstd"]},
    "one chunk": {"chunks": (120, 6, 5)},
    "small chunks": {"chunks": (1, 1, 1)},
}


def stored(kind, data=TIMES):
    arguments = dict(KINDS[kind])
    dtype = arguments.pop("dtype", data.dtype)
    a = sz.create_array({}, shape=data.shape, dtype=dtype, fill_value=7, **arguments)
    a[...] = data
    return a


def delivered(loader, epochs=1):
    """Return all batches with their numbers."""
    return [pair for _ in range(epochs) for pair in loader]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_rows_of_every_kind_of_array(kind, shuffle, pool):
    loader = Loader(
        stored(kind), Rows(), batch_size=7, shuffle=shuffle, window="30 KiB", with_index=True, drop_last=False
    )
    pairs = delivered(loader, 2)
    assert sum(len(numbers) for _, numbers in pairs) == 240
    for batch, numbers in pairs:
        np.testing.assert_array_equal(batch, TIMES[numbers])
        assert batch.dtype == TIMES.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_crops_of_every_kind_of_array(kind, pool):
    loader = Loader(stored(kind), Crops((5, 2), per_epoch=60), batch_size=4, window="16 KiB", seed=5, with_index=True)
    for batch, numbers in delivered(loader):
        starts = loader.starts(numbers, 0)
        expected = [TIMES[i : i + 5, j : j + 2] for i, j in starts]
        np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize("axis", [0, 1, -1, "time"])
def test_rows_along_any_axis(axis):
    a = sz.create_array({}, data=TIMES, chunks=(50, 2, 3), dimension_names=["time", "y", "x"])
    where = {"time": 0}.get(axis, axis)
    for batch, numbers in delivered(Loader(a, Rows(axis), batch_size=2, with_index=True)):
        np.testing.assert_array_equal(batch, np.moveaxis(TIMES.take(numbers, where), where, 0))


def test_missing_chunks_have_the_fill_value():
    a = sz.create_array({}, shape=(40, 3), dtype="i2", chunks=(8, 3), fill_value=-5)
    a[8:16] = 1
    for batch, numbers in delivered(Loader(a, Rows(), batch_size=10, with_index=True)):
        np.testing.assert_array_equal(batch, np.where((numbers // 8 == 1)[:, None], 1, -5) * np.ones((1, 3)))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(0, 2))
def test_windows(length, step, stride, offset, axis):
    data = np.arange(21 * 22 * 23).reshape(21, 22, 23)
    a = sz.create_array({}, data=data, chunks=(5, 6, 7))
    windows = Windows(length, step=step, stride=stride, offset=offset, axis=axis)
    loader = Loader(a, windows, batch_size=3, with_index=True, drop_last=False, window="1 MiB")
    count = 0
    for batch, numbers in loader:
        for window, number in zip(batch, numbers.tolist(), strict=True):
            first = offset + number * step
            chosen = np.arange(first, first + (length - 1) * stride + 1, stride)
            np.testing.assert_array_equal(window, data.take(chosen, axis))
            count += 1
    last = offset + count * step + (length - 1) * stride  # the end of a further window
    assert last >= data.shape[axis]


def test_views_of_one_array_are_read_together():
    a = sz.create_array({}, data=TIMES, chunks=(16, 6, 5))
    loader = Loader(a, {"x": Windows(3), "y": Windows(1, offset=3)}, batch_size=6, with_index=True)
    assert sum(len(numbers) for _, numbers in delivered(loader)) == 117 // 6 * 6
    for batch, numbers in loader:
        np.testing.assert_array_equal(batch["x"], TIMES[numbers[:, None] + np.arange(3)])
        np.testing.assert_array_equal(batch["y"], TIMES[numbers[:, None] + 3])


@pytest.mark.parametrize("window", ["12 KiB", "1 MiB"])
def test_a_chunk_is_decoded_once_for_all_views_of_an_array(window, pool):
    sz.set_num_threads(1)  # so that no two groups share a chunk that is in flight
    values = sz.create_array({}, data=TIMES, chunks=(16, 6, 5)).store
    counts = []
    for samples in ({"x": Windows(3), "y": Windows(1, offset=3)}, Windows(4)):
        store = Counting({key: values.get(key) for key in values.list()})
        loader = Loader(sz.open_array(store, mode="r"), samples, batch_size=1, window=window, seed=2)
        store.take()
        assert sum(1 for _ in loader) == 117
        counts.append([key for method, key, *_ in store.take() if method == "get"])
    assert sorted(counts[0]) == sorted(counts[1])
    assert 8 <= len(counts[0]) <= 2 * 8


def test_aligned_arrays_and_casts():
    labels = np.arange(120) % 9
    arrays = {
        "image": sz.create_array({}, data=TIMES.astype("u2"), chunks=(16, 6, 5)),
        "label": sz.create_array({}, data=labels.astype("u1"), chunks=50),
    }
    casts = {"image": Cast("float32", scale=0.5, offset=-1, channels_first=True), "label": Cast("int64")}
    loader = Loader(arrays, Rows(), batch_size=8, cast=casts, with_index=True)
    for batch, numbers in delivered(loader):
        assert list(batch) == ["image", "label"]
        expected = np.moveaxis(TIMES[numbers].astype("u2") * 0.5 - 1, -1, 1).astype("f4")
        assert batch["image"].dtype == np.float32
        assert batch["image"].flags.c_contiguous
        np.testing.assert_array_equal(batch["image"], expected)
        assert batch["label"].dtype == np.int64
        np.testing.assert_array_equal(batch["label"], labels[numbers])


def test_a_factor_for_each_channel():
    cast = Cast("float32", scale=(1, 2, 3, 4, 5), offset=(0, -1, -2, -3, -4))
    a = sz.create_array({}, data=TIMES.astype("u2"), chunks=(16, 2, 3))
    for batch, numbers in delivered(Loader(a, Rows(), batch_size=8, cast=cast, with_index=True)):
        expected = TIMES[numbers].astype("u2") * np.array(cast.scale) + np.array(cast.offset)
        np.testing.assert_array_equal(batch, expected.astype("f4"))
    with pytest.raises(ValueError, match="a number for each of 5 channels"):
        next(iter(Loader(a, Rows(), batch_size=8, cast=Cast("float32", scale=(1, 2)))))
    with pytest.raises(ValueError, match="dtype must be a float type"):
        Cast("int32", scale=2)


def test_boxes_and_a_volume_with_channels():
    volume = np.arange(2 * 20 * 30).reshape(2, 20, 30)
    a = sz.create_array({}, data=volume, chunks=(1, 8, 8), dimension_names=["c", "y", "x"])
    starts = [[0, 0], [15, 20], [3, 7], [15, 0]]
    loader = Loader(a, Boxes(starts, (5, 10), axes=("y", "x")), batch_size=2, with_index=True)
    for batch, numbers in delivered(loader):
        np.testing.assert_array_equal(batch, [volume[:, i : i + 5, j : j + 10] for i, j in np.array(starts)[numbers]])


def test_arrays_must_be_aligned():
    arrays = {name: sz.create_array({}, shape=n, dtype="i4") for name, n in (("a", 5), ("b", 6))}
    with pytest.raises(ValueError, match=r"has \(6,\) elements along the axes of the samples, but .* has \(5,\)"):
        Loader(arrays, Rows(), batch_size=1)
    with pytest.raises(TypeError, match=r"must be a simplezarr\.Array, not ndarray"):
        Loader({"a": TIMES}, Rows(), batch_size=1)
    for wrong in (Rows, 5):
        with pytest.raises(TypeError, match=r"samples must be Rows\(\), .* not (Rows|int); make one"):
            Loader(arrays["a"], wrong, batch_size=1)
    with pytest.raises(ValueError, match="no axis is named 'time'"):
        Loader(arrays["a"], Rows("time"), batch_size=1)
    with pytest.raises(ValueError, match=r"cast has \['c'\]"):
        Loader({"a": arrays["a"]}, Rows(), batch_size=1, cast={"c": Cast("f4")})


@pytest.mark.parametrize("shuffle", ["chunks", False])
@pytest.mark.parametrize("kind", ["plain", "rectilinear", "zarr 2"])
def test_each_chunk_is_fetched_once_an_epoch(kind, shuffle, pool):
    values = stored(kind).store
    store = Counting({key: values.get(key) for key in values.list()})
    loader = Loader(
        sz.open_array(store, mode="r"), Rows(), batch_size=5, shuffle=shuffle, window="40 KiB", drop_last=False
    )
    store.take()
    for _ in loader:
        pass
    read = [key for method, key, *_ in store.take() if method in ("get", "get_range")]
    assert sorted(read) == sorted(key for key in store.data if not key.endswith((".json", ".zarray", ".zattrs")))


def test_samples_as_a_sequence():
    a = sz.create_array({}, data=TIMES, chunks=(16, 6, 5))
    samples = Samples({"x": a, "y": a}, {"x": Rows(), "y": Windows(1)}, cast={"y": Cast("f8")})
    assert len(samples) == 120
    np.testing.assert_array_equal(samples[-1]["x"], TIMES[-1])
    np.testing.assert_array_equal(samples[3]["y"], TIMES[3:4])
    assert [s["x"][0, 0] for s in samples[10:14:2]] == [TIMES[10, 0, 0], TIMES[12, 0, 0]]
    assert len(samples.__getitems__([])) == 0
    with pytest.raises(IndexError, match="sample 120 does not exist; there are 120"):
        samples[120]
    assert sum(1 for _ in samples) == 120


def test_transform_is_called_with_each_batch():
    a = sz.create_array({}, data=TIMES, chunks=(16, 6, 5))
    loader = Loader(a, Rows(), batch_size=8, transform=lambda batch: batch.sum(), shuffle=False)
    assert list(loader) == [TIMES[k : k + 8].sum() for k in range(0, 120, 8)]
