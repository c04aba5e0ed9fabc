"""Epochs in progress: threads, errors, interrupts, memory, resuming, processes."""

import gc
import json
import os
import pickle
import time
import weakref

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Crops, Loader, Rows
from tests.support.helpers import Counting, Failing

DATA = np.arange(600 * 4, dtype="i8").reshape(600, 4)
ROOM = 12 * 20 * 32  # twelve batches of twenty samples
LARGE = {"batch_size": 10, "window": 40 * 10 * 32}  # two thirds of the array
AHEAD = 6  # batches that several threads read ahead: half of the window at most


class Near(Counting):
    """Counts calls, and answers at once, so that no more is read ahead than threads need."""

    concurrency = None


def array():
    return sz.create_array({}, data=DATA, chunks=(25, 4))


def loader(a=None, **arguments):
    arguments = {"batch_size": 20, "window": ROOM, "seed": 3, "with_index": True, **arguments}
    return Loader(array() if a is None else a, Rows(), **arguments)


def numbers(batches):
    return [index.tolist() for _, index in batches]


def values_of(a):
    return {key: a.store.get(key) for key in a.store.list()}


# ---- threads ----


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_batches_do_not_depend_on_threads(threads, shuffle):
    before = sz.get_num_threads()
    sz.set_num_threads(threads)
    try:
        made = loader(shuffle=shuffle)
        assert np.concatenate(numbers(made)).tolist() == made.order(0).tolist()
        for batch, index in made:
            np.testing.assert_array_equal(batch, DATA[index])
    finally:
        sz.set_num_threads(before)


def test_iterators_are_independent(pool):
    made = loader()
    first, second = iter(made), iter(made)
    pairs = list(zip(first, second, strict=True))
    assert np.concatenate([a[1] for a, _ in pairs]).tolist() == made.order(0).tolist()
    assert np.concatenate([b[1] for _, b in pairs]).tolist() == made.order(1).tolist()
    for pair in pairs:
        for batch, index in pair:
            np.testing.assert_array_equal(batch, DATA[index])


def test_kept_batches_stay_what_they_were(pool):
    made = loader()
    kept = [pair for _ in range(3) for pair in made]
    for batch, index in kept:
        np.testing.assert_array_equal(batch, DATA[index])
    assert len({batch.__array_interface__["data"][0] for batch, _ in kept}) == len(kept)


def test_memory_is_used_again(pool):
    made = loader(with_index=False)
    places = [batch.__array_interface__["data"][0] for _ in range(3) for batch in made]
    assert len(places) == 90
    assert len(set(places)) <= 12 + AHEAD + 2  # those of the ring, and of two batches that the loop holds
    part = None
    for batch in made:
        part = batch[3:5].copy() if part is None else part
        view = batch[3:5]  # a view of a part keeps all of it
        del batch
        expected = view.copy()
        for other in loader(with_index=False):
            del other
        np.testing.assert_array_equal(view, expected)
        break


@pytest.mark.parametrize("ranks", [1, 2])
def test_memory_is_used_again_in_the_next_epoch(ranks, pool):
    """All of it, also if a loop holds a batch while the ring is full, or if two streams have a ring each."""
    made: list[tuple[int, ...]] = []

    def allocate(shape, dtype):
        made.append(shape)
        return np.empty(shape, dtype)

    delivers = loader(out=allocate, with_index=False, shuffle=False)
    delivers.load_state_dict(loader(shuffle=False, rank=0, world_size=ranks).state_dict())
    told = delivers.describe().resident_bytes // (20 * 32)
    for _ in range(5):
        epoch = iter(delivers)
        assert len(epoch._streams) == ranks
        for batch in epoch:  # holds it meanwhile
            assert batch.shape == (20, 4)
            end = time.monotonic() + 10
            while any(stream._helpers for stream in epoch._streams):
                assert time.monotonic() < end
                time.sleep(0.001)
        del batch
    assert told / 2 < len(made) <= told + 2  # the loop holds two while it is given the next


def test_resident_memory_is_bounded(pool):
    """No more batches are allocated than the window holds, those that are read ahead, and one for the consumer."""
    made: list[tuple[int, ...]] = []

    def allocate(shape, dtype):
        made.append(shape)
        return np.empty(shape, dtype)

    for batch in loader(out=allocate, with_index=False):
        del batch
    assert len(made) <= 12 + AHEAD + 1
    assert set(made) == {(20, 4)}
    with pytest.raises(ValueError, match="out: must return a C-contiguous array"):
        next(iter(loader(out=lambda shape, dtype: np.empty(shape, dtype).T)))


