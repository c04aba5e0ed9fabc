"""`simplezarr.torch.loader`: batches as tensors without a copy, and on a device; data types."""

import contextlib
import pickle

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Cast, Loader, Rows

torch = pytest.importorskip("torch", reason="the extra `torch`: 554 MB")
szt = pytest.importorskip("simplezarr.torch")
from simplezarr.torch.devices import CudaCopy, PageLocked  # noqa: E402 (needs torch)
from simplezarr.torch.tensors import as_tensor, map_arrays  # noqa: E402

VALUES = np.arange(96 * 6, dtype="i4").reshape(96, 6)
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))
DEVICES = [None, "cpu", CUDA]


def make_loader(data=VALUES, **arguments):
    array = sz.create_array({}, data=data, chunks=(8, 6))
    return Loader(array, Rows(), **{"batch_size": 8, "seed": 5, **arguments})


@pytest.mark.parametrize("device", DEVICES)
def test_epochs(device):
    loader, other = make_loader(), make_loader()
    batches = szt.loader(loader, device)
    assert len(batches) == 12
    for epoch in range(3):
        found = [*batches]
        assert [tensor.device.type for tensor in found] == 12 * [device or "cpu"]
        np.testing.assert_array_equal(torch.cat(found).cpu().numpy(), VALUES[other.order(epoch)])
    batches.set_epoch(1)
    np.testing.assert_array_equal(next(iter(batches)).cpu().numpy(), VALUES[other.order(1)[:8]])


@pytest.mark.parametrize("device", DEVICES)
def test_batches_that_are_kept_stay_as_they_are(device):
    """Memory is used again, but not while it is in use or copied."""
    loader = make_loader(np.arange(4096 * 64, dtype="f4").reshape(4096, 64)[:, :6].copy(), batch_size=32)
    batches, kept = szt.loader(loader, device), []
    for epoch in range(3):
        order = loader.order(epoch).reshape(-1, 32)
        for number, batch in enumerate(batches):
            if number % 5 == 0:
                kept.append((order[number], batch))
            del batch
    for numbers, batch in kept:
        np.testing.assert_array_equal(batch[:, 0].cpu().numpy(), 64 * numbers)


def test_tensors_are_over_the_memory_of_the_batches():
    addresses = []

    def out(shape, dtype):
        memory = np.empty(shape, dtype)
        addresses.append(memory.ctypes.data)
        return memory

    for batch in szt.loader(make_loader(out=out)):
        assert batch.data_ptr() in addresses


@pytest.mark.parametrize("device", DEVICES)
def test_resuming(device):
    """What was copied ahead does not count."""
    loader, other = make_loader(), make_loader()
    batches = szt.loader(loader, device)
    assert (batches.state_dict()["epoch"], batches.state_dict()["batch"]) == (0, 0)
    iterator = iter(batches)
    for delivered in range(1, 12):
        next(iterator)
        state = batches.state_dict()
        assert (state["epoch"], state["batch"]) == (0, delivered)
        resumed = szt.loader(make_loader(), device)
        resumed.load_state_dict(pickle.loads(pickle.dumps(state)))
        found = torch.cat([*resumed]).cpu().numpy()
        np.testing.assert_array_equal(found, VALUES[other.order(0)[8 * delivered :]])
        np.testing.assert_array_equal(next(iter(resumed)).cpu().numpy(), VALUES[other.order(1)[:8]])
    next(iterator)
    assert (batches.state_dict()["epoch"], batches.state_dict()["batch"]) == (1, 0)


@pytest.mark.parametrize("device", DEVICES)
def test_several_arrays(device):
    array = sz.create_array({}, data=VALUES, chunks=(8, 6))
    loader = Loader({"x": array, "y": array}, Rows(), batch_size=8, with_index=True, cast={"y": "float32"})
    for batch, numbers in szt.loader(loader, device):
        assert {tensor.device.type for tensor in (batch["x"], batch["y"], numbers)} == {device or "cpu"}
        np.testing.assert_array_equal(batch["x"].cpu().numpy(), VALUES[numbers.cpu().numpy()])
        assert batch["y"].dtype == torch.float32


def test_a_device_that_is_not_cuda():
    """The one named "meta" stands for it: torch has no other on every machine."""
    batch = next(iter(szt.loader(make_loader(), "meta")))
    assert (batch.device.type, tuple(batch.shape)) == ("meta", (8, 6))


class _Stream:
    """Stands for a stream, and writes down what is asked of it."""

    def __init__(self, asked):
        self.asked = asked

    def record_event(self):
        self.asked.append("record")
        return self

    def wait_event(self, event):
        assert event is not self
        self.asked.append("wait")


