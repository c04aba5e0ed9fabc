"""Loaders and samples under the DataLoader of torch and the StatefulDataLoader of torchdata."""

import copy
import itertools
import pickle
import sys

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Loader, Rows, Samples
from simplezarr.loader.loader import delivery_of
from tests.support.helpers import Counting

torch = pytest.importorskip("torch", reason="the extra `torch`: 554 MB")
szt = pytest.importorskip("simplezarr.torch")
data = torch.utils.data

VALUES = np.arange(100 * 6, dtype="i4").reshape(100, 6)
METHODS = ["fork", "forkserver", "spawn"] if sys.platform == "linux" else ["spawn"]
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create",
    "ignore:.*pin_memory.*",
    "ignore:This process .* is multi-threaded",
    "ignore:'set_vital' is deprecated",  # which torchdata calls
)


@pytest.fixture
def array(tmp_path):
    return sz.create_array(tmp_path / "a.zarr", data=VALUES, chunks=(7, 6))


def make_loader(array, **arguments):
    return Loader(array, Rows(), **{"batch_size": 8, "window": 5 * 8 * 24, "seed": 5, **arguments})


def numbers_of(batches):
    """The samples of batches, which must be those of the array."""
    found = []
    for batch in batches:
        assert isinstance(batch, torch.Tensor)
        values = batch.numpy()
        np.testing.assert_array_equal(values, VALUES[values[:, 0] // 6])
        found.append((values[:, 0] // 6).tolist())
    return found


def expected_epoch(loader, epoch, workers):
    """The batches of an epoch as a DataLoader asks the workers for them in turn."""
    parts = []
    for worker in range(max(1, workers)):
        part = delivery_of(loader).split(worker, max(1, workers))
        parts.append(numbers_of(map(torch.from_numpy, part.begin(epoch, 0))))
    return [batch for turn in itertools.zip_longest(*parts) for batch in turn if batch is not None]


def check_epochs(loader, batches, workers, epochs):
    for epoch in epochs:
        found = numbers_of(batches)
        assert found == expected_epoch(loader, epoch, workers)
        assert len(found) == len(batches) == len(loader)
        assert len({number for batch in found for number in batch}) == sum(map(len, found))


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("arguments", [{}, {"drop_last": False}, {"shuffle": "uniform"}, {"rank": 1, "world_size": 2}])
def test_epochs_with_workers_that_are_forked(array, workers, persistent, arguments):
    if persistent and not workers:
        pytest.skip("torch refuses persistent workers if there are none")
    loader = make_loader(array, **arguments)
    next(delivery_of(loader).begin(0, 0))  # threads exist before the fork
    context = "fork" if workers else None
    batches = data.DataLoader(
        szt.dataset(loader),
        batch_size=None,
        num_workers=workers,
        persistent_workers=persistent,
        multiprocessing_context=context,
    )
    check_epochs(loader, batches, workers, range(4))


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("method", METHODS[1:])
def test_epochs_with_workers_that_are_started(array, method, persistent):
    """Each imports torch, which takes seconds."""
    loader = make_loader(array)
    batches = data.DataLoader(
        szt.dataset(loader),
        batch_size=None,
        num_workers=2,
        persistent_workers=persistent,
        multiprocessing_context=method,
    )
    check_epochs(loader, batches, 2, range(2))


def forked(dataset, workers=2, **arguments):
    context = "fork" if workers else None
    return data.DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context, **arguments)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_set_epoch(array, workers, persistent):
    """As Lightning and others call it before each epoch, or once."""
    loader = make_loader(array)
    dataset = szt.dataset(loader)
    batches = forked(dataset, workers, persistent_workers=persistent and workers > 0)
    for epoch in (3, 3, 0, 7):
        dataset.set_epoch(epoch)
        check_epochs(loader, batches, workers, [epoch])
    check_epochs(loader, batches, workers, [8, 9])
    with pytest.raises(ValueError, match="epoch: must be at least 0, not -1"):
        dataset.set_epoch(-1)


def test_epochs_that_are_broken_off(array):
    loader = make_loader(array)
    batches = forked(szt.dataset(loader))
    for _ in range(3):
        next(iter(batches))
    check_epochs(loader, batches, 2, [3])


def test_the_given_order(array):
    """With any number of workers."""
    loader = make_loader(array, shuffle=False, drop_last=False)
    for workers in (0, 1, 2, 3):
        found = numbers_of(forked(szt.dataset(loader), workers))
        assert [number for batch in found for number in batch] == list(range(100))


def test_another_dataloader_counts_on(array):
    loader = make_loader(array)
    dataset = szt.dataset(loader)
    for epoch, workers in enumerate([2, 0, 3, 1]):
        check_epochs(loader, forked(dataset, workers), workers, [epoch])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset))])
