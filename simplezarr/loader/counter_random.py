"""Random numbers that are pure functions of a seed, an epoch, a purpose and a counter.

The n-th number depends on nothing drawn before, so threads, workers, ranks and restarts all see the same ones. The
mixing function is that of SplitMix64 (Steele, Lea, Flood 2014), twice. It is fixed here rather than taken from NumPy's
generators, whose streams may change from version to version.
"""

from enum import IntEnum

import numpy as np

__all__ = ["Purpose", "chances", "draw", "permutation", "random_bits", "sorting", "uniform"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Purpose(IntEnum):
    """What numbers are drawn for. Each purpose has numbers of its own."""

    CELLS = 1
    SPREAD = 2
    WITHIN = 3
    PERMUTATION = 4
    WEIGHTS = 5
    CROPS = 6
    CROP_CHUNKS = 7


def random_bits(counters: np.ndarray, *words: int) -> np.ndarray:
    """Return 64 random bits (uint64) for each counter, an integer of at least 0.

    words: seed, epoch, purpose and so on; integers of at least 0. Other words, or another order of them, give other
    numbers.

    >>> random_bits(np.arange(2), 0, 1).tolist() == random_bits(np.arange(2), 1, 0).tolist()
    False
    """
    base = len(words)
    for word in words:
        while True:  # a word may have more than 64 bits
            base = _mixed_number(base ^ _mixed_number((word & _MASK) + _GOLDEN))
            word >>= 64
            if not word:
                break
    bits = counters.astype(np.uint64)
    bits *= np.uint64(_GOLDEN)
    bits += np.uint64(base)
    return _mix(_mix(bits))


def uniform(counters: np.ndarray, *words: int) -> np.ndarray:
    """Return a float64 in [0, 1) for each counter."""
    return (random_bits(counters, *words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def chances(weights: np.ndarray) -> np.ndarray:
    """Return the cumulated chances of things with these weights, for `draw`.

    They are summed one after the other, because the last bits of NumPy's `sum` differ from processor to processor.

    >>> chances(np.array([1.0, 0.0, 3.0])).tolist()
    [0.25, 0.25, 1.0]
    """
    cumulated: np.ndarray = np.cumsum(weights)
    cumulated /= cumulated[-1]
    cumulated[np.flatnonzero(weights)[-1] :] = 1.0  # so that rounding makes nothing of weight 0 possible
    return cumulated


def draw(cumulated: np.ndarray, counters: np.ndarray, *words: int) -> np.ndarray:
    """Return the number of a random thing (int64) for each counter, with the chances of `chances`."""
    return np.searchsorted(cumulated, uniform(counters, *words), "right")


def permutation(n: int, *words: int) -> np.ndarray:
    """Return the numbers below `n` (int64) in random order.

    >>> sorted(permutation(5, 0).tolist())
    [0, 1, 2, 3, 4]
    """
    return sorting(random_bits(np.arange(n), *words))


def sorting(keys: np.ndarray) -> np.ndarray:
    """Return the indices (int64) that sort uint64 keys by all but their last bits, then by index.

    As many last bits as an index has are not compared. So a plain sort does it, which is fast and the same everywhere.

    >>> sorting(np.array([3 << 60, 1 << 60, 2 << 60], np.uint64)).tolist()
    [1, 2, 0]
    """
    mask = np.uint64((1 << len(keys).bit_length()) - 1)
    indexed = keys & ~mask
    indexed |= np.arange(len(keys), dtype=np.uint64)
    indexed.sort()
    indexed &= mask
    return indexed.astype(np.int64)


def _mix(bits: np.ndarray) -> np.ndarray:
    """Mix the bits of each number, in place."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _mixed_number(bits: int) -> int:
    """Do the same to one number, in Python's integers, which do not overflow."""
    bits &= _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)