def test_nothing_is_read_after_an_iterator_is_dropped(pool):
    store = Counting(values_of(array()))
    made = loader(sz.open_array(store, mode="r"), window=3 * 20 * 32, batch_size=10)
    epoch = iter(made)
    next(epoch)
    dropped = weakref.ref(epoch)
    del epoch
    gc.collect()
    assert dropped() is None
    time.sleep(0.2)
    store.take()
    time.sleep(0.2)
    assert store.take() == []
    epoch = iter(made)
    next(epoch)
    epoch.close()
    with pytest.raises(StopIteration):
        next(epoch)


def test_no_thread_reads_further_than_the_window(pool):
    store = Near(values_of(array()))
    epoch = iter(loader(sz.open_array(store, mode="r"), shuffle=False, prefetch=1, window=4 * 20 * 32))
    next(epoch)
    time.sleep(0.3)
    read = [call for call in store.take() if call[0] == "get" and "c/" in call[1]]
    assert 1 <= len(set(read)) <= 1 + ((1 + 4 + 2) * 20 - 1) // 25  # one was delivered


def test_more_is_read_ahead_from_a_far_store_in_the_same_order(pool):
    near, far = Near(values_of(array())), Counting(values_of(array()))
    sz.set_num_threads(2)
    loaders = [loader(sz.open_array(store, mode="r"), **LARGE) for store in (near, far)]
    assert loaders[0].order(0).tolist() == loaders[1].order(0).tolist()
    held = [made.describe().resident_bytes // (10 * 32) for made in loaders]
    assert held == [40 + 15, 40 + 20]  # three groups of 50 samples; half of the window


@pytest.mark.parametrize(("threads", "ahead"), [(1, 2), (2, 15), (3, 20), (9, 20)])
def test_batches_are_read_ahead_for_each_thread(threads, ahead, pool):
    sz.set_num_threads(threads)
    made = loader(**LARGE)
    assert made.describe().resident_bytes == (40 + ahead) * 10 * 32
    order = made.order(0).tolist()
    sz.set_num_threads(1)
    assert loader(**LARGE).order(0).tolist() == order


# ---- errors ----


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_a_damaged_chunk_raises_for_the_batches_that_need_it(threads, shuffle, pool):
    sz.set_num_threads(threads)
    values = values_of(array())
    values["c/7/0"] = b"damaged"
    made = loader(sz.open_array(Counting(values), mode="r"), shuffle=shuffle)
    needs = [bool(((batch // 25) == 7).any()) for batch in made.order(0).reshape(-1, 20)]
    epoch, outcome = iter(made), []
    while True:
        try:
            batch, index = next(epoch)
            np.testing.assert_array_equal(batch, DATA[index])
            outcome.append(False)
        except StopIteration:
            break
        except sz.ChunkError as error:
            outcome.append(error.index == (7, 0))
    assert outcome == needs


def test_errors_of_the_store_are_raised():
    store = Failing(values_of(array()), OSError(5, "gone"), part="c/3/")
    made = loader(sz.open_array(store, mode="r"))
    with pytest.raises(OSError, match="gone"):
        list(made)
    assert made.state_dict()["batch"] >= 1


def test_an_error_of_the_store_costs_only_the_batches_that_need_the_chunk(pool):
    made = loader(sz.open_array(Failing(values_of(array()), OSError(5, "gone"), part="c/7/"), mode="r"))
    needs = [bool(((batch // 25) == 7).any()) for batch in made.order(0).reshape(-1, 20)]
    epoch, outcome = iter(made), []
    for _ in needs:
        try:
            batch, index = next(epoch)
            np.testing.assert_array_equal(batch, DATA[index])
            outcome.append(False)
        except OSError:
            outcome.append(True)
    assert outcome == needs


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_error_that_does_not_come_again_is_raised_once(threads, pool):
    sz.set_num_threads(threads)

    class Once(Counting):
        failed = False

        def get(self, key):
            if "c/7/" in key and not self.failed:
                self.failed = True
                raise OSError(5, "gone")
            return super().get(key)

    for _ in range(20):
        epoch, failures, got = iter(loader(sz.open_array(Once(values_of(array())), mode="r"))), 0, 0
        while True:
            try:
                batch, index = next(epoch)
                np.testing.assert_array_equal(batch, DATA[index])
                got += 1
            except StopIteration:
                break
            except OSError:
                failures += 1
        assert (failures, got) == (1, 29)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
@pytest.mark.parametrize("error", [sz.ChunkError("broken"), OSError(5, "gone")])
def test_batches_that_cannot_be_read_are_skipped_if_asked_for(threads, shuffle, error, pool, caplog):
    sz.set_num_threads(threads)
    a = sz.open_array(Failing(values_of(array()), error, part="c/7/"), mode="r")
    made = loader(a, shuffle=shuffle, on_error="skip")
    good = [not ((batch // 25) == 7).any() for batch in made.order(0).reshape(-1, 20)]
    order = made.order(0).reshape(-1, 20).tolist()
    pairs = list(made)
    for batch, index in pairs:
        np.testing.assert_array_equal(batch, DATA[index])
    assert numbers(pairs) == [batch for batch, fine in zip(order, good, strict=True) if fine]
    assert made.skipped == good.count(False) == len(caplog.records) > 0
    assert caplog.records[0].getMessage().startswith(f"batch {good.index(False)} of epoch 0 is skipped: ")
    for k in (1, good.index(False), good.index(False) + 1, 29):  # resumed after k batches, whether delivered or not
        again = loader(a, shuffle=shuffle, on_error="skip")
        again.load_state_dict({**made.state_dict(), "epoch": 0, "batch": k})
        left = [batch for batch, fine in zip(order[k:], good[k:], strict=True) if fine]
        assert numbers(again) == left
        assert again.skipped == good[k:].count(False)
        assert again.state_dict()["epoch"] == 1


def test_a_state_counts_skipped_batches():
    a = sz.open_array(Failing(values_of(array()), OSError(5, "gone"), part="c/0/"), mode="r")
    made = loader(a, shuffle=False, on_error="skip")
    epoch = iter(made)
    assert next(epoch)[1].tolist() == list(range(40, 60))  # two batches need the first chunk
    assert (made.state_dict()["batch"], made.skipped) == (3, 2)
    assert pickle.loads(pickle.dumps(loader(on_error="skip"))).skipped == 0


def test_only_what_cannot_be_read_is_skipped():
    def fail(*arguments):
        raise ValueError("mine")

    for wrong in ({"transform": fail}, {"out": fail}):
        with pytest.raises(ValueError, match="mine"):
            next(iter(loader(on_error="skip", **wrong)))
    with pytest.raises(ValueError, match="on_error: must be"):
        loader(on_error="ignore")


def test_an_interrupt_loses_nothing(monkeypatch):
    from simplezarr.loader.stream import Stream

    sz.set_num_threads(1)
    read, calls = Stream._read, []

    def interrupted(self, positions):
        calls.append(None)
        if len(calls) in (2, 5):
            raise KeyboardInterrupt
        read(self, positions)

    monkeypatch.setattr(Stream, "_read", interrupted)
    made = loader()
    epoch, got = iter(made), []
    try:
        while len(got) < len(made):
            try:
                got.append(next(epoch))
            except KeyboardInterrupt:
                calls.append(None)
    finally:
        sz.set_num_threads(os.cpu_count())
    assert np.concatenate(numbers(got)).tolist() == made.order(0).tolist()
    for batch, index in got:
        np.testing.assert_array_equal(batch, DATA[index])


# ---- resuming ----


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_resuming_after_each_batch(shuffle, pool):
    reference = loader(shuffle=shuffle)
    whole = [numbers(reference) for _ in range(2)]
    for k in range(len(reference) + 1):
        first = loader(shuffle=shuffle)
        epoch = iter(first)
        for _ in range(k):
            next(epoch)
        state = json.loads(json.dumps(first.state_dict()))
        sz.set_num_threads(1 + k % 4)
        second = loader(shuffle=shuffle)
        second.load_state_dict(state)
        pairs = list(second)
        assert numbers(pairs) == (whole[0][k:] or whole[1])
        for batch, index in pairs:
            np.testing.assert_array_equal(batch, DATA[index])
        if k < len(reference):
            assert numbers(second) == whole[1]


def test_a_state_is_small_and_belongs_to_its_loader():
    state = loader().state_dict()
    assert len(json.dumps(state)) < 1024
    for arguments, words in (
        ({"seed": 4}, "seed is 3; this loader has 4"),
        ({"batch_size": 10}, "batch_size is '20'; this loader has '10'"),
        ({"shuffle": False}, "shuffle is 'chunks'; this loader has 'False'"),
        ({"window": 2 * ROOM}, "window is"),
        ({"indices": np.arange(300)}, "indices is"),
        ({"a": sz.create_array({}, data=DATA, chunks=(30, 4))}, "arrays is"),
    ):
        with pytest.raises(ValueError, match=words):
            loader(**arguments).load_state_dict(state)
    with pytest.raises(ValueError, match="version is 0"):
        loader().load_state_dict({**state, "version": 0})
    with pytest.raises(ValueError, match="does not divide"):
        loader(rank=0, world_size=2).load_state_dict(state)


@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_resuming_with_fewer_ranks(k):
    ranks = [loader(rank=rank, world_size=4) for rank in range(4)]
    batches = []
    for rank in ranks:
        epoch = iter(rank)
        for _ in range(k):
            next(epoch)
        state = rank.state_dict()
        batches.append(numbers(epoch))
    fewer = [loader(rank=rank, world_size=2) for rank in range(2)]
    for rank in fewer:
        rank.load_state_dict(state)
    after = [numbers(rank) for rank in fewer]
    for t in range(len(ranks[0]) - k):
        assert sorted(batches[r][t] for r in range(4)) == sorted(
            after[r][2 * t + m] for r in range(2) for m in range(2)
        )


def test_resuming_decodes_at_most_a_window_again(pool):
    store = Counting(values_of(array()))
    first = loader(sz.open_array(store, mode="r"))
    epoch = iter(first)
    for _ in range(15):
        next(epoch)
    store.take()
    second = loader(sz.open_array(store, mode="r"))
    second.load_state_dict(first.state_dict())
    store.take()
    list(second)
    read = [call for call in store.take() if call[0] == "get" and "c/" in call[1]]
    left = 15 * 20 / 25  # chunks' worth of samples
    assert len(read) <= left + 12 * 20 / 25 + 1


def test_set_epoch():
    made = loader()
    made.set_epoch(5)
    assert np.concatenate(numbers(made)).tolist() == made.order(5).tolist()
    assert np.concatenate(numbers(made)).tolist() == made.order(6).tolist()
    with pytest.raises(ValueError, match="epoch: must be at least 0"):
        made.set_epoch(-1)


# ---- processes ----


def test_a_loader_pickles_as_its_arguments(tmp_path):
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(25, 4))
    made = loader(a)
    next(iter(made))
    copy = pickle.loads(pickle.dumps(made))
    assert numbers(copy) == [part.tolist() for part in made.order(1).reshape(-1, 20)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_epoch_goes_on_in_a_forked_child(pool, tmp_path):
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(25, 4))
    made = loader(a)
    epoch = iter(made)
    next(epoch)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            rest = list(epoch)
            right = all((batch == DATA[index]).all() for batch, index in rest)
            code = 0 if right and len(rest) == len(made) - 1 else 2
        finally:
            os._exit(code)
    for batch, index in epoch:
        np.testing.assert_array_equal(batch, DATA[index])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---- costs that are told ----


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_described_chunks_are_those_that_are_read(shuffle):
    store = Near(values_of(array()))
    made = loader(sz.open_array(store, mode="r"), shuffle=shuffle)
    described = made.describe()
    assert not [call for call in store.take() if call[0].startswith("get") and "c/" in call[1]]
    list(made)
    read = [call for call in store.take() if call[0] == "get" and "c/" in call[1]]
    assert len(read) / described.samples == pytest.approx(described.chunks_per_sample, rel=0.05)
    sizes = np.mean([len(store.data[key]) for _, key in read])
    assert described.stored_per_sample == pytest.approx(described.chunks_per_sample * sizes, rel=0.1)
    assert described.resident_bytes <= ROOM + AHEAD * 20 * 32
    assert str(described).startswith("30 batches of 20, 600 samples\nmemory: ")


def test_crops_tell_how_often_chunks_are_decoded():
    a = sz.create_array({}, shape=(64, 64, 64), dtype="u1", chunks=(16, 16, 16))
    costs = [
        Loader(a, Crops((8, 8, 8), per_epoch=512, cell=cell), batch_size=8, window="256 KiB")
        .describe()
        .chunks_per_sample
        for cell in (1, 2, 4)
    ]
    assert costs[0] <= (1 + 7 / 16 + 0.6) ** 3 / 8
    assert costs[2] == pytest.approx(64 / 512)
    assert costs[0] > costs[1] > costs[2]


def test_states_are_read_by_later_versions():
    """What a state says of a loader stays as it was when it was saved, or nobody could go on with it."""
    made = Loader(array(), Rows(), batch_size=20, window=ROOM, seed=3)
    saved = {
        "version": 1,
        "seed": 3,
        "epoch": 2,
        "batch": 7,
        "world_size": 1,
        "ranks": 1,
        "fingerprint": {
            "arrays": " (600, 4) int64 (25, 4)",
            "samples": "Rows(axis=0)",
            "batch_size": "20",
            "shuffle": "chunks",
            "window": str(ROOM),
            "drop_last": "True",
            "indices": "600 23a0e83b",
            "weights": "",
        },
    }
    made.load_state_dict(saved)
    assert made.state_dict() == saved
