"""Which epoch a dataset begins, agreed on by the worker processes of a DataLoader without a lock.

The process that makes a DataLoader is not told when an epoch begins, and its workers have copies of the dataset. So
epochs are counted in memory that all of them share.
"""

import zlib

import numpy as np

__all__ = ["SLOTS", "EpochTable", "iteration_tag"]

#: The integers (int64) of a table.
SLOTS = 1024

_EPOCH_BITS = 32
_TAG_MASK = 0x7FFFFFFF


def iteration_tag(seed: int, workers: int) -> int:
    """Return a number for an iteration over a DataLoader: it is the same in all of its workers.

    seed: what they have in common, new for each group of workers.

    >>> iteration_tag(1, 2) == iteration_tag(1, 2) != iteration_tag(2, 2)
    True
    """
    return zlib.crc32(f"{seed} {workers}".encode()) & _TAG_MASK


class EpochTable:
    """The epochs that have begun, in shared memory.

    Slot 0 holds the epoch to begin with. Each other slot is written by one worker: it holds the tag of an iteration and
    the epoch that the worker has begun, in one integer, so no reader sees half of it. The first worker of an iteration
    takes the epoch behind all that are noted. The others find its note, or take the same epoch if they look before it
    is there.

    - slots: `SLOTS` integers (int64), at first 0.
    - tag: of the iteration (see `iteration_tag`).
    - worker: the number of the worker.

    >>> slots = np.zeros(SLOTS, np.int64)
    >>> first, second = EpochTable(slots, 7, 0), EpochTable(slots, 7, 1)
    >>> first.begin(), second.begin(), second.begin(), first.begin()
    (0, 0, 1, 1)
    """

    def __init__(self, slots: np.ndarray, tag: int = 0, worker: int = 0):
        self.slots, self.tag, self.worker = slots, tag, worker

    def next(self) -> int:
        """Return the epoch that `begin` would return."""
        notes = self.slots[1:].copy()
        epochs = (notes & ((1 << _EPOCH_BITS) - 1)) - 1  # -1: no note
        ours = (notes >> _EPOCH_BITS) == self.tag
        place = self._place - 1
        last = int(epochs[place]) if ours[place] else -1  # that this worker has begun: the workers stay for many epochs
        begun = epochs[ours & (epochs > last)]
        if len(begun):
            return int(begun.max())
        return max(int(epochs.max()) + 1, int(self.slots[0]))

    def begin(self) -> int:
        """Return the next epoch, and note that it has begun."""
        epoch = self.next()
        self.note(epoch)
        return epoch

    def note(self, epoch: int) -> None:
        """Note that this worker has begun an epoch."""
        self.slots[self._place] = (self.tag << _EPOCH_BITS) | (epoch + 1)

    def restart(self, epoch: int) -> None:
        """Let the next iteration begin with this epoch."""
        self.slots[1:] = 0
        self.slots[0] = epoch

    def rewind(self, epoch: int) -> None:
        """Note that this worker has begun an epoch that a state was saved in, and forget later ones."""
        notes = self.slots[1:]
        notes[(notes & ((1 << _EPOCH_BITS) - 1)) > epoch + 1] = 0
        self.slots[0] = min(int(self.slots[0]), epoch + 1)
        self.note(epoch)

    @property
    def _place(self) -> int:
        return 1 + (self.tag + self.worker) % (len(self.slots) - 1)
