"""Rectilinear chunk grids: the document, and arrays of such grids against NumPy and zarr-python."""

import bz2
import itertools
import json
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.metadata.grids import Rectilinear
from simplezarr.metadata.v3 import parse_node
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec, sharding
from tests.support.helpers import within
from tests.support.strategies import make_selection

BZ2 = codec("numcodecs.bz2", level=1)


def document(array, chunk_shapes, codecs=(LITTLE,), fill=0):
    """A `zarr.json` with a rectilinear grid."""
    members = json.loads(oracle.write_array({}, "", np.zeros((), array.dtype), (), fill_value=fill)["zarr.json"])
    configuration = {"kind": "inline", "chunk_shapes": chunk_shapes}
    grid = {"name": "rectilinear", "configuration": configuration}
    return json.dumps({**members, "shape": list(array.shape), "chunk_grid": grid, "codecs": list(codecs)}).encode()


def expand(entry, length):
    """The lengths of the chunks along an axis, one by one, as far as the array reaches."""
    if isinstance(entry, int):
        return [entry] * -(-length // entry)
    edges = []
    for item in entry:
        edges += [item] if isinstance(item, int) else [item[0]] * item[1]
    ends = np.cumsum(edges)
    return edges[: int(np.searchsorted(ends, length)) + 1 if length else 0]


def write(array, chunk_shapes, codecs=(LITTLE,), fill=0, missing=()):
    """A store of the array, chunk by chunk, each at its own shape."""
    store = {"zarr.json": document(array, chunk_shapes, codecs, fill)}
    axes = []
    for entry, length in zip(chunk_shapes, array.shape, strict=True):
        edges = expand(entry, length)
        axes.append([*enumerate(zip(np.cumsum([0, *edges]).tolist(), edges, strict=False))])
    rng = np.random.default_rng(0)
    for chunk in itertools.product(*axes):
        index = tuple(number for number, _ in chunk)
        if index in missing:
            continue
        shape = tuple(edge for _, (_, edge) in chunk)
        part = array[tuple(slice(start, start + edge) for _, (start, edge) in chunk)]
        block, inside = oracle.garbage(rng, shape, array.dtype).copy(), np.zeros(shape, bool)
        block[tuple(map(slice, part.shape))], inside[tuple(map(slice, part.shape))] = part, True
        data = oracle.encode([c for c in codecs if c != BZ2], block, inside, np.asarray(fill), None)
        store[oracle.chunk_key(index, "default")] = bz2.compress(data) if BZ2 in codecs else data
    return store


# ---------------------------------------------------------------- documents

EXAMPLE = [4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [4, 4, 4]]


def test_the_example_of_the_specification():
    grid = parse_node(document(np.zeros((6,) * 5), EXAMPLE), "zarr.json").grid
    assert [expand(entry, 6) for entry in EXAMPLE] == [[4, 4], [1, 2, 3], [4, 4], [1, 1, 1, 3], [4, 4]]
    for axis, entry in enumerate(EXAMPLE):
        found = grid.axis(axis, 6)
        starts = found.chunk_starts
        edges = [edge for edge, a, b in zip(found.lengths, starts, starts[1:], strict=False) for _ in range(b - a)]
        assert edges == expand(entry, 6)
    written = grid.to_json()["configuration"]["chunk_shapes"]
    assert written == [4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [[4, 3]]]


def test_the_element_of_the_specification():
    """Edges [16, 10] and [24, 14]: element (20, 15) is element (4, 15) of chunk (1, 0)."""
    data = np.arange(26 * 38, dtype="u2").reshape(26, 38)
    store = write(data, [[16, 10], [24, 14]])
    assert {key: len(value) for key, value in store.items() if key != "zarr.json"} == {
        "c/0/0": 768, "c/0/1": 448, "c/1/0": 480, "c/1/1": 280
    }  # fmt: skip
    arr = sz.open_array(store)
    assert arr.get_chunk((1, 0))[4, 15] == arr[20, 15] == data[20, 15]
    assert (arr.chunks, arr.grid_shape, arr.nchunks) == ((16, 24), (2, 2), 4)


BAD = [
    {}, {"kind": "inline"}, {"chunk_shapes": [4]}, {"kind": "offline", "chunk_shapes": [4]},
    {"kind": "inline", "chunk_shapes": 4}, {"kind": "inline", "chunk_shapes": [4], "more": 1},
    *[{"kind": "inline", "chunk_shapes": shapes} for shapes in (
        [], [4, 4], [0], [-1], ["4"], [None], [[]], [[3]], [[3, 2]], [[[2, 2]]], [[[1, 2, 3]]], [[[6]]],
        [[0, 6]], [[[6, 0]]], [[[0, 6]]], [[[-6, -1]]], [[6.5]], [[[[6, 1]]]], [2**63], [[2**64]], [[[1, 2**63]]],
    )],
]  # fmt: skip


@pytest.mark.parametrize("configuration", BAD, ids=str)
def test_bad_grids(configuration):
    members = json.loads(document(np.zeros(6), [6]))
    members["chunk_grid"] = {"name": "rectilinear", "configuration": configuration}
    with pytest.raises(sz.MetadataError, match=r"^zarr.json: chunk_grid"):
        sz.open({"zarr.json": json.dumps(members).encode()})


def test_runs_are_never_expanded():
    shape = np.broadcast_to(np.uint8(0), (2**40,))
    arr = within(10, sz.open_array, {"zarr.json": document(shape, [[[1, 10**15]]], fill=7), "c/5": b"\3"})
    assert arr[4:7].tolist() == [7, 3, 7]
    assert (arr[2**40 - 1], arr.grid_shape) == (7, (2**40,))
    many = [edge for i in range(30000) for edge in (1, 2 + i % 2)]
    arr = within(10, sz.open_array, {"zarr.json": document(np.zeros(sum(many), "u1"), [many])})
    assert not arr[100:-100:7].any()
    with pytest.raises(sz.UnsupportedError, match="chunk_shapes"):
        sz.open({"zarr.json": document(shape, [[[1, 2**39], 2**39]])})
    with pytest.raises(sz.MetadataError, match="limit"):
        sz.open({"zarr.json": document(shape, [[1, 2] * (2**19 + 1)])})


@pytest.mark.parametrize("chunk_shapes", [EXAMPLE, [[3, 3], 6, [1, 5], [5, 1], [[2, 3]]]])
def test_documents_are_read_as_they_are_written(chunk_shapes):
    node = parse_node(document(np.zeros((6,) * 5, "f4"), chunk_shapes), "zarr.json")
    assert parse_node(node.to_bytes(), "zarr.json") == node
    assert isinstance(node.grid, Rectilinear)


# ---------------------------------------------------------------- arrays

CHAINS = {
    "little": [LITTLE],
    "big gzip": [BIG, codec("gzip", level=1)],
    "transposed": [codec("transpose", order=[1, 0]), LITTLE, codec("zstd", level=0, checksum=False)],
    "in Python": [LITTLE, BZ2],
    "blosc": [LITTLE, codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4, blocksize=0)],
}
DATA = np.arange(11 * 17, dtype="u4").reshape(11, 17)
SHAPES = [[3, [4, 1], [2, 3]], [5, 1, [3, 4]]]
SELECTIONS = [
    np.s_[...], np.s_[3], np.s_[-1, -1], np.s_[2:9, 4:15], np.s_[::-1], np.s_[::-3, 1::4],
    np.s_[None, 1:3, None, ..., 2], np.s_[4:4], np.s_[100:], np.s_[np.int8(5), ..., None], np.s_[..., ::-1], (),
    np.s_[10, 5:6],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", CHAINS)
def test_reading(kind, name, tmp_path):
    store = write(DATA, SHAPES, CHAINS[name], fill=9, missing=[(1, 1), (3, 5)])
    want = DATA.copy()
    want[3:7, 5:6] = want[9:11, 15:18] = 9
    arr = sz.open_array(store if kind == "memory" else oracle.dump(store, tmp_path))
    for selection in SELECTIONS:
        assert oracle.same(arr[selection], want[selection])
        out = np.zeros(want[selection].shape, "u4")
        assert arr.read(selection, out=out) is out
        assert (out == want[selection]).all()
    assert [row.tolist() for row in arr] == want.tolist()
    assert arr.nchunks_stored == arr.nchunks - 2
    assert "of 24 chunks" in str(arr.info)
    assert oracle.same(pickle.loads(pickle.dumps(arr))[...], want)


def test_whole_chunks():
    arr = sz.open_array(write(DATA, SHAPES, missing=[(1, 1)], fill=9))
    assert arr.get_chunk((1, 0)).tolist() == DATA[3:7, :5].tolist()
    assert arr.get_chunk((1, 1)).tolist() == [[9]] * 4
    assert arr.get_encoded_chunk((1, 1)) is None
    assert len(arr.get_encoded_chunk((0, 5))) == 3 * 3 * 4
    assert arr.get_chunk((3, 5)).shape == (2, 3)
    for index in [(4, 0), (0, 6), (-1, 0), (0,), (0, 0, 0), (0, "a"), (0, 1.0)]:
        with pytest.raises(IndexError):
            arr.get_chunk(index)


def test_bad_selections_and_outs():
    arr = sz.open_array(write(DATA, SHAPES))
    for selection in [11, (0, 17), (0, 0, 0), (..., ...), "a", 1.5]:
        with pytest.raises(IndexError):
            arr[selection]
    for out in (np.zeros((11, 17), "?"), np.zeros((11, 16), "u4")):
        with pytest.raises((ValueError, TypeError), match="out"):
            arr.read(out=out)


def test_what_is_wrong_is_said_of_the_right_chunk():
    store = write(DATA, SHAPES)
    store["c/3/2"] = store["c/3/2"][:-1]
    with pytest.raises(sz.ChunkError, match=r"c/3/2"):
        sz.open_array(store)[...]


@pytest.mark.parametrize("name", CHAINS)
def test_writing(name):
    store = {"zarr.json": document(DATA, SHAPES, CHAINS[name], fill=9)}
    arr = sz.open_array(store, mode="r+")
    want = np.full_like(DATA, 9)
    for selection in SELECTIONS:
        value = DATA[selection] + 1 if want[selection].ndim else 77
        arr[selection] = want[selection] = value
        assert (arr[...] == want).all()
    arr.set_chunk((1, 0), np.zeros((4, 5)))
    want[3:7, :5] = 0
    assert (sz.open_array(store)[...] == want).all()
    arr[...] = 9
    assert list(store) == ["zarr.json"]
    with pytest.raises(ValueError):
        arr[:2] = want


def test_shards():
    """Shards of different shapes, all of the same inner chunks."""
    data = np.arange(14 * 6, dtype="u2").reshape(14, 6)
    codecs = [sharding([2, 3], [LITTLE])]
    store = write(data, [[4, 8, 2], 6], codecs)
    arr = sz.open_array(store, mode="r+")
    assert (arr.chunks, arr.shards, arr.grid_shape) == ((2, 3), (8, 6), (7, 2))
    assert (arr[::-1, 1:5] == data[::-1, 1:5]).all()
    for i, j in itertools.product(range(7), range(2)):
        assert (arr.get_chunk((i, j)) == data[2 * i : 2 * i + 2, 3 * j : 3 * j + 3]).all()
    arr[3:13, 2] = data[3:13, 2] = 1
    assert (sz.open_array(store)[...] == data).all()
    assert arr.nchunks_stored == arr.nchunks == 14
    arr[4:6, 3:] = arr[13:] = 0
    assert arr.nchunks_stored == 13
    arr[12:] = 0
    assert arr.nchunks_stored == 11
    arr.resize((5, 4))
    arr[...] = 1
    assert arr.nchunks_stored == arr.nchunks == 6
    bad = sz.open_array(write(data, [[4, 8, 3], 6], [LITTLE]) | {"zarr.json": document(data, [[4, 8, 3], 6], codecs)})
    with pytest.raises(sz.MetadataError, match=r"chunk_shape"):
        bad[12:]


@st.composite
def axes(draw, length):
    """An entry of `chunk_shapes` for an axis."""
    if draw(st.booleans()):
        return draw(st.integers(1, length + 2))
    entry, total = [], 0
    while total < length or (total and draw(st.integers(0, 9)) == 0):
        edge, count = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        entry.append([edge, count] if count > 1 or draw(st.booleans()) else edge)
        total += edge * count
    return entry


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_grid_and_selection(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 9), max_size=3)))
    array = np.arange(int(np.prod(shape)), dtype="i4").reshape(shape) + 1
    chunk_shapes = [data.draw(axes(length)) for length in shape]
    arr = sz.open_array(write(array, chunk_shapes))
    rand = data.draw(st.randoms(use_true_random=False, note_method_calls=False))
    for _ in range(3):
        selection = make_selection(rand, shape)
        try:
            want = array[selection]
        except (IndexError, ValueError) as error:
            with pytest.raises(type(error)):
                arr[selection]
        else:
            assert oracle.same(arr[selection], want)


