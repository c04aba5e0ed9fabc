"""Stored arrays and selections at random: functions of a `random.Random`, which Hypothesis can drive and shrink."""

import random
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "r8",
    "r16",
    "r24",
]
INTEGERS = (int, np.int8, np.int16, np.int64, np.intp, np.uint8, np.uint64)


@dataclass(frozen=True)
class Case:
    """A stored array: what is in it, and what there is to know of it."""

    array: np.ndarray
    fill: np.ndarray
    stored: tuple[int, ...]
    chunks: tuple[int, ...]  # of a shard of shards: the outer of the inner chunks
    shards: tuple[int, ...] | None
    codecs: list
    store: dict = field(repr=False)
    path: str


class Index:
    """An index that is not an int but says which one it stands for."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

    def __repr__(self):
        return f"Index({self.value})"


def pick_compressors(rand, itemsize):
    """Up to two bytes -> bytes codecs."""
    shuffle, cname = rand.choice(["noshuffle", "shuffle", "bitshuffle"]), rand.choice(["lz4", "zstd", "blosclz"])
    choices = [
        CRC32C,
        codec("gzip", level=rand.choice([0, 1, 6])),
        codec("zstd", level=rand.choice([-3, 0, 3]), checksum=rand.random() < 0.5),
        codec("blosc", cname=cname, clevel=rand.choice([0, 1, 5]), shuffle=shuffle, typesize=itemsize, blocksize=0),
    ]
    return rand.choices(choices, k=rand.choice([0, 0, 1, 1, 1, 2]))


def pick_transposes(rand, ndim):
    """Up to two transposes, and the permutation that they make together."""
    orders = [rand.sample(range(ndim), ndim) for _ in range(rand.choice([0, 0, 1, 1, 2]))]
    total = list(range(ndim))
    for order in orders:
        total = [total[axis] for axis in order]
    return [codec("transpose", order=order) for order in orders], total


def pick_chain(rand, chunks, itemsize, depth):
    """Draw a chain whose innermost chunks have the given shape; return the shape that is stored, and the chain."""
    transposes, order = pick_transposes(rand, len(chunks))
    if depth == 0:
        array_bytes = rand.choice([LITTLE, BIG])
        return chunks, [*transposes, array_bytes, *pick_compressors(rand, itemsize)]
    inner_shape, inner = pick_chain(rand, tuple(chunks[axis] for axis in order), itemsize, depth - 1)
    shape = tuple(inner_shape[order.index(axis)] * rand.randint(1, 3) for axis in range(len(chunks)))
    index_codecs = rand.choice([[LITTLE, CRC32C], [LITTLE], [BIG, CRC32C], [BIG], [LITTLE, CRC32C, CRC32C]])
    shard = sharding(inner_shape, inner, index_codecs, rand.choice(["start", "end"]))
    outer = rand.choice([[], [], [], [CRC32C], [codec("gzip", level=1)]])
    return shape, [*transposes, shard, *outer]


def unit_of_reading(codecs, shape):
    """Return the inner chunk shape of the outermost sharding codec, in the array's order of axes, or None."""
    axes = list(range(len(shape)))
    for name, config in map(oracle.split_codec, codecs):
        if name == "transpose":
            axes = [axes[axis] for axis in config["order"]]
        elif name == "sharding_indexed":
            return tuple(config["chunk_shape"][axes.index(axis)] for axis in range(len(shape)))
    return None


def pick_values(rand, shape, dtype, chunks):
    """Random bits, with a few boxes of fill value; returns the array and the fill value."""
    rng = np.random.default_rng(rand.randrange(2**32))
    fill = oracle.garbage(rng, (), dtype) if rand.random() < 0.5 else np.zeros((), dtype)
    array = oracle.garbage(rng, shape, dtype).copy()
    for _, box in oracle.boxes(shape, chunks):
        if rng.random() < 0.25:
            array[box] = fill
    return array, fill


