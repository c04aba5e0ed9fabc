"""Workers of a DataLoader agree on the epoch, without torch."""

import itertools
import random

import numpy as np
import pytest

from simplezarr.torch.epochs import SLOTS, EpochTable, iteration_tag


def tables(slots, seed, workers):
    return [EpochTable(slots, iteration_tag(seed, workers), worker) for worker in range(workers)]


@pytest.fixture
def slots():
    return np.zeros(SLOTS, np.int64)


def test_alone_each_epoch_follows_the_one_before(slots):
    table = EpochTable(slots)
    assert table.next() == table.next() == 0
    assert [table.begin() for _ in range(4)] == [0, 1, 2, 3]
    assert EpochTable(slots).next() == 4


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_begin_the_same_epoch(slots, workers, persistent):
    """In whatever order they begin it."""
    random.seed(workers)
    for epoch in range(20):
        group = tables(slots, 7 if persistent else epoch, workers)
        random.shuffle(group)
        assert [table.begin() for table in group] == workers * [epoch]


@pytest.mark.parametrize("seed", range(50))
def test_workers_that_look_before_others_have_written(slots, seed):
    """Reading the table and writing to it are two steps. Whatever lies between them, all take the same epoch."""
    draw = random.Random(seed)
    for epoch in range(10):
        group = tables(slots, epoch, 3)
        steps = [table for table in group for _ in range(2)]
        draw.shuffle(steps)
        taken: dict = {}
        for table in steps:
            if table.worker in taken:
                table.note(taken[table.worker])
            else:
                taken[table.worker] = table.next()
        assert taken == {0: epoch, 1: epoch, 2: epoch}


def test_a_worker_that_began_nothing_does_not_split_the_next_epoch(slots):
    """Its DataLoader was dropped before the worker began."""
    tables(slots, 1, 2)[0].begin()
    assert [table.begin() for table in tables(slots, 2, 2)] == [1, 1]


def test_other_numbers_of_workers_count_on(slots):
    assert [table.begin() for table in tables(slots, 1, 2)] == [0, 0]
    assert EpochTable(slots).begin() == 1
    assert [table.begin() for table in tables(slots, 2, 3)] == [2, 2, 2]


def test_new_workers_with_an_old_seed(slots):
    """A program may set torch's seed before each epoch."""
    for epoch in range(5):
        assert [table.begin() for table in tables(slots, 9, 3)] == 3 * [epoch]


def test_restart_is_for_all_workers(slots):
    group = tables(slots, 1, 3)
    for table in group:
        table.begin()
    for epoch in (7, 7, 2, 0):
        EpochTable(slots).restart(epoch)
        assert [table.begin() for table in group] == 3 * [epoch]
    assert [table.begin() for table in group] == [1, 1, 1]


def test_rewind_forgets_later_epochs(slots):
    group = tables(slots, 1, 2)
    for _, table in itertools.product(range(6), group):
        table.begin()
    resumed = tables(slots, 2, 2)
    for table in resumed:
        table.rewind(2)
    assert [table.begin() for table in resumed] == [3, 3]
    assert [table.begin() for table in tables(slots, 3, 2)] == [4, 4]
    EpochTable(slots).rewind(-1)  # of epoch 0 nothing was delivered
    assert EpochTable(slots).begin() == 0