def test_scalar_arrays():
    store = {"zarr.json": document(np.zeros((), "u1"), []), "c": b"\5"}
    arr = sz.open_array(store, mode="r+")
    assert (arr[()], arr[...].tolist(), arr.get_chunk(()).tolist()) == (5, 5, 5)
    arr[()] = 6
    assert store["c"] == b"\6"


# ---------------------------------------------------------------- making

MADE = {
    "lists": ([[3, 4, 4], [5, 1, 9, 1, 1]], None),
    "tuples": (((3, 4, 4), (5, 1, 9, 1, 1)), None),
    "pairs": ([[3, (4, 2)], [5, [1, 1], 9, (1, 5)]], None),
    "numbers": ([[3, 8], 5], None),
    "whole axes": ([[3, 8]], None),
    "beyond the end": ([[3, 4, 5, 100], [np.int64(17)]], None),
    "shards": ((2, 3), [[4, 2, 6], [6, 3, (3, 3)]]),
}


@pytest.mark.parametrize("name", MADE)
def test_making(name, tmp_path):
    chunks, shards = MADE[name]
    made = sz.create_array(tmp_path, data=DATA, chunks=chunks, shards=shards, fill_value=7)
    assert type(made) is type(sz.open_array(tmp_path))
    assert oracle.same(sz.open_array(tmp_path)[...], DATA)
    grid = json.loads((tmp_path / "zarr.json").read_text())["chunk_grid"]
    assert grid["name"] == "rectilinear"
    made[2:9, 3] = 7
    want = DATA.copy()
    want[2:9, 3] = 7
    assert oracle.same(made[...], want)


