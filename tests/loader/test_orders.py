"""The orders of an epoch: complete, dealt evenly, as good a shuffle as the formulas say, and the same for ever."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.loader import Boxes, Crops, Loader, Rows
from simplezarr.loader.counter_random import permutation, random_bits, uniform
from simplezarr.loader.description import mixing
from simplezarr.loader.loader import delivery_of
from simplezarr.loader.orders import (
    by_cells,
    chunk_order,
    given_order,
    listed_order,
    needed_ring,
    ranked,
    run_starts,
    uniform_order,
)


def rows(n, chunk, **arguments):
    """Return a loader of the indexes of an axis in chunks; `ring` batches of 8 bytes a sample are its window."""
    arguments.setdefault("window", arguments.pop("ring", 1000) * arguments["batch_size"] * 8)
    return Loader(sz.create_array({}, shape=n, dtype="i8", chunks=chunk), Rows(), **arguments)


# ---- random numbers ----


def test_random_numbers_are_pinned():
    """What is stored in checkpoints must mean the same in every later version."""
    assert random_bits(np.arange(3), 1, 2, 3).tolist() == PINNED
    assert permutation(8, 5).tolist() == PINNED_PERMUTATION


@given(st.lists(st.integers(0, 20), max_size=30), st.sampled_from([1, 10**6]))
def test_cells_are_counted_as_numpy_counts_them(cells, apart):
    """Numbers that lie far apart are sorted, others are counted in a table."""
    cells = np.array(cells, np.int64) * apart
    names, ranks = np.unique(cells, return_inverse=True)
    count, found = ranked(cells)
    assert (count, found.tolist()) == (len(names), ranks.tolist())
    assert run_starts(cells).tolist() == [k for k, cell in enumerate(cells) if k == 0 or cell != cells[k - 1]]


def test_random_numbers_are_uniform():
    values = uniform(np.arange(100_000), 0, 0)
    counts = np.histogram(values, 100, (0, 1))[0]
    assert (np.abs(counts - 1000) < 5 * 1000**0.5).all()
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.02
    seeds = np.array([uniform(np.arange(1), seed, 0)[0] for seed in range(2000)])
    assert abs(seeds.mean() - 0.5) < 0.04


def test_words_do_not_collide():
    words = [(a, b, c) for a in range(12) for b in range(12) for c in range(12)] + [(2**64,), (2**64 + 1,), (0, 1)]
    assert len({int(random_bits(np.arange(1), *word)[0]) for word in words}) == len(words)


# ---- complete ----

sizes = st.integers(0, 400), st.integers(1, 40), st.integers(1, 50)


@given(*sizes, st.integers(1, 12), st.integers(1, 60), st.integers(0, 3))
def test_chunk_order_is_complete_and_fits_the_ring(n, chunk, batch, ring, least, seed):
    cells = np.arange(n) // chunk
    order = by_cells(np.arange(n), cells, seed)
    cells = cells[order]
    ring = max(ring, needed_ring(cells, batch))
    plan = chunk_order(order, cells, batch, ring, max(1, min(least, ring * batch // 8)), seed)
    assert sorted(plan.numbers.tolist()) == list(range(n))
    assert sorted(plan.positions.tolist()) == list(range(n))
    assert (plan.numbers[plan.positions] == order).all()
    assert plan.bounds[0] == 0
    assert plan.bounds[-1] == n
    assert (np.diff(plan.bounds) > 0).all()
    assert (plan.numbers // chunk == plan.cells).all()
    for begin, end in zip(plan.bounds, plan.bounds[1:], strict=False):
        inside = plan.positions[begin:end] // batch
        assert inside.max() - inside.min() < ring
        assert begin == 0 or plan.cells[plan.positions[begin - 1]] != plan.cells[plan.positions[begin]]


@given(*sizes, st.integers(1, 12), st.integers(1, 60))
def test_listed_order_is_complete_and_fits_the_ring(n, chunk, batch, ring, least):
    for plan in (
        listed_order(np.arange(n), np.arange(n) // chunk, batch, ring, least),
        given_order(np.arange(n), batch, ring),
    ):
        assert plan.numbers.tolist() == plan.positions.tolist() == list(range(n))
        assert (plan.bounds[0], plan.bounds[-1]) == (0, n)
        for begin, end in zip(plan.bounds, plan.bounds[1:], strict=False):
            assert (end - 1) // batch - begin // batch < ring


@given(*sizes, st.integers(1, 12))
def test_uniform_order_is_complete_and_fits_the_ring(n, chunk, batch, ring):
    numbers = permutation(n, 3)
    plan = uniform_order(numbers, numbers // chunk, batch, ring)
    assert plan.numbers.tolist() == numbers.tolist()
    assert sorted(plan.positions.tolist()) == list(range(n))
    assert (plan.bounds[0], plan.bounds[-1]) == (0, n)
    assert (np.diff(plan.bounds) > 0).all()
    for begin, end in zip(plan.bounds, plan.bounds[1:], strict=False):
        inside = plan.positions[begin:end] // batch
        assert inside.max() - inside.min() < ring


def test_uniform_order_reads_a_chunk_once_a_ring():
    """64 chunks, 128 batches, 16 of which are held: 8 rings, and what lies before the first turn of a part."""
    reads = rows(4096, 64, batch_size=32, ring=16, shuffle="uniform").describe().chunks_per_sample * 4096
    assert 8 * 64 * 0.99 <= reads <= 9 * 64


@pytest.mark.filterwarnings("ignore:Loader. .* an epoch has no batches")
@settings(max_examples=150)
@given(
    *sizes,
    st.integers(3, 40),
    st.sampled_from(["chunks", "uniform", False]),
    st.booleans(),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_each_sample_is_delivered_once(n, chunk, batch, ring, shuffle, drop_last, world, workers):
    def loader(**arguments):
        ring_size = ring + 2 + chunk // batch
        return rows(n, chunk, batch_size=batch, ring=ring_size, shuffle=shuffle, drop_last=drop_last, **arguments)

    ranks = [loader(rank=rank, world_size=world) for rank in range(world)]
    assert len({len(rank) for rank in ranks}) == 1
    delivered = np.concatenate([rank.order(1) for rank in ranks])
    for rank in ranks:
        whole = len(rank) * batch
        assert len(rank.order(1)) == (whole if drop_last or world > 1 else n)
        parts = [delivery_of(rank).split(part, workers).schedule for part in range(workers)]
        assert sum(part.batches for part in parts) == len(rank)
        of_parts = np.concatenate([part.order(1) for part in parts])
        if drop_last or world == 1:
            assert len(set(of_parts.tolist())) == len(of_parts) == len(rank.order(1))
    if drop_last:
        assert len(set(delivered.tolist())) == len(delivered) == len(ranks[0]) * batch * world
        assert n - len(delivered) < batch * world
    elif n >= world:
        assert set(delivered.tolist()) == set(range(n))
        assert world > 1 or len(delivered) == n


@pytest.mark.filterwarnings("ignore:Loader. .* an epoch has no batches")
@given(st.integers(1, 300), st.integers(1, 20), st.sampled_from([(4, 2), (6, 3), (6, 1), (4, 4)]))
def test_other_world_sizes_see_the_same_global_batches(n, batch, worlds):
    first, second = worlds
    before = [rows(n, 7, batch_size=batch, seed=3, rank=rank, world_size=first) for rank in range(first)]
    after = [rows(n, 7, batch_size=batch, seed=3, rank=rank, world_size=second) for rank in range(second)]
    for loader in after:
        loader.load_state_dict(before[0].state_dict())
    steps, share = len(before[0]), first // second

    def step(loaders, t, per):
        orders = [loader.order(0).reshape(-1, batch)[t * per : (t + 1) * per] for loader in loaders]
        return sorted(np.concatenate(orders).tolist())

    assert [len(loader) for loader in after] == [steps * share] * second
    for t in range(steps):
        assert step(before, t, 1) == step(after, t, share)


# ---- quality ----


@pytest.mark.parametrize(
    ("n", "chunk", "batch", "window"), [(65536, 128, 256, 64), (65536, 32, 256, 256), (5000, 64, 64, 16)]
)
def test_lift_is_better_than_that_of_blocks(n, chunk, batch, window):
    """`lift` is at most 1.15 of chunks / W, where W counts all samples that are held."""
    ring = window * chunk // batch
    loader = rows(n, chunk, batch_size=batch, ring=ring)
    chunks = loader.order(0) // chunk
    pairs, uniform_chance = 0.0, (chunk - 1) / (n - 1)
    for at in range(0, len(chunks), batch):
        counts = np.unique(chunks[at : at + batch], return_counts=True)[1]
        pairs += (counts * (counts - 1)).sum()
    lift = pairs / (len(chunks) * (batch - 1)) / uniform_chance
    assert lift <= 1.15 * (n / chunk) / window
    assert abs(loader.describe().lift / lift - 1) < 0.05
    blocks = window * (1 - (1 - 1 / window) ** batch)  # different chunks in a batch of a block of W chunks
    uniform_distinct = n / chunk * (1 - (1 - chunk / n) ** batch)
    assert loader.describe().mix >= 0.95 * blocks / uniform_distinct


def test_uniform_order_has_the_lift_of_a_permutation():
    described = rows(65536, 128, batch_size=256, shuffle="uniform").describe()
    assert abs(described.lift - 1) < 0.05
    assert abs(described.mix - 1) < 0.02
    assert described.deff[0.5] == pytest.approx(1 + 0.5 * 255 * 127 / 65535, rel=0.03)


def test_a_window_of_the_whole_epoch_is_a_uniform_order():
    assert abs(rows(20_000, 100, batch_size=50, ring=400).describe().lift - 1) < 0.1


def test_positions_are_mixed_all_along_the_epoch():
    """No batch at the beginning or the end has less than half as many chunks as those in the middle."""
    chunks = rows(32768, 64, batch_size=128, ring=32).order(0).reshape(-1, 128) // 64
    distinct = np.array([len(np.unique(batch)) for batch in chunks])
    assert distinct.min() >= 0.5 * np.median(distinct)


def test_mixing_of_known_orders():
    assert mixing(np.repeat(np.arange(10), 10), 10).same == 1.0
    assert mixing(np.tile(np.arange(10), 10), 10) == (0.0, pytest.approx(10 / (10 * (1 - 0.9**10))), 0.0)
    assert mixing(np.arange(10), 1) == (1.0, 1.0, 0.0)


# ---- golden ----


@pytest.mark.parametrize("name", ["chunks", "uniform", "crops"])
def test_orders_are_pinned(name):
    if name == "crops":
        volume = sz.create_array({}, shape=(64, 64, 64), dtype="u1", chunks=(16, 16, 16))
        loader = Loader(volume, Crops((8, 8, 8), per_epoch=60), batch_size=4, window="64 KiB", seed=7)
        got = loader.starts(loader.order(1)[:20], 1).tolist()
    else:
        got = rows(1000, 20, batch_size=16, ring=12, shuffle=name, seed=42).order(3)[:100].tolist()
    assert got == GOLDEN[name]


def test_epochs_and_seeds_differ():
    orders = [rows(500, 10, batch_size=10, seed=seed).order(epoch) for seed in (0, 1) for epoch in (0, 1)]
    orders += [rows(500, 10, batch_size=10, seed=0, shuffle="uniform").order(epoch) for epoch in (0, 1)]
    assert len({tuple(order.tolist()) for order in orders}) == len(orders)


# ---- choices ----


def test_indices_and_masks():
    chosen = np.array([5, 3, 499, 20, 21, 22])
    assert sorted(rows(500, 10, batch_size=2, indices=chosen).order(0).tolist()) == sorted(chosen.tolist())
    assert rows(500, 10, batch_size=2, indices=chosen, shuffle=False).order(0).tolist() == chosen.tolist()
    mask = np.zeros(500, bool)
    mask[chosen] = True
    assert sorted(rows(500, 10, batch_size=2, indices=mask).order(0).tolist()) == sorted(chosen.tolist())


@pytest.mark.parametrize("shuffle", ["chunks", "uniform"])
def test_weights_draw_with_replacement(shuffle):
    weights = np.zeros(1000)
    weights[[10, 500]] = 3, 1
    loader = rows(1000, 10, batch_size=100, weights=weights, shuffle=shuffle)
    counts = np.bincount(loader.order(0), minlength=1000)
    assert counts[10] + counts[500] == counts.sum() == 1000
    assert 680 < counts[10] < 820
    assert (loader.order(0) != loader.order(1)).any()


def test_cells_that_become_too_large_are_cut():
    """With weights, the samples of a chunk may be many times as many in some epoch as in the first."""
    weights = np.ones(400)
    weights[:10] = 300
    loader = rows(400, 10, batch_size=10, ring=4, weights=weights)
    for epoch in range(20):
        assert len(loader.order(epoch)) == 400
        assert (np.bincount(loader.order(epoch) // 10, minlength=40)[0]) > 100
    for batch in loader:
        assert batch.shape == (10,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window": 79}, "window: 79 bytes hold no batch; one has 80 bytes"),
        ({"window": 240}, "window: 240 bytes are too small to read chunks once an epoch; 960 are needed"),
        ({"window": "1 XB"}, "window: '1 XB' is not a size"),
        ({"batch_size": 0}, "batch_size: must be at least 1"),
        ({"shuffle": True}, 'shuffle: must be "chunks"'),
        ({"seed": -1}, "seed: must be an integer of at least 0"),
        ({"rank": 1}, "rank, world_size: give both"),
        ({"rank": 2, "world_size": 2}, "rank: must be at least 0 and less than world_size"),
        ({"indices": [500]}, "indices: must be at least 0 and less than 500"),
        ({"indices": np.ones(3, bool)}, "indices: a mask must have shape"),
        ({"indices": [0.5]}, "indices: must be one-dimensional integers or a mask"),
        ({"weights": [1.0]}, "weights: must be 500 numbers"),
        ({"weights": np.zeros(500)}, "not all 0"),
        ({"prefetch": -1}, "prefetch: must be"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        rows(500, 100, **{"batch_size": 10, **arguments})


@pytest.mark.parametrize(
    ("n", "arguments", "words"),
    [
        (0, {}, "there are no samples"),
        (0, {"drop_last": False}, "there are no samples"),
        (50, {"indices": []}, "there are no samples"),
        (9, {}, "9 samples fill no batch of 10, .* make batch_size smaller, or give drop_last=False"),
        (29, {"rank": 2, "world_size": 3}, "9 samples of 29 for each of 3 ranks fill no batch of 10"),
    ],
)
@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_an_epoch_without_batches_is_warned_of(n, arguments, words, shuffle):
    with pytest.warns(UserWarning, match=words) as caught:
        loader = rows(n, 5, batch_size=10, shuffle=shuffle, **arguments)
    assert [warning.filename for warning in caught] == [__file__]
    assert (len(loader), list(loader), loader.order(0).tolist()) == (0, [], [])
    assert loader.describe().batches == 0
    assert loader.state_dict()["batch"] == 0


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_a_small_epoch_is_one_small_batch_if_asked_for(shuffle):
    loader = rows(9, 5, batch_size=10, shuffle=shuffle, drop_last=False)
    assert [batch.shape for batch in loader] == [(9,)]
    assert sorted(loader.order(0).tolist()) == list(range(9))
    ranks = [rows(29, 5, batch_size=10, shuffle=shuffle, drop_last=False, rank=k, world_size=3) for k in range(3)]
    assert [[batch.shape for batch in rank] for rank in ranks] == [[(10,)]] * 3
    assert {number for rank in ranks for number in rank.order(0).tolist()} == set(range(29))


def test_boxes_are_checked():
    a = sz.create_array({}, shape=(8, 12), dtype="i4")
    with pytest.raises(ValueError, match=r"box 1 at \(5, 0\) of shape \(4, 6\) does not lie within \(8, 12\)"):
        Loader(a, Boxes([[0, 0], [5, 0]], (4, 6)), batch_size=1)
    with pytest.raises(ValueError, match=r"integers of shape \(n, 2\)"):
        Boxes([[0.5, 0]], (4, 6))
    with pytest.raises(ValueError, match=r"shape \(8, 12\).* is larger"):
        Loader(a, Crops((9, 9), per_epoch=3), batch_size=1)


# fmt: off
PINNED = [10098223988561024496, 227816494457342131, 7770043268246257666]
PINNED_PERMUTATION = [2, 7, 0, 5, 1, 4, 3, 6]
GOLDEN = {
    "chunks": [
        560, 94, 486, 497, 903, 910, 97, 566, 900, 498, 570, 485, 95, 914, 87, 565, 3, 919, 492, 981, 88, 568,
        916, 578, 7, 499, 91, 86, 983, 904, 988, 89, 495, 572, 901, 569, 8, 488, 98, 96, 902, 995, 85, 913, 9,
        481, 912, 987, 579, 905, 12, 84, 80, 730, 562, 83, 17, 909, 908, 496, 409, 480, 999, 911, 99, 400, 575,
        732, 991, 81, 907, 13, 917, 571, 2, 490, 419, 721, 990, 92, 564, 725, 491, 401, 415, 906, 4, 90, 989,
        574, 482, 739, 918, 10, 93, 761, 970, 487, 997, 915,
    ],
    "uniform": [
        14, 361, 17, 862, 647, 971, 92, 541, 222, 964, 330, 595, 667, 182, 453, 419, 969, 694, 333, 353, 248,
        200, 510, 420, 12, 946, 521, 74, 798, 230, 273, 836, 130, 917, 705, 562, 101, 299, 41, 508, 903, 757,
        863, 907, 250, 194, 693, 498, 661, 36, 465, 21, 516, 308, 925, 619, 578, 594, 704, 640, 175, 331, 389,
        655, 215, 648, 383, 898, 401, 734, 104, 759, 809, 42, 644, 840, 800, 815, 568, 252, 279, 28, 392, 161,
        124, 370, 831, 390, 893, 343, 255, 336, 995, 295, 504, 143, 811, 394, 96, 244,
    ],
    "crops": [
        [11, 35, 20], [34, 54, 13], [5, 1, 14], [17, 42, 30], [41, 3, 13], [13, 32, 6], [41, 7, 26],
        [19, 13, 48], [2, 52, 24], [44, 39, 11], [17, 6, 42], [15, 49, 10], [16, 12, 16], [6, 38, 51],
        [22, 35, 31], [19, 16, 5], [10, 22, 5], [39, 48, 37], [12, 48, 13], [24, 18, 56],
    ],
}
# fmt: on
