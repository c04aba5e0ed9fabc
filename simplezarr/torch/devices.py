"""The batches of a loader as tensors on a device."""

import os
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch

from simplezarr.engine.memory.result_pool import empty
from simplezarr.loader import Loader
from simplezarr.loader.loader import delivery_of
from simplezarr.loader.ring import BatchMemory
from simplezarr.stores.settings import as_size
from simplezarr.torch.ahead import Ahead
from simplezarr.torch.tensors import as_tensor, check_types, map_arrays

__all__ = ["TensorLoader", "loader"]


def loader(
    loader: Loader, device: torch.device | str | None = None, *, pinned: int | str | None = None
) -> "TensorLoader":
    """Return an iterable of a loader's batches as tensors on a device. It counts epochs as the loader does.

    - device: None or "cpu": tensors over the memory of the batches, without a copy. A CUDA device: batches are decoded
      into page-locked memory and copied on a stream of their own, one batch ahead. Any other device: a plain copy.
    - pinned: the most page-locked memory, in bytes or as text, by default an eighth of the machine's. A batch that
      needs more is in other memory, with one warning.

    Take its `state_dict`, not that of the loader: batches that were copied ahead do not count. Use one for each device.

    >>> import simplezarr as sz
    >>> from simplezarr.loader import Rows
    >>> a = sz.create_array({}, data=[[1, 2], [3, 4], [5, 6], [7, 8]], chunks=(2, 2))
    >>> [(tuple(batch.shape), batch.dtype) for batch in TensorLoader(Loader(a, Rows(), batch_size=2))]
    [((2, 2), torch.int64), ((2, 2), torch.int64)]
    """
    return TensorLoader(loader, device, pinned=pinned)


class Batches(Protocol):
    """What a `TensorLoader` hands out batches from."""

    @property
    def delivered(self) -> int: ...
    def __next__(self) -> Any: ...
    def close(self) -> None: ...


class TensorLoader:
    """Batches of a `Loader` as tensors on a device, as `loader` makes it."""

    def __init__(self, loader: Loader, device: torch.device | str | None = None, *, pinned: int | str | None = None):
        if not isinstance(loader, Loader):
            raise TypeError(f"simplezarr.torch.loader: needs a simplezarr.loader.Loader, not {type(loader).__name__}")
        check_types(loader)
        self.loader, self.device = loader, _full_device(device)
        self._delivery = delivery_of(loader)
        self._memory: BatchMemory | None = None  # that of the loader
        if self.device.type == "cuda" and self._delivery.out is None:
            allocate = PageLocked(_eighth_of_memory() if pinned is None else as_size(pinned, "pinned"))
            self._memory = BatchMemory(self._delivery.fields, loader.batch_size, allocate)
        self._newest: TensorEpoch | None = None

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.loader)

    def __iter__(self) -> "TensorEpoch":
        """Return an iterator of the next epoch's batches; after `load_state_dict` of the rest of the saved epoch."""
        epoch = self._delivery.begin_next(self._memory)
        batches: Batches = epoch
        if self.device.type == "cuda":
            batches = Ahead(epoch, CudaCopies(self.device))
        self._newest = TensorEpoch(epoch.number, batches, self.device)
        return self._newest

    def __getitem__(self, index: object) -> None:
        raise TypeError(
            "simplezarr.torch.loader delivers batches in its own order and needs no DataLoader: iterate over it; "
            "for a DataLoader use simplezarr.torch.dataset or simplezarr.loader.Samples"
        )

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterator begin with this epoch."""
        self.loader.set_epoch(epoch)
        self._newest = None

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator is: how many batches were delivered, whatever was copied ahead."""
        state = self.loader.state_dict()
        if self._newest is None:
            return state
        epoch, batch = self._newest.number, self._newest.delivered
        epoch, batch = (epoch, batch) if batch < len(self) else (epoch + 1, 0)
        return {**state, "epoch": epoch, "batch": batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on behind the last batch that had been delivered. See `Loader.load_state_dict`."""
        self.loader.load_state_dict(state)
        self._newest = None


class TensorEpoch(Iterator[Any]):
    """An iterator of an epoch's batches as tensors."""

    def __init__(self, number: int, batches: Batches, device: torch.device):
        self.number, self._batches, self._device = number, batches, device

    @property
    def delivered(self) -> int:
        """The number of batches that were delivered."""
        return self._batches.delivered

    def __next__(self) -> Any:
        batch = map_arrays(next(self._batches), as_tensor)  # those of CUDA are tensors already
        return batch if self._device.type in ("cpu", "cuda") else _to_device(batch, self._device)

    def close(self) -> None:
        """Stop reading ahead, and wait for copies that have begun."""
        self._batches.close()


class CudaCopies:
    """Begins copies to a CUDA device, on a stream of their own."""

    def __init__(self, device: torch.device):
        self._device, self._stream = device, torch.cuda.Stream(device)

    def __call__(self, batch: Any) -> "CudaCopy":
        return CudaCopy(batch, self._device, self._stream)


class CudaCopy:
    """A copy of a batch to a CUDA device, which begins when the object is made."""

    def __init__(self, source: Any, device: torch.device, stream: "torch.cuda.Stream"):
        self._source, self._device = source, device
        self._tensors: list[torch.Tensor] = []
        with torch.cuda.stream(stream):  # its events belong to the device of the stream
            self._batch = map_arrays(source, self._copy)
            self._event = stream.record_event()

    def _copy(self, values: np.ndarray) -> torch.Tensor:
        tensor = as_tensor(values).to(self._device, non_blocking=True)
        self._tensors.append(tensor)
        return tensor

    def take(self) -> Any:
        """Return the batch. The work that the current stream gets from now on waits for the copy."""
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(self._event)
        for tensor in self._tensors:
            tensor.record_stream(stream)  # so that its memory is not given away while this stream uses it
        batch, self._batch, self._tensors = self._batch, None, []
        return batch

    def is_done(self) -> bool:
        """Return whether the copy has ended."""
        done: bool = self._event.query()
        return done

    def wait(self) -> None:
        """Wait until the copy has ended."""
        self._event.synchronize()


class PageLocked:
    """Allocates page-locked memory, up to a limit, and beyond it other memory."""

    def __init__(self, limit: int):
        self.limit, self.used, self._warned = limit, 0, False

    def __call__(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        nbytes = int(np.prod(shape)) * dtype.itemsize
        if self.used + nbytes > self.limit:
            if not self._warned:
                warnings.warn(
                    f"simplezarr.torch.loader: batches need more than {self.limit} bytes of page-locked memory, so "
                    "some are copied more slowly; make the window smaller, or give `pinned` a larger size",
                    stacklevel=2,
                )
            self._warned = True
            return empty(shape, dtype)
        self.used += nbytes
        memory: np.ndarray = torch.empty(nbytes, dtype=torch.uint8, pin_memory=True).numpy()
        weakref.finalize(memory, self._release, nbytes)  # all views of it hold it
        return memory.view(dtype).reshape(shape)

    def _release(self, nbytes: int) -> None:
        self.used -= nbytes


def _eighth_of_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 1 << 30


def _full_device(device: torch.device | str | None) -> torch.device:
    """Return the device; of CUDA with its number, so that another current device later does not change it."""
    found = torch.device("cpu" if device is None else device)
    if found.type == "cuda" and found.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return found


def _to_device(batch: Any, device: torch.device) -> Any:
    """Return a batch of tensors on a device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: _to_device(part, device) for name, part in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)([_to_device(part, device) for part in batch])
    return batch