def test_the_steps_of_a_copy(monkeypatch):
    """Without a device: the event follows the copy, and the consumer's stream waits for it."""
    asked: list = []
    side, current = _Stream(asked), _Stream(asked)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext(asked.append("enter")))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: asked.append(stream is current))
    source = {"x": np.ones(3, "f4"), "y": [np.ones(2, "f4")]}
    copy = CudaCopy(source, torch.device("meta"), side)
    assert asked == ["enter", "record"]
    batch = copy.take()
    assert asked == ["enter", "record", "wait", True, True]
    assert (batch["x"].device.type, batch["y"][0].device.type) == ("meta", "meta")


def test_page_locked_memory_is_counted(monkeypatch):
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *args, pin_memory, **kwargs: empty(*args, **kwargs))
    allocate = PageLocked(1000)
    kept = [allocate((10, 10), np.dtype("f4")), allocate((10, 10), np.dtype("i4"))]
    assert (kept[0].shape, kept[1].dtype, allocate.used) == ((10, 10), "i4", 800)
    with pytest.warns(UserWarning, match="more than 1000 bytes of page-locked memory") as caught:
        others = [allocate((10, 10), np.dtype("f4")) for _ in range(2)]
    assert (len(caught), allocate.used, others[1].shape) == (1, 800, (10, 10))
    del kept[0]
    assert allocate.used == 400
    assert allocate((10, 10), np.dtype("f4")).nbytes == 400
    assert allocate.used == 400


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_page_locked_memory_has_a_limit():
    batches = szt.loader(make_loader(), "cuda", pinned=8 * 24)
    with pytest.warns(UserWarning, match="need more than 192 bytes of page-locked memory") as caught:
        found = torch.cat([*batches]).cpu().numpy()
    assert len(caught) == 1
    np.testing.assert_array_equal(found, VALUES[make_loader().order(0)])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_consumers_stream_waits_for_the_copy():
    """A slow kernel on another stream of the device must see the batch, and the batch's memory must outlive it."""
    values = np.random.default_rng(0).random((512, 4096), "f4")
    array = sz.create_array({}, data=values, chunks=(8, 4096))
    loader, sums = Loader(array, Rows(), batch_size=8), []
    with torch.cuda.stream(torch.cuda.Stream()):
        for batch in szt.loader(loader, "cuda"):
            torch.cuda._sleep(10_000_000)
            sums.append(batch.double().sum(1))
            del batch
    torch.cuda.synchronize()
    np.testing.assert_allclose(torch.cat(sums).cpu().numpy(), values[loader.order(0)].sum(1, dtype="f8"))


# ---- data types ----


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16"])
def test_data_types(dtype):
    values = (np.arange(24) % 3).astype(dtype).reshape(4, 6)
    array = sz.create_array({}, data=values, chunks=(2, 6))
    (batch,) = szt.loader(Loader(array, Rows(), batch_size=4, shuffle=False))
    np.testing.assert_array_equal(batch.numpy(), values)
    assert batch.numpy().dtype == dtype


def test_bfloat16():
    """Stored, and by a cast. NumPy's has no tensor of its own."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.linspace(-3, 3, 24).reshape(4, 6).astype(ml_dtypes.bfloat16)
    expected = torch.from_numpy(values.astype("f4"))
    for array, cast in ((values, None), (values.astype("f4"), Cast(ml_dtypes.bfloat16))):
        loader = Loader(sz.create_array({}, data=array, chunks=(2, 6)), Rows(), batch_size=4, shuffle=False, cast=cast)
        (batch,) = szt.loader(loader)
        assert batch.dtype == torch.bfloat16
        assert torch.equal(batch.float(), expected)


@pytest.mark.parametrize("make", [szt.loader, szt.dataset])
@pytest.mark.parametrize("dtype", ["M8[s]", "S3", "T"])
def test_data_types_that_torch_does_not_have(dtype, make):
    array = sz.create_array({}, "labels", shape=(8,), dtype=dtype, chunks=(4,))
    loader = Loader(array, Rows(), batch_size=4)
    with pytest.raises(sz.UnsupportedError, match=r"array /labels: torch has no data type for .*cast it in the loader"):
        make(loader)


def test_batches_of_any_structure():
    values = np.arange(3)
    batch = {"a": [values, (values, "text")], "b": None}
    mapped = map_arrays(batch, as_tensor)
    assert torch.equal(mapped["a"][0], torch.arange(3))
    assert torch.equal(mapped["a"][1][0], torch.arange(3))
    assert (mapped["a"][1][1], mapped["b"]) == ("text", None)