@pytest.mark.parametrize("name", MADE)
def test_zarr_python_reads_what_is_made(name, tmp_path):
    zarr = pytest.importorskip("zarr")
    if "array.rectilinear_chunks" not in zarr.config:
        pytest.skip("this zarr-python has no rectilinear grids")
    chunks, shards = MADE[name]
    sz.create_array(tmp_path, data=DATA, chunks=chunks, shards=shards)
    with zarr.config.set({"array.rectilinear_chunks": True}):
        assert oracle.same(zarr.open_array(tmp_path, mode="r")[...], DATA)


def test_made_like_zarr_python():
    """The lists of lengths mean what zarr-python 3.4 makes of them, as it writes them."""
    arr = sz.create_array({}, shape=(60, 10), dtype="i4", chunks=[[25, 25, 10], [5, 5]])
    configuration = {"kind": "inline", "chunk_shapes": [[[25, 2], 10], [[5, 2]]]}
    assert arr.metadata.to_json()["chunk_grid"] == {"name": "rectilinear", "configuration": configuration}
    assert (arr.chunks, arr.grid_shape) == ((25, 5), (3, 2))


def test_empty_chunks_of_made_arrays_are_stored():
    store = {}
    sz.create_array(store, data=np.zeros(5), chunks=[[2, 3]], write_empty_chunks=True)
    assert sorted(store) == ["c/0", "c/1", "zarr.json"]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (r"^chunks\[0\]: the lengths add up to 5; the array has 6", {"chunks": [[2, 3], 1]}),
        (r"^chunks\[1\]\[0\]: 0 ", {"chunks": [[6], [0, 4]]}),
        (r"^chunks\[0\]\[1\]: -1 ", {"chunks": [[6, -1]]}),
        (r"^chunks\[0\]\[0\]: ", {"chunks": [["6"], 4]}),
        (r"^chunks: .* 3 entries", {"chunks": [[6], 4, 1]}),
        (r"^chunks\[1\]: 0 ", {"chunks": [[6], 0]}),
        (r"^shards\[0\]: length 3: .* 2 does not divide", {"chunks": (2, 2), "shards": [[4, 3], 4]}),
        (r"^shards\[1\]: 3 is not a multiple", {"chunks": (2, 2), "shards": [[4, 2], 3]}),
        (r"^chunks: within shards", {"chunks": [[6], 4], "shards": (6, 4)}),
        (r"^chunks: within shards", {"chunks": [[6], 4], "shards": "auto"}),
        (r'^chunks: "auto"; ', {"shards": [[6], 4]}),
        (r"^chunks: in Zarr 2", {"chunks": [[6], 4], "zarr_format": 2}),
        (r"^chunks\[0\]: length 2: codecs\[0\]", {
            "chunks": [[4, 2], 4], "codecs": [codec("reshape", shape=[16]), LITTLE]}),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_made(message, arguments):
    store = {}
    with pytest.raises(sz.ZarrError, match=message):
        sz.create_array(store, shape=(6, 4), dtype="u2", **arguments)
    assert not store


def test_reading_while_a_handle_changes_its_shape():
    a = sz.create_array({}, shape=20, dtype="i4", chunks=[[2, 3, 5, 10]], fill_value=7)
    errors, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            try:
                assert (a[...] == 7).all()
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=read)
    thread.start()
    for i in range(60):
        a.resize(6 if i % 2 else 30)
    ended.set()
    thread.join()
    assert errors == []
