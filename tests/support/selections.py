"""Selections with index arrays at random: functions of a `random.Random`, as in `strategies`."""

import numpy as np

from tests.support.strategies import pick_integer, pick_slice

ARRAY_TYPES = [np.int8, np.int16, np.int64, np.intp, np.uint8, np.uint16, np.uint64, ">i4"]
NO_INDICES = [
    1.5,
    "a",
    b"a",
    [1.0],
    [None],
    np.array([0.5]),
    np.array([]),
    np.array([0], object),
    {1},
    [[0], [0, 1]],
    1j,
]


def pick_indices(rand, length, shape):
    """Draw integers of a shape that index an axis: an array of some type, or nested lists; a few are wrong."""
    rng = np.random.default_rng(rand.randrange(2**32))
    low, high = rand.choice([(-length, length), (0, length), (-length, 0), (0, min(length, 3))])
    if length == 0 and rand.random() < 0.8:
        shape = (*shape[:-1], 0)
    values = rng.integers(low, high, shape) if high > low else np.zeros(shape, int)
    if rand.random() < 0.4:
        values = np.sort(values, axis=None).reshape(values.shape)
    if values.size and rand.random() < 0.02:
        values.flat[rand.randrange(values.size)] = rand.choice([length, -length - 1, length + 100])
    kind = rand.choice([list, list, tuple, *ARRAY_TYPES])
    if kind in (list, tuple):
        return tuple(values.tolist()) if kind is tuple and values.ndim else values.tolist()
    info = np.iinfo(kind)
    if values.size and not info.min <= values.min() <= values.max() <= info.max:
        return values
    array = values.astype(kind)
    return array[::-1] if array.ndim and rand.random() < 0.2 else array


def pick_mask(rand, lengths):
    """Draw booleans over some axes; a few are of another shape."""
    rng = np.random.default_rng(rand.randrange(2**32))
    if rand.random() < 0.02:
        lengths = [n + rand.choice([-1, 1]) if n else n + 1 for n in lengths]
    mask = rng.random(lengths) < rand.choice([0, 0.05, 0.3, 0.5, 1])
    return mask.tolist() if rand.random() < 0.3 and mask.size else mask


def pick_shape(rand, common):
    """Draw a shape that broadcasts to the common one."""
    shape = common[rand.randint(0, len(common)) :] if rand.random() < 0.3 else common
    shape = tuple(1 if rand.random() < 0.15 else n for n in shape)
    return shape if rand.random() < 0.99 else (*shape, 2)


def advanced_key(rand, shape):
    """Draw a key of NumPy's: arrays and masks mixed with integers, slices, `...` and None; a few are wrong."""
    common = tuple(rand.choice([0, 1, 2, 3, 5, 8]) for _ in range(rand.choice([0, 1, 1, 1, 1, 2, 2, 3])))
    key, axis = [], 0
    stop = len(shape) if rand.random() < 0.7 else rand.randint(0, len(shape))
    while axis < stop:
        roll, width = rand.random(), 1
        if roll < 0.4:
            key.append(pick_indices(rand, shape[axis], pick_shape(rand, common)))
        elif roll < 0.55:
            width = rand.randint(1, stop - axis)
            key.append(pick_mask(rand, shape[axis : axis + width]))
        elif roll < 0.65:
            key.append(pick_integer(rand, shape[axis]))
        else:
            key.append(pick_slice(rand, shape[axis]))
        axis += width
    if stop < len(shape) or rand.random() < 0.2:
        key.insert(rand.randint(0, len(key)), Ellipsis)
    for extra in (None, None, True, False, np.True_, np.array(True), rand.choice(NO_INDICES)):
        if rand.random() < (0.1 if extra is None else 0.01):
            key.insert(rand.randint(0, len(key)), extra)
    if rand.random() < 0.005:
        key.append(0)
    return key[0] if len(key) == 1 and rand.random() < 0.7 else tuple(key)


def orthogonal_key(rand, shape):
    """Draw a key of integers, slices, one-dimensional arrays and masks, and maybe `...`; right for the shape."""
    key, axis = [], 0
    while axis < len(shape):
        n, roll, width = shape[axis], rand.random(), 1
        if roll < 0.4 and n:
            key.append([rand.randrange(-n, n) for _ in range(rand.choice([0, 1, 2, 4, 9]))])
        elif roll < 0.6:
            width = rand.randint(1, len(shape) - axis) if rand.random() < 0.3 else 1
            key.append(np.random.default_rng(rand.randrange(2**32)).random(shape[axis : axis + width]) < 0.5)
        elif roll < 0.75 and n:
            key.append(rand.randrange(-n, n))
        else:
            key.append(slice(*sorted(rand.choices(range(n + 1), k=2)), rand.choice([None, 2, 3])))
        axis += width
    while key and rand.random() < 0.2:
        key.pop()
    if key and rand.random() < 0.2:
        key = [*key, Ellipsis]
    return tuple(key)


def orthogonal(array, key):
    """Return what an orthogonal key selects, one axis after the other."""
    result, axis = array, 0
    for item in key:
        if item is Ellipsis:  # as with NumPy's basic indexing, an array instead of a scalar
            return np.asarray(result)
        item = np.asarray(item, bool if np.asarray(item).dtype == bool else int) if isinstance(item, list) else item
        result = result[(*(slice(None),) * axis, item)]
        axis += not isinstance(item, int)
    return result[()] if isinstance(result, np.ndarray) else result