def make_case(rand):
    """Make a stored array of up to four axes."""
    ndim = rand.choice([0, 1, 1, 2, 2, 3, 4])
    limit = (1, 20, 12, 7, 5)[ndim]
    shape = tuple(
        rand.choice([0, rand.randint(1, limit)]) if rand.random() < 0.1 else rand.randint(1, limit) for _ in range(ndim)
    )
    chunks = tuple(rand.randint(1, max(1, limit // 2)) for _ in range(ndim))
    dtype = oracle.numpy_dtype(rand.choice(DTYPES))
    depth = rand.choice([0, 0, 0, 1, 1, 2])
    stored, chain = pick_chain(rand, chunks, dtype.itemsize, depth)
    array, fill = pick_values(rand, shape, dtype, chunks)
    keys = {"name": rand.choice(["default", "v2"]), "configuration": {"separator": rand.choice("/.")}}
    path, seed = rand.choice(["", "a", "a/b é"]), rand.choice([0, 1, None])
    how = {"codecs": chain, "fill_value": fill, "chunk_key_encoding": keys, "seed": seed}
    store = oracle.write_array({}, path, array, stored, **how)
    unit = unit_of_reading(chain, stored)
    chunks, shards = (stored, None) if unit is None else (unit, stored)
    return Case(array, fill, stored, chunks, shards, chain, store, path)


def pick_bound(rand, length):
    """Draw a bound of a slice: inside, at the ends, far outside, or none."""
    near, far = rand.randint(-length - 2, length + 2), rand.choice([-(2**70), -(2**63), 2**63 - 1, 2**64])
    return rand.choice([None, near, near, near, near, Index(near), np.int16(near), far])


def pick_slice(rand, length):
    """Draw a slice of any direction; now and then one with step 0."""
    step = rand.choice([None, None, 1, 1, 2, 3, -1, -1, -2, -5, length + 1, -(2**65), 2**63, np.int8(-1)])
    step = 0 if rand.random() < 0.01 else step
    if length == 0 or rand.random() < 0.3:
        return slice(pick_bound(rand, length), pick_bound(rand, length), step)
    low = rand.randrange(length)
    forward = step is None or step >= 0
    ends = [low, rand.randint(low + 1, length)] if forward else [rand.randint(low, length - 1), low - 1]
    ends = [rand.choice([end, end - length]) if 0 <= end < length else end for end in ends]
    return slice(*(None if end < -length or rand.random() < 0.2 else end for end in ends), step)


def pick_integer(rand, length):
    """Draw an integer of some type, mostly inside."""
    outside = rand.random() < 0.03
    value = rand.choice([length, -length - 1, 2**80]) if outside else rand.randint(-length, max(0, length - 1))
    kind = rand.choice([*INTEGERS, int, Index])
    small = kind in (int, Index) or np.iinfo(kind).min <= value <= np.iinfo(kind).max
    return kind(value) if small else value


def make_selection(rand, shape):
    """Draw a basic selection; a few of them are wrong."""
    axes = len(shape) if rand.random() < 0.7 else rand.randint(0, len(shape) + (rand.random() < 0.1))
    lengths = [*shape, 3]
    ellipsis = rand.random() < 0.3
    split = rand.randint(0, axes) if ellipsis else axes
    on_axes = [*range(split), *range(len(shape) - axes + split, len(shape))] if axes <= len(shape) else range(axes)
    key = [rand.choice([pick_integer, pick_slice, pick_slice])(rand, lengths[axis]) for axis in on_axes]
    if ellipsis:
        key.insert(split, Ellipsis)
    for _ in range(rand.choice([0, 0, 0, 0, 1, 2])):
        key.insert(rand.randint(0, len(key)), None)
    if rand.random() < 0.01:
        key.append(rand.choice([Ellipsis, 1.5, "a"]))
    return key[0] if len(key) == 1 and rand.random() < 0.7 else tuple(key)


randoms = st.randoms(use_true_random=False, note_method_calls=False)
cases = randoms.map(make_case)


@st.composite
def reads(draw):
    """Draw a stored array and three selections of it."""
    rand = draw(randoms)
    case = make_case(rand)
    return case, [make_selection(rand, case.array.shape) for _ in range(3)]


if __name__ == "__main__":
    example = make_case(random.Random())
    print(example, make_selection(random.Random(), example.array.shape))
