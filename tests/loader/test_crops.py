"""Weighted crops: where they begin, how often, and the same for ever."""

import pickle

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Crops, Loader, Samples

LENGTHS, CHUNKS = (12, 20), (5, 8)  # 3 by 3 chunks
IMAGE = np.arange(240, dtype="i4").reshape(LENGTHS)


def image(**arguments):
    return sz.create_array({}, data=IMAGE, **{"chunks": CHUNKS, **arguments})


def starts_of(crops, a=None, epoch=0, **arguments):
    loader = Loader(image() if a is None else a, crops, batch_size=1, window="1 MiB", **arguments)
    return loader.starts(np.arange(crops.per_epoch), epoch)


def most_chi_square(freedom):
    """Return what chi-square exceeds with a chance of 0.001 (Wilson and Hilferty 1931)."""
    return freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3


def check_chances(starts, expected):
    """Compare how often each position was drawn with its chance, by chi-square."""
    counts = np.zeros(expected.shape)
    np.add.at(counts, tuple(starts.T), 1)
    assert not counts[expected == 0].any()
    wanted = (expected / expected.sum() * len(starts))[expected > 0]
    assert wanted.min() > 5
    statistic = ((counts[expected > 0] - wanted) ** 2 / wanted).sum()
    assert statistic < most_chi_square(len(wanted) - 1)


def position_weights(weights, shape):
    """The weight of each position at which a box fits: that of the chunk it lies in."""
    chunk = np.indices([n - k + 1 for n, k in zip(LENGTHS, shape, strict=True)])
    return np.asarray(weights, float)[tuple(chunk[axis] // CHUNKS[axis] for axis in range(2))]


WEIGHTS = np.array([[1, 0, 2], [5, 0.25, 0], [4, 1, 100]])


@pytest.mark.parametrize(
    ("weights", "shape"),
    [
        (None, (4, 12)),
        (np.ones((3, 3)), (4, 12)),
        (np.full((3, 3), True), (4, 12)),
        ([[True, True, False], [False, True, True], [False] * 3], (4, 5)),
        (np.eye(3) + 0.5, (8, 5)),
    ],
)
def test_positions_have_their_chances(weights, shape):
    expected = position_weights(np.ones((3, 3)) if weights is None else weights, shape)
    check_chances(starts_of(Crops(shape, per_epoch=30_000, weights=weights)), expected)


def test_chances_of_chunks():
    """Positions in a chunk are equally likely; those at which the box does not fit are never drawn."""
    starts = starts_of(Crops((3, 3), per_epoch=40_000, weights=WEIGHTS))
    places = np.array([5, 5, 0]), np.array([8, 8, 2])  # in each chunk along each axis
    chances = WEIGHTS * np.outer(*places)
    counts = np.histogram2d(*starts.T, bins=([0, 5, 10, 12], [0, 8, 16, 20]))[0]
    assert not counts[chances == 0].any()
    np.testing.assert_allclose(counts / 40_000, chances / chances.sum(), atol=4 * 0.5 / 200)


def test_a_chunk_of_weight_0_is_never_drawn():
    for k in range(9):
        weights = np.zeros(9)
        weights[k] = 1e-300
        crops = Crops((1, 1), per_epoch=2000, weights=weights.reshape(3, 3))
        assert set(map(tuple, starts_of(crops) // CHUNKS)) == {divmod(k, 3)}


def test_crops_along_some_axes_of_rectilinear_and_sharded_arrays():
    data = np.arange(2 * 240).reshape(2, 12, 20)
    mask = np.zeros((2, 5), bool)
    mask[1, 2] = True
    sharded = sz.create_array({}, data=data, chunks=(1, 6, 4), shards=(2, 12, 20), dimension_names=["c", "y", "x"])
    uneven = sz.create_array({}, data=data, chunks=([1, 1], [5, 7], [2, 6, 4, 3, 5]), dimension_names=["c", "y", "x"])
    for a, low, high in ((sharded, (6, 8), (12, 12)), (uneven, (5, 8), (12, 12))):
        crops = Crops((2, 3), per_epoch=400, axes=("y", "x"), weights=mask)
        starts = starts_of(crops, a)
        assert starts.min(axis=0).tolist() == list(low)
        assert starts.max(axis=0).tolist() == [10, high[1] - 1]
        for batch, index in Loader(a, crops, batch_size=20, window="1 MiB", with_index=True):
            expected = [data[:, y : y + 2, x : x + 3] for y, x in starts[index]]
            np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_weighted_crops_are_delivered(shuffle, pool):
    crops = Crops((4, 6), per_epoch=60, weights=WEIGHTS)
    loader = Loader(image(), crops, batch_size=5, shuffle=shuffle, window="16 KiB", with_index=True)
    copy = pickle.loads(pickle.dumps(loader))
    for epoch in range(2):
        order = loader.order(epoch)
        assert sorted(order.tolist()) == list(range(60))
        for pair, other in zip(loader, copy, strict=True):
            batch, index = pair
            starts = loader.starts(index, epoch)
            np.testing.assert_array_equal(batch, [IMAGE[y : y + 4, x : x + 6] for y, x in starts])
            np.testing.assert_array_equal(batch, other[0])
    assert (loader.starts(np.arange(60), 0) != loader.starts(np.arange(60), 1)).any()
    samples = Samples(image(), crops)
    np.testing.assert_array_equal(samples[7], IMAGE[tuple(slice(i, i + n) for i, n in zip(
        loader.starts([7], 0)[0], (4, 6), strict=True))])  # fmt: skip


def test_aligned_arrays_have_the_same_crops():
    """The chances are those of the first array's chunks."""
    arrays = {"x": image(), "y": image(chunks=(12, 3))}
    loader = Loader(arrays, Crops((4, 6), per_epoch=40, weights=WEIGHTS), batch_size=4, window="1 MiB")
    for batch in loader:
        np.testing.assert_array_equal(batch["x"], batch["y"])


def test_weighted_crops_are_pinned():
    got = starts_of(Crops((4, 6), per_epoch=12, weights=WEIGHTS), epoch=2, seed=9)
    assert got.tolist() == PINNED


def test_states_of_other_weights_are_refused():
    def loader(weights):
        return Loader(image(), Crops((4, 6), per_epoch=12, weights=weights), batch_size=4, window="1 MiB")

    state = loader(WEIGHTS).state_dict()
    loader(WEIGHTS.tolist()).load_state_dict(state)
    for other in (None, WEIGHTS.T):
        with pytest.raises(ValueError, match="samples is "):
            loader(other).load_state_dict(state)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones((3, 2)), r"weights have shape \(3, 2\), but the first array has chunks of shape \(3, 3\)"),
        (np.full((3, 3), -1), "must be finite numbers of at least 0"),
        (np.full((3, 3), np.nan), "must be finite numbers of at least 0"),
        (np.zeros((3, 3)), "all chunks that a crop may begin in have weight 0"),
        ([[0, 0, 0], [0, 0, 0], [1, 1, 1]], "all chunks that a crop may begin in have weight 0"),
    ],
)
def test_wrong_weights(weights, words):
    with pytest.raises(ValueError, match=words):
        starts_of(Crops((4, 6), per_epoch=3, weights=weights))


PINNED = [[7, 2], [5, 7], [4, 5], [2, 2], [6, 7], [6, 4], [5, 6], [8, 2], [0, 1], [8, 3], [8, 11], [8, 5]]
