"""Arrays of other resolution: the boxes are those that NumPy cuts out of the levels of a pyramid."""

import pickle

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Boxes, Cast, Crops, Loader, Rows, Samples, Windows
from simplezarr.loader.loader import delivery_of

FINE = np.arange(37 * 50 * 3, dtype="i4").reshape(37, 50, 3)
HALF = FINE[::2, ::2][:18, :25] * 2  # an odd rest is dropped
QUARTER = FINE[::4, ::4] * 4  # or kept
THIRD = FINE[:36:3] * 3  # only along the first axis


def stored(**levels):
    return {name: sz.create_array({}, data=data, chunks=(8, 7, 3)) for name, data in levels.items()}


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
def test_crops_of_a_pyramid(shuffle, pool):
    arrays = stored(fine=FINE, half=HALF, quarter=QUARTER)
    loader = Loader(
        arrays,
        Crops((8, 12), per_epoch=60),
        batch_size=4,
        shuffle=shuffle,
        window="128 KiB",
        scale={"half": 0.5, "quarter": 0.25},
        cast={"half": Cast("float32", scale=0.5)},
        with_index=True,
    )
    copy = pickle.loads(pickle.dumps(loader))
    seen = []
    for (batch, index), (other, _) in zip(loader, copy, strict=True):
        seen += loader.starts(index, 0).tolist()
        for k, (y, x) in enumerate(loader.starts(index, 0).tolist()):
            np.testing.assert_array_equal(batch["fine"][k], FINE[y : y + 8, x : x + 12])
            half = HALF[y // 2 : y // 2 + 4, x // 2 : x // 2 + 6]
            np.testing.assert_array_equal(batch["half"][k], half.astype("f4") / 2)
            np.testing.assert_array_equal(batch["quarter"][k], QUARTER[y // 4 : y // 4 + 2, x // 4 : x // 4 + 3])
        for name, values in batch.items():
            np.testing.assert_array_equal(values, other[name])
    places = {tuple(place) for place in seen}
    assert {y for y, _ in places} == set(range(0, 30, 4))  # every place where all levels have whole elements
    assert {x for _, x in places} == set(range(0, 39, 4))


def test_a_scale_for_each_axis_and_larger_arrays():
    arrays = stored(third=THIRD, fine=FINE)
    loader = Loader(
        arrays, Crops((4, 5), per_epoch=40), batch_size=4, window="1 MiB", scale={"fine": (3, 1)}, with_index=True
    )
    for batch, index in loader:
        for k, (y, x) in enumerate(loader.starts(index, 0).tolist()):
            np.testing.assert_array_equal(batch["third"][k], THIRD[y : y + 4, x : x + 5])
            np.testing.assert_array_equal(batch["fine"][k], FINE[3 * y : 3 * y + 12, x : x + 5])


def test_boxes_and_windows():
    arrays = stored(fine=FINE, half=HALF)
    boxes = Boxes([[0, 0], [4, 10], [2, 38]], (4, 12))
    for batch in Loader(arrays, boxes, batch_size=3, shuffle=False, scale={"half": 0.5}):
        np.testing.assert_array_equal(batch["half"], [HALF[:2, :6], HALF[2:4, 5:11], HALF[1:3, 19:25]])
    samples = Samples(arrays, boxes, scale={"half": 0.5})
    np.testing.assert_array_equal(samples[1]["half"], HALF[2:4, 5:11])
    windows = Windows(6, step=2, offset=4)
    line = {
        "fine": sz.create_array({}, data=FINE[:, 0, 0], chunks=8),
        "half": sz.create_array({}, data=HALF[:, 0, 0], chunks=5),
    }
    for batch, index in Loader(line, windows, batch_size=3, scale={"half": 0.5}, with_index=True):
        np.testing.assert_array_equal(batch["fine"], [FINE[4 + 2 * i : 10 + 2 * i, 0, 0] for i in index])
        np.testing.assert_array_equal(batch["half"], [HALF[2 + i : 5 + i, 0, 0] for i in index])


def test_weighted_crops_of_a_pyramid():
    """The weights are those of the first array's chunks, of which only the even places are left."""
    weights = np.zeros((5, 8))
    weights[1, 1] = 1
    loader = Loader(
        stored(fine=FINE, half=HALF),
        Crops((4, 6), per_epoch=400, weights=weights),
        batch_size=4,
        window="1 MiB",
        scale={"half": 0.5},
    )
    starts = loader.starts(np.arange(400), 0)
    assert {tuple(place) for place in starts.tolist()} == {(y, x) for y in (8, 10, 12, 14) for x in (8, 10, 12)}
    for batch in loader:
        np.testing.assert_array_equal(batch["half"], 2 * batch["fine"][:, ::2, ::2])


def test_each_chunk_of_every_level_is_told():
    arrays = stored(fine=FINE, half=HALF)
    boxes = Boxes([[0, 0], [0, 0], [0, 0]], (36, 50))
    loader = Loader(arrays, boxes, batch_size=1, window="1 MiB", scale={"half": 0.5}, shuffle="uniform", prefetch=0)
    described, groups = loader.describe(), len(delivery_of(loader).schedule.plans(0)[0].plan.bounds) - 1
    assert described.chunks_per_sample == (40 + 12) * groups / 3


@pytest.mark.parametrize(
    ("samples", "scale", "words"),
    [
        (Crops((7, 12), per_epoch=3), {"half": 0.5}, r"times \(1/2, 1/2\) is not a box of whole elements"),
        (Boxes([[1, 0]], (4, 4)), {"half": 0.5}, r"does not always begin at a multiple of \(2, 2\)"),
        (Rows(), {"half": 0.5}, "use Crops, Boxes or Windows"),
        (Windows(4), {"half": 0.5}, r"does not always begin at a multiple of \(2,\)"),
        (Windows(3, step=2, stride=2), {"half": 0.5}, "without a stride"),
        (Crops((8, 8), per_epoch=3), {"half": 0.25}, "correct `scale`"),
        (Crops((8, 8), per_epoch=3), {"half": (0.5, 0.5, 0.5)}, "a number, or one for each of 2 axes"),
        (Crops((8, 8), per_epoch=3), {"half": 0}, "must be a fraction such as 0.5"),
        (Crops((8, 8), per_epoch=3), {"half": -0.5}, "must be a fraction such as 0.5"),
        (Crops((8, 8), per_epoch=3), {"half": 0.5**0.5}, "must be a fraction such as 0.5"),
        (Crops((8, 8), per_epoch=3), {"half": float("nan")}, "must be a fraction such as 0.5"),
        (Crops((8, 8), per_epoch=3), {"fine": 0.5}, r"scale has \['fine'\], but the arrays behind the first are"),
        (Crops((8, 8), per_epoch=3), None, "they must be aligned"),
    ],
)
def test_what_does_not_divide_is_refused(samples, scale, words):
    with pytest.raises(ValueError, match=words):
        Loader(stored(fine=FINE, half=HALF), samples, batch_size=1, scale=scale)


def test_states_of_other_scales_are_refused():
    arrays = stored(a=FINE, b=FINE)

    def loader(**arguments):
        return Loader(arrays, Crops((8, 8), per_epoch=4), batch_size=1, **arguments)

    with pytest.raises(ValueError, match="arrays is "):
        loader().load_state_dict(loader(scale={"b": 1}).state_dict())