def test_copies_of_a_dataset_count_for_themselves(array, copied):
    loader = make_loader(array)
    dataset = szt.dataset(loader)
    check_epochs(loader, forked(dataset), 2, [0, 1])
    other = copied(dataset)
    check_epochs(loader, forked(dataset), 2, [2])
    check_epochs(loader, forked(other), 2, [2, 3])


def test_workers_share_the_threads(array):
    before = sz.get_num_threads()
    try:
        for threads, workers, each in ((8, 2, 4), (8, 3, 2), (2, 2, 2), (1, 2, 1)):
            sz.set_num_threads(threads)
            loader = make_loader(array, transform=lambda batch: np.array([sz.get_num_threads()]))
            assert {int(batch) for batch in forked(szt.dataset(loader), workers)} == {each}
    finally:
        sz.set_num_threads(before)


def test_an_error_in_a_worker_belongs_to_one_batch():
    stored: dict = {}
    sz.create_array(stored, data=VALUES, chunks=(8, 6))
    stored["c/5/0"] = b"spoilt"
    loader = make_loader(sz.open_array(stored), shuffle=False)
    for workers in (0, 2):
        batches, found, errors = iter(forked(szt.dataset(loader), workers)), [], []
        for _ in range(12):
            try:
                found.append(next(batches)[0, 0].item() // 48)
            except (sz.ZarrError, RuntimeError) as error:  # torch makes the second of what it can't make anew
                errors.append(str(error))
        assert found == [k for k in range(12) if k != 5]
        assert len(errors) == 1
        assert "c/5/0" in errors[0]
        with pytest.raises(StopIteration):
            next(batches)


# ---- what is refused, and what passes ----


def test_another_order_is_refused(array):
    """By torch, for datasets that are iterated, and by us for those that are indexed."""
    dataset = szt.dataset(make_loader(array))
    for wrong in (
        {"shuffle": True},
        {"sampler": data.RandomSampler(dataset)},
        {"batch_sampler": data.BatchSampler(range(3), 2, False)},
    ):
        with pytest.raises(ValueError, match="IterableDataset"):
            data.DataLoader(dataset, **wrong)
    with pytest.raises(TypeError, match=r"without a sampler, or simplezarr\.loader\.Samples"):
        dataset[0]
    for unwrapped in (make_loader(array), szt.loader(make_loader(array))):
        with pytest.raises(TypeError, match=r"use simplezarr\.torch\.dataset"):
            next(iter(data.DataLoader(unwrapped, batch_size=None, shuffle=True)))
    for make in (szt.dataset, szt.loader):
        with pytest.raises(TypeError, match=r"needs a simplezarr\.loader\.Loader, not Array"):
            make(array)


def test_several_arrays_with_their_numbers(array):
    loader = make_loader({"x": array, "y": array}, with_index=True, window="1 MiB")
    for workers in (0, 2):
        for batch, numbers in forked(szt.dataset(loader), workers):
            np.testing.assert_array_equal(batch["x"].numpy(), VALUES[numbers.numpy()])
            np.testing.assert_array_equal(batch["y"].numpy(), VALUES[numbers.numpy()])


# ---- samples, map style ----


def test_samples_decode_each_chunk_once_a_batch():
    stored: dict = {}
    sz.create_array(stored, data=VALUES, chunks=(10, 6))
    store = Counting(stored)
    samples = Samples(sz.open_array(store), Rows())
    batches = data.DataLoader(samples, batch_size=20, shuffle=True)
    orders = []
    for _ in range(2):
        found = []
        store.take()
        for batch in batches:
            keys = [call[1] for call in store.take() if call[0] in ("get", "get_range")]
            numbers = numbers_of([batch])[0]
            assert sorted(keys) == sorted({f"c/{number // 10}/0" for number in numbers})
            found += numbers
        assert sorted(found) == list(range(100))
        orders.append(found)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_in_workers(array, workers):
    batches = data.DataLoader(
        Samples(array, Rows()), batch_size=16, shuffle=True, num_workers=workers, multiprocessing_context="fork"
    )
    assert sorted(itertools.chain(*numbers_of(batches))) == list(range(100))


# ---- StatefulDataLoader ----


def stateful(loader, workers, **arguments):
    module = pytest.importorskip("torchdata.stateful_dataloader")
    return module.StatefulDataLoader(
        szt.dataset(loader),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        **arguments,
    )


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_resuming_after_each_batch(array, workers, persistent):
    """In the second epoch, in a new process as it were. The epochs behind it follow."""
    if persistent and not workers:
        pytest.skip("torch refuses persistent workers if there are none")
    loader = make_loader(array)
    first = stateful(loader, workers, persistent_workers=persistent)
    numbers_of(first)
    states = [first.state_dict()]
    for _ in first:
        states.append(first.state_dict())
    expected = [expected_epoch(loader, epoch, workers) for epoch in (1, 2, 3)]
    for delivered in (0, 1, 2, 5, 11, 12):
        state = pickle.loads(pickle.dumps(states[delivered]))
        second = stateful(make_loader(array), workers, persistent_workers=persistent)
        second.load_state_dict(state)
        found = [numbers_of(second) for _ in range(3)]
        if delivered == 0:
            assert found == expected  # it was saved when epoch 0 was over
        else:
            assert found == [expected[0][delivered:], *expected[1:]]


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_in_the_same_process(array, workers):
    """Later epochs have begun meanwhile."""
    loader = make_loader(array)
    batches = stateful(loader, workers)
    iterator = iter(batches)
    for _ in range(3):
        next(iterator)
    state = batches.state_dict()
    for _ in range(2):
        numbers_of(batches)
    batches.load_state_dict(state)
    assert numbers_of(batches) == expected_epoch(loader, 0, workers)[3:]
    check_epochs(loader, batches, workers, [1, 2])


def test_a_state_is_small_and_stored_once(array):
    module = pytest.importorskip("torchdata.stateful_dataloader.stateful")
    dataset = szt.dataset(make_loader(array))
    assert isinstance(dataset, module.Stateful)
    assert not isinstance(iter(dataset), module.Stateful)
    assert len(pickle.dumps(dataset.state_dict())) < 1024


def test_a_state_of_something_else_is_refused(array):
    dataset = szt.dataset(make_loader(array))
    with pytest.raises(ValueError, match="batch_size is '8'; this loader has '4'"):
        szt.dataset(make_loader(array, batch_size=4)).load_state_dict(dataset.state_dict())
    with pytest.raises(ValueError, match="use as many workers as when the state was saved"):
        dataset.load_state_dict({**dataset.state_dict(), "workers": 3})


def test_the_place_of_a_dataset_alone(array):
    """Without any DataLoader: what a program keeps that has one of its own."""
    loader = make_loader(array)
    dataset = szt.dataset(loader)
    assert dataset.state_dict()["epoch"] == 0
    batches = iter(dataset)
    for _ in range(3):
        next(batches)
    state = dataset.state_dict()
    assert (state["epoch"], state["batch"]) == (0, 3)
    assert len(numbers_of(batches)) == 9
    assert (dataset.state_dict()["epoch"], dataset.state_dict()["batch"]) == (1, 0)
    other = szt.dataset(make_loader(array))
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert numbers_of(other) == expected_epoch(loader, 0, 0)[3:]
    assert numbers_of(other) == expected_epoch(loader, 1, 0)
