"""The chunk and shard shapes that "auto" chooses: their bounds, and that they cut evenly."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.metadata.chunk_shapes import auto_chunks, auto_shards, dividing_chunks

LENGTHS = st.one_of(st.integers(1, 40), st.integers(1, 5000), st.integers(1, 1 << 32), st.just((1 << 63) - 1))
ITEMSIZES = st.sampled_from([1, 2, 4, 8, 13, 16, 1000, 5 << 20])
BUDGETS = st.sampled_from([1 << 10, 1 << 20, 2 << 20, 64 << 20])


@settings(max_examples=500, deadline=None)
@given(st.lists(LENGTHS, max_size=5), BUDGETS, ITEMSIZES)
def test_bounds(shape, nbytes, itemsize):
    """Within a factor of 1.5 of the target, unless the array, or an element, ends it."""
    chunks = auto_chunks(tuple(shape), nbytes, itemsize)
    assert len(chunks) == len(shape)
    assert all(1 <= chunk <= length for chunk, length in zip(chunks, shape, strict=True))
    size = math.prod(chunks)
    target = max(1, nbytes / itemsize)
    assert size <= 1.5 * target
    assert size >= min(math.prod(shape), target / 1.5 - 1)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.just(0), LENGTHS), min_size=1, max_size=5), BUDGETS, ITEMSIZES)
def test_bounds_of_arrays_that_grow(shape, nbytes, itemsize):
    assume(0 in shape)
    chunks = auto_chunks(tuple(shape), nbytes, itemsize)
    assert all(chunk >= 1 for chunk in chunks)
    assert all(chunk <= length for chunk, length in zip(chunks, shape, strict=True) if length)
    target = max(1, nbytes / itemsize)
    whole = math.prod(length for length in shape if length)
    size = math.prod(chunks)
    if whole <= 4 * target:
        assert all(chunk == length for chunk, length in zip(chunks, shape, strict=True) if length)
        assert whole <= size <= max(whole, target / 2)
        assert size > target / 2 / 2 ** shape.count(0) or size >= whole > target / 2 / 2 ** shape.count(0)
    else:
        assert target / 1.5 / 2 ** shape.count(0) - 1 <= size <= 1.5 * target


@settings(max_examples=500, deadline=None)
@given(LENGTHS, BUDGETS, ITEMSIZES)
def test_a_divisor_is_preferred(length, nbytes, itemsize):
    """On one axis: if a divisor is within a factor of 1.5 of the target, the chunks divide the axis."""
    assume(length <= 1 << 24)
    target = max(1, nbytes / itemsize)
    (chunk,) = auto_chunks((length,), nbytes, itemsize)
    near = [n for n in range(math.ceil(target / 1.5), min(int(1.5 * target), length) + 1) if length % n == 0][:1]
    assert length % chunk == 0 or not near


@pytest.mark.parametrize(("shape", "chunks"), [
    ((1000, 1000), (1000, 500)),
    ((721, 1440), (721, 720)),
    ((365, 721, 1440), (73, 103, 72)),
    ((20, 5000, 5000), (20, 200, 125)),
    ((10**9,), (500_000,)),
    ((1009, 1013), (1009, 507)),  # primes: cut evenly all the same
])  # fmt: skip
def test_float32_arrays(shape, chunks):
    assert auto_chunks(shape, 2 << 20, 4) == chunks


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.just(0), st.integers(1, 5000)), max_size=4), ITEMSIZES)
def test_shards_are_whole_chunks(shape, itemsize):
    chunks = auto_chunks(tuple(shape), 2 << 20, itemsize)
    shards = auto_shards(tuple(shape), chunks, 128 << 20, itemsize)
    assert all(shard >= chunk and shard % chunk == 0 for shard, chunk in zip(shards, chunks, strict=True))
    target = max(128 << 20, math.prod(chunks) * itemsize)
    assert math.prod(shards) * itemsize <= (4 if 0 in shape else 1.5) * target
    inner = dividing_chunks(shards, 2 << 20, itemsize)
    assert all(shard % chunk == 0 for shard, chunk in zip(shards, inner, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=3), st.sampled_from(["u1", "f8", "S7", str]), st.booleans())
def test_arrays_are_made_of_them(shape, dtype, sharded):
    array = sz.create_array({}, shape=tuple(shape), dtype=dtype, shards="auto" if sharded else None)
    again = sz.open(array.store)
    assert again.chunks == array.chunks
    assert (array.shards is not None) == sharded
