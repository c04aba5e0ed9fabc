"""Index arrays, masks and every mix of them give what NumPy gives on the array that was stored."""

import os
import random

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.engine.jobs.test_read_property import KINDS, fenced, opened, outcome
from tests.oracle.v3 import same
from tests.support.selections import advanced_key, orthogonal, orthogonal_key
from tests.support.strategies import make_case, make_selection, randoms


def errors_of(array, key):
    """The kinds of error that a key has; which of several faults is told first is left open."""
    items = key if isinstance(key, tuple) else (key,)
    stands = [isinstance(item, slice) and item.step == 0 for item in items]
    moving = tuple(slice(None) if stand else item for stand, item in zip(stands, items, strict=True))
    found = [outcome(array.__getitem__, moving), *(outcome(np.empty(1).__getitem__, (item,)) for item in items)]
    return [error for error in [*found, *[ValueError] * any(stands)] if isinstance(error, type)]


def check_key(arr, array, key):
    """One key by `[]`: the same result or the same kind of error as NumPy's."""
    want, got = outcome(array.__getitem__, key), outcome(arr.__getitem__, key)
    if isinstance(want, type):
        assert got is want or got in errors_of(array, key), f"{key}: {got!r}, not {want}"
    else:
        assert same(got, want), f"{key}: {got!r}, not {want!r}"
        assert not isinstance(got, np.ndarray) or got.flags.writeable


def check_lazy(rand, arr, array):
    """A chain of selections of selections."""
    lazy, want = arr.lazy, array
    for _ in range(rand.randint(1, 4)):
        shape = getattr(want, "shape", ())
        pick = make_selection if rand.random() < 0.6 else advanced_key
        key = pick(rand, shape)
        new = outcome(np.asarray(want).__getitem__, key)
        if isinstance(new, type):
            continue
        lazy, want = lazy[key], new
    if lazy is arr.lazy or not hasattr(lazy, "read"):
        return
    assert (lazy.shape, lazy.dtype, lazy.ndim) == (want.shape, want.dtype, want.ndim)
    assert same(np.asarray(lazy), np.asarray(want))
    _, out = fenced(rand, np.asarray(want))
    assert lazy.read(out=out) is out
    assert same(np.array(out), np.array(want))


def check_many(rand, arr, array):
    keys = [make_selection(rand, array.shape) for _ in range(rand.randint(0, 6))]
    keys = [key for key in keys if not isinstance(outcome(array.__getitem__, key), type)]
    got = arr.read_many(keys)
    assert len(got) == len(keys)
    assert all(same(g, array[key]) for g, key in zip(got, keys, strict=True))
    if keys:
        want = np.stack([np.asarray(array[keys[0]])] * 3)
        _, out = fenced(rand, want)
        assert arr.read_many([keys[0]] * 3, out=out) is out
        assert same(np.array(out), want)


def check_everything(rand, arr, array):
    """One selection of each kind."""
    check_key(arr, array, advanced_key(rand, array.shape))
    key = orthogonal_key(rand, array.shape)
    assert same(arr.oindex[key], orthogonal(array, key)), key
    check_lazy(rand, arr, array)
    check_many(rand, arr, array)


@settings(max_examples=50)
@given(rand=randoms)
def test_selections_are_numpys(rand):
    case = make_case(rand)
    with opened(case, rand.choice(KINDS)) as arr:
        check_everything(rand, arr, case.array)


def check_rounds(total, seed):
    """Rounds of one selection of each kind, of a new array for each 25 of them."""
    for start in range(0, total, 25):
        rand = random.Random(seed + start)
        case = make_case(rand)
        with opened(case, KINDS[start // 25 % 4]) as arr:
            for i in range(25):
                try:
                    check_everything(rand, arr, case.array)
                except BaseException as error:
                    error.add_note(f"seed {seed + start}, round {i}: {case}")
                    raise


def test_random_rounds():
    check_rounds(1000, seed=0)


@pytest.mark.campaign
def test_campaign():
    """As many rounds as SIMPLEZARR_CAMPAIGN says (100000 if unset)."""
    check_rounds(int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000)), seed=random.randrange(2**32))


@pytest.mark.parametrize("wrong", [[2**64 - 1], np.array([0, 2**63], "u8"), np.array([[2**63 + 1]], "u8")], ids=str)
def test_unsigned_indices_never_wrap_round(wrong):
    a = sz.create_array({}, data=np.arange(6).reshape(3, 2))
    for index in (
        lambda: a[wrong],
        lambda: a.vindex[wrong, 0],
        lambda: a[0, np.array(wrong, "u8")],
        lambda: a[1:, wrong],
    ):
        with pytest.raises(IndexError, match=r"index \d+ is out of bounds for axis [01] with size [23]"):
            index()
    with pytest.raises(IndexError):
        a.oindex[np.array(wrong, "u8").reshape(-1)]
    with pytest.raises(IndexError):
        a[np.uint64(2**64 - 1)]
    with pytest.raises(IndexError):
        a[np.array(wrong, "u8")] = 1
    np.testing.assert_array_equal(a[np.array([2, 0], "u8")], [[4, 5], [0, 1]])
