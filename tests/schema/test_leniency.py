"""Members of documents that can't be used: sound chunks are read, with one warning that names the member."""

import json
import pickle
import warnings

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle.v3 import LITTLE, codec

INTS = np.arange(1, 9, dtype="<i4")


def v2(**members):
    """A `.zarray` of 8 elements in chunks of 4; a member that is `...` is left out."""
    document = {
        "zarr_format": 2, "shape": [8], "chunks": [4], "dtype": "<i4", "fill_value": 0, "order": "C",
        "filters": None, "compressor": None,
    } | members  # fmt: skip
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def v3(**members):
    """A `zarr.json` of 8 elements in chunks of 4."""
    chunks = members.pop("chunk_shape", [4])
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [8], "data_type": "int32", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default"}, "codecs": [LITTLE],
    } | members  # fmt: skip
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def stored(document, *chunks):
    """A store with a document and some chunks."""
    name, prefix = (".zarray", "") if b'"zarr_format": 2' in document else ("zarr.json", "c/")
    data = {f"{prefix}{i}": np.asarray(chunk).tobytes() for i, chunk in enumerate(chunks) if chunk is not None}
    return {name: document, **data}


def opened(store, message, **options):
    """The array, which is opened with one warning that names the member."""
    with pytest.warns(sz.ZarrWarning, match=message) as caught:
        array = sz.open(store, **options)
    assert len(caught) == 1
    return array


# ---------------------------------------------------------------- fill values

BAD = [
    (v2(fill_value="abc"), INTS), (v2(fill_value=1.5), INTS), (v2(fill_value=[1]), INTS), (v2(fill_value=2**40), INTS),
    (v2(fill_value={}), INTS), (v2(fill_value="NaN"), INTS), (v2(fill_value=True), INTS),
    (v2(fill_value="x", dtype="<f4"), INTS.astype("<f4")), (v2(fill_value="!", dtype="|S4"), INTS.view("S4")),
    (v2(fill_value="AA==", dtype="|V4"), INTS.view("V4")), (v2(fill_value="x", dtype="<M8[s]"), INTS.astype("M8[s]")),
    (v2(fill_value="yes", dtype="|b1"), INTS % 2 == 1), (v2(fill_value=7, dtype="<U1"), np.array([*"abcdefgh"])),
    (v2(fill_value=5, dtype=[["a", "<i2"], ["b", "<i2"]]), INTS.view([("a", "<i2"), ("b", "<i2")])),
    (v3(fill_value="abc"), INTS), (v3(fill_value=1.5), INTS), (v3(fill_value=[1]), INTS), (v3(fill_value=2**40), INTS),
    (v3(fill_value="x", data_type="float32"), INTS.astype("<f4")), (v3(fill_value=5, data_type="bool"), INTS % 2 == 1),
    (v3(fill_value=[1], data_type="complex64"), INTS.astype("c8")),
    (v3(fill_value=[1], data_type="r32"), INTS.view("V4")),
    (v3(fill_value="x", codecs=[LITTLE, codec("crc32c")], chunk_shape=[8]), None),
]  # fmt: skip


@pytest.mark.parametrize(("document", "data"), BAD, ids=lambda value: str(value)[:0] if value is None else "")
def test_a_fill_value_that_is_not_usable(document, data):
    if data is None:
        whole = sz.create_array({}, data=INTS, codecs=["crc32c"])
        data, chunks = INTS, [np.frombuffer(whole.get_encoded_chunk((0,)), "u1")]
    else:
        chunks = [data[:4], data[4:]]
    array = opened(stored(document, *chunks), r"fill_value: ", mode="r+")
    np.testing.assert_array_equal(array[...], data)
    assert array[1] == data[1]
    np.testing.assert_array_equal(array.read_future(sz.s_[::-2]).result(), data[::-2])
    with pytest.raises(sz.MetadataError, match="fill_value: "):
        _ = array.fill_value
    with pytest.raises(sz.UnsupportedError, match=r"can only be read: .*fill_value: "):
        array[0] = data[0]
    with pytest.raises(sz.UnsupportedError, match="can only be read"):
        array.resize(9)
    assert "not usable" in str(array.info)
    assert repr(array).startswith("<Array / (8,)")


READS = {
    "all": lambda a: a[...], "part": lambda a: a[2:5], "scalar": lambda a: a[5], "points": lambda a: a[[1, 6]],
    "oindex": lambda a: a.oindex[[1, 6]], "vindex": lambda a: a.vindex[[1, 6]], "blocks": lambda a: a.blocks[-1],
    "lazy": lambda a: a.lazy[3:7].read(), "chunk": lambda a: a.get_chunk((a.nchunks - 1,)), "array": np.asarray,
    "iter": list,
    "read_many": lambda a: a.read_many([sz.s_[:2], sz.s_[4:]]), "future": lambda a: a.read_future().result(),
    "out": lambda a: a.read(out=np.empty(8, a.dtype)), "copy": lambda a: sz.create_array({}, data=a),
    "mask": lambda a: a[np.arange(8) > 2], "in": lambda a: 99 in a,
    "pickle": lambda a: pickle.loads(pickle.dumps(a))[...],
}  # fmt: skip


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("layout", ["v2", "v3", "inner", "shard", "rectilinear", "text"])
@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
def test_only_what_is_not_stored_raises(layout, read, tmp_path):
    members = {"dtype": "string"} if layout == "text" else {}
    whole = {"zarr_format": 2} if layout == "v2" else {"shards": 8} if layout == "inner" else {}
    whole |= {"shards": 4} if layout == "shard" else {}
    chunks = [[4, 4]] if layout == "rectilinear" else 2 if layout == "shard" else 4
    data = np.array([*"abcdefgh"]) if members else INTS
    made = sz.create_array(tmp_path, data=data, chunks=chunks, **members, **whole)
    path = tmp_path / made.metadata.document
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"fill_value": 5 if members else "five"}))
    array = sz.open(tmp_path, mode="r+")
    np.testing.assert_array_equal(np.asarray(array), np.asarray(made))
    assert array[2:4].tolist() == data[2:4].tolist()
    made[4:] = "" if members else 0  # deletes the chunk
    assert array[2:4].tolist() == data[2:4].tolist()
    assert array.get_chunk((0,)).tolist() == made.get_chunk((0,)).tolist()
    with pytest.raises(
        sz.ChunkError, match=r"not all of .* is stored, and the fill value is not usable: .*fill_value: "
    ):
        read(array)


def test_the_chunk_is_named():
    array = opened(stored(v2(fill_value="abc"), INTS[:4]), "fill_value")
    with pytest.raises(sz.ChunkError, match=r"chunk \(1,\)") as caught:
        _ = array[...]
    assert (caught.value.index, caught.value.key) == ((1,), "1")


@pytest.mark.parametrize(("document", "message", "fill"), [
    (v2(fill_value=...), "fill_value: missing; read as null", 0), (v3(fill_value=...), "fill_value: missing", 0),
    (v2(fill_value="0"), "fill_value: a number in a string", 0),
    (v2(fill_value="-7"), "fill_value: a number in a s", -7),
    (v3(fill_value=float("nan"), data_type="float32"), "fill_value: NaN and Infinity are not JSON", np.nan),
    (v2(fill_value=float("nan"), dtype="<f4"), "fill_value: NaN and Infinity are not JSON", np.nan),
])  # fmt: skip
def test_a_fill_value_that_is_understood_all_the_same(document, message, fill):
    array = opened(stored(document, INTS[:4]), message, mode="r+")
    np.testing.assert_array_equal(array[4:], np.full(4, fill, array.dtype))
    np.testing.assert_array_equal(array.fill_value, fill)
    array[5] = 3
    assert array[5] == 3


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
def test_documents_with_what_is_not_usable_keep_it():
    document = v3(fill_value="five", attributes={"a": 1})
    store = stored(document, INTS[:4], INTS[4:])
    array = sz.open(store, mode="r+")
    array.attrs["b"] = 2
    changed = json.loads(store["zarr.json"])
    assert changed == json.loads(document) | {"attributes": {"a": 1, "b": 2}}


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[NaN, 1]", "1" * 5000, "[" * 10000 + "]" * 10000, '"\\ud800"'])
def test_a_fill_value_that_is_hardly_json(text):
    document = v3().replace(b'"fill_value": 0', b'"fill_value": ' + text.encode())
    array = sz.open(stored(document, INTS[:4], INTS[4:]))
    assert array[...].tolist() == INTS.tolist()
    with pytest.raises(sz.MetadataError):
        _ = array.fill_value


def test_in_consolidated_metadata():
    for zarr_format, name in ((2, ".zarray"), (3, "zarr.json")):
        store = {}
        group = sz.create_group(store, zarr_format=zarr_format)
        group.create_array("a", data=INTS)
        members = json.loads(store[f"a/{name}"])
        store[f"a/{name}"] = json.dumps(members | {"fill_value": "five"}).encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sz.open(store, mode="r+").consolidate_metadata()
            array = dict(sz.open(store).items())["a"]
        assert array[...].tolist() == INTS.tolist()
        assert json.loads(store[f"a/{name}"])["fill_value"] == "five"


# ---------------------------------------------------------------- data types


@pytest.mark.parametrize("chunk", [b"", b"\0" * 4, None])
@pytest.mark.parametrize(("document", "empty"), [
    (v2(dtype="|S0", fill_value=""), b""), (v2(dtype="<U0", fill_value=""), ""),
    (v2(dtype="|V0", fill_value=None), b"\0"),
    (v2(dtype="|S0", compressor={"id": "zlib", "level": 1}), b""),
    (v3(data_type=codec("null_terminated_bytes", length_bytes=0), fill_value=""), b""),
    (v3(data_type=codec("fixed_length_utf32", length_bytes=0), fill_value=""), ""),
    (v3(data_type=codec("raw_bytes", length_bytes=0), fill_value=[]), b"\0"),
])  # fmt: skip
def test_elements_of_no_size(document, empty, chunk):
    store = stored(document) | ({} if chunk is None else {"0": chunk, "c/0": chunk})
    array = opened(store, r"d(ata_)?type: elements of no size", mode="r+")
    assert array[...].tolist() == [empty] * 8
    assert array[3].item() == empty
    assert array[[0, 7]].tolist() == [empty] * 2
    with pytest.raises(sz.UnsupportedError, match="can only be read"):
        array[0] = empty


def test_fields_of_no_size():
    data = INTS.view([("a", "<i4")])
    descr = [["a", "<i4"], ["b", "|S0"], ["c", "<U0"]]
    array = opened(stored(v2(dtype=descr[:2], fill_value=None), data[:4], data[4:]), r"dtype\[1\]: a field of no size")
    assert array["a"].tolist() == INTS.tolist()
    assert array.dtype.names == ("a",)
    store = stored(v2(dtype=descr[1:], fill_value=None))
    with pytest.warns(sz.ZarrWarning), pytest.raises(sz.UnsupportedError, match="no field of any size"):
        sz.open(store)


ALIGNED = [
    ([["a", "<u4"], ["b", "|u1"], ["", "|V3"]], np.dtype([("a", "u4"), ("b", "u1")], align=True)),
    ([["a", "|u1"], ["", "|V7"], ["b", "<f8"]], np.dtype([("a", "u1"), ("b", "f8")], align=True)),
    ([["f1", "|u1"], ["", "|V1"], ["b", "<i2"], ["", "|V4"]],
     np.dtype({"names": ["f1", "b"], "formats": ["u1", "<i2"], "offsets": [0, 2], "itemsize": 8})),
    ([["n", [["x", "|u1"], ["", "|V3"], ["y", "<i4"]]], ["m", "<u4"]],
     np.dtype([("n", np.dtype([("x", "u1"), ("y", "i4")], align=True)), ("m", "u4")])),
]  # fmt: skip


@pytest.mark.parametrize(("descr", "dtype"), ALIGNED, ids=lambda value: "")
def test_padding_of_records(descr, dtype):
    """What zarr-python 2.18 writes for aligned dtypes: NumPy's `descr`, gaps and all."""
    data = np.frombuffer(np.random.default_rng(3).bytes(8 * dtype.itemsize), dtype)
    store = stored(v2(dtype=descr, fill_value=None), data[:4], data[4:])
    before = dict(store)
    with pytest.warns(sz.ZarrWarning, match=r"dtype.*a gap between fields is read as a field"):
        array = sz.open(store, mode="r+")
    assert array.dtype.itemsize == dtype.itemsize
    for name in dtype.names:
        part = array[...][name]
        for inner in dtype[name].names or ():
            np.testing.assert_array_equal(part[inner], data[name][inner])
        if not dtype[name].names:
            np.testing.assert_array_equal(array[name], data[name])
    assert array[...].tobytes() == data.tobytes()
    array[:4] = array[:4]
    assert store == before


def test_padding_is_named_as_zarr_python_does():
    zarr = pytest.importorskip("zarr")
    data = np.arange(16, dtype="u1").view(ALIGNED[0][1])
    store = stored(v2(dtype=ALIGNED[0][0], fill_value=None, shape=[2], chunks=[2]), data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = sz.open(store)[...]
        buffers = {name: zarr.core.buffer.cpu.Buffer.from_bytes(value) for name, value in store.items()}
        theirs = zarr.open_array(zarr.storage.MemoryStore(buffers), mode="r", zarr_format=2)[...]
    assert ours.dtype == theirs.dtype
    assert ours.tobytes() == theirs.tobytes()


def test_aligned_dtypes_are_stored_packed():
    data = np.zeros(3, ALIGNED[1][1])
    data["a"], data["b"] = [1, 2, 3], [0.5, 1.5, 2.5]
    for zarr_format in (2, 3):
        array = sz.create_array({}, data=data, zarr_format=zarr_format)
        assert array.dtype == np.dtype([("a", "u1"), ("b", "f8")])
        assert array[...].tolist() == data.tolist()


# ---------------------------------------------------------------- chunk grids of older software


def grid(*shapes):
    return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [*shapes]}}


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize("zero", [0, False])
@pytest.mark.parametrize("make", [
    lambda zero: v2(chunks=[zero]), lambda zero: v3(chunk_shape=[zero]),
    lambda zero: v3(chunk_shape=[zero, 2], shape=[8, 2]),
    lambda zero: v3(chunk_shape=[zero], codecs=[codec("sharding_indexed", chunk_shape=[2], codecs=[LITTLE],
                                                      index_codecs=[LITTLE, codec("crc32c")])]),
])  # fmt: skip
def test_an_axis_without_chunk_length_that_has_grown(make, zero):
    store = stored(make(zero))
    array = sz.open(store, mode="r+")
    assert array[...].tolist() == np.zeros(array.shape, int).tolist()
    assert array.shape[0] == 8
    assert array.shards in (None, (2,))
    with pytest.raises(
        sz.UnsupportedError, match=r"can only be read: .*0 is not a chunk length; create the array again"
    ):
        array[0] = 1
    with pytest.raises(sz.UnsupportedError, match="can only be read"):
        array.resize((9, *array.shape[1:]))


TWO = np.arange(16, dtype="<i4").reshape(8, 2)
GRIDS = [
    (v2(chunks=[4.0]), INTS, "spelled"), (v2(chunks=[4, True], shape=[8, 2]), TWO, None),
    (v3(chunk_shape=[4, True], shape=[8, 2]), TWO, None), (v3(chunk_shape=[4.0]), INTS, "chunk_shape"),
    (v3(chunk_shape=[[4, 4]]), INTS, "regular grid"), (v3(chunk_shape=[[4, 4], 2], shape=[8, 2]), TWO, "regular grid"),
    (v3(chunk_shape=[[[4, 2]], 2], shape=[8, 2]), TWO, "regular grid"),
    (v3(chunk_grid=grid([4.0, 4])), INTS, "chunk_shapes"), (v3(chunk_grid=grid([[4.0, 2]])), INTS, "chunk_shapes"),
    (v3(chunk_grid=grid([4, 4], True), shape=[8, 2]), TWO, "chunk_shapes"),
    (v3(chunk_grid=grid([[4, 2.0]])), INTS, "chunk_s"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize(("document", "data", "message"), GRIDS, ids=lambda value: "")
def test_lengths_that_are_spelled_otherwise(document, data, message):
    made = {}
    plain = sz.create_array(
        made, data=data, chunks=(4, 1) if b"true" in document else 4 if data.ndim == 1 else (4, 2), codecs=["bytes"],
        zarr_format=2 if b'"zarr_format": 2' in document else 3,
    )  # fmt: skip
    store = made | {plain.metadata.document: document}
    with pytest.warns(sz.ZarrWarning) as caught:
        array = sz.open(store, mode="r+")
    assert len(caught) == 1
    np.testing.assert_array_equal(array[...], data)
    array[:5] = 7
    np.testing.assert_array_equal(sz.open(store)[4:6, ...], np.concatenate([np.full_like(data[4:5], 7), data[5:6]]))
    assert store[plain.metadata.document] == document
    array.resize((9, *data.shape[1:]))
    assert sz.open(store).shape[0] == 9
    np.testing.assert_array_equal(sz.open(store)[5:8], data[5:8])


# ---------------------------------------------------------------- other members


@pytest.mark.parametrize(("document", "message"), [
    (v2(order=...), "order: missing"), (v2(order=None), "order: null"), (v2(order="c"), "order: .*capital letter"),
    (v2(order="A"), "order: .*at most one dimension"),
    (v2(dimension_separator="-"), "dimension_separator: .*at most one dimension"),
    (v2(dimension_separator=3), "dimension_separator: .*at most one dimension"),
    (v3(dimension_names=["a", "b"]), "dimension_names: "), (v3(dimension_names=5), "dimension_names: "),
    (v3(dimension_names=[3]), r"dimension_names\[0\]: "), (v3(dimension_names={}), "dimension_names: "),
    (v3(storage_transformers={}), "storage_transformers: "), (v3(storage_transformers=None), "storage_transformers: "),
    (v3(attributes=5), "attributes: "), (v3(data_type={"name": "int32", "configuration": None}), "data_type.conf"),
    (v3(chunk_key_encoding={"name": "default", "configuration": None}), "chunk_key_encoding.configuration: null"),
    (v3(chunk_key_encoding={"name": "default", "configuration": {"separator": None}}), "separator: null"),
])  # fmt: skip
def test_members_that_do_not_matter_to_chunks(document, message):
    store = stored(document, INTS[:4], INTS[4:])
    array = opened(store, message, mode="r+")
    assert array[...].tolist() == INTS.tolist()
    assert array.dimension_names is None
    array[0] = 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sz.open(store)[0] == 7
        array.resize(5)
        name = array.metadata.document
        assert json.loads(store[name]) == json.loads(document) | {"shape": [5]}


def test_members_that_do():
    for members in ({"order": "A"}, {"dimension_separator": "-"}):
        with pytest.raises(sz.MetadataError, match=next(iter(members))):
            sz.open(stored(v2(shape=[8, 1], chunks=[4, 1], **members)))


# ---------------------------------------------------------------- members that are hardly JSON

ODD = [
    "NaN", '{"must_understand": false, "a": -Infinity}', "[" * 20000 + "]" * 20000, "1" * 5000, '"\\ud800"',
    '{"a": 1, "a": 2}', b'"\xff"',
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:20])
@pytest.mark.parametrize("member", ["fill_value", "unknown", "dimension_names"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_members_that_are_hardly_json(zarr_format, member, odd):
    members = {member: "here"}
    document = v2(**members) if zarr_format == 2 else v3(**members)
    store = stored(document.replace(b'"here"', odd if isinstance(odd, bytes) else odd.encode()), INTS[:4], INTS[4:])
    if zarr_format == 3 and member == "unknown" and "must_understand" not in str(odd):
        with pytest.raises((sz.MetadataError, sz.UnsupportedError)):  # it may change what chunks mean
            sz.open(store)
        return
    array = sz.open(store)
    assert array[...].tolist() == INTS.tolist()
    assert array.dimension_names is None


ODD_VALUES = [
    *(None, True, False, 0, 1, -1, 1.5, 4.0, 2**70, "", "x", "4", [], {}, [None], ["x"], [1], {"a": 1}, [True], [[4]]),
    ...,
]  # fmt: skip
IDLE = [  # members that the chunks of an array of one dimension don't depend on
    (v2, "fill_value"), (v2, "order"), (v2, "dimension_separator"), (v2, "unknown"), (v2, "attributes"),
    (v3, "fill_value"), (v3, "attributes"), (v3, "dimension_names"),
]  # fmt: skip
OTHERS = [
    *((v2, name) for name in ("zarr_format", "shape", "chunks", "dtype", "compressor", "filters")),
    *((v3, name) for name in ("zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding")),
    *((v3, name) for name in ("codecs", "storage_transformers", "unknown")),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize(("make", "member"), IDLE + OTHERS)
def test_any_value_of_any_member(make, member):
    for value in ODD_VALUES:
        store = stored(make(**{member: value}), INTS[:4], INTS[4:])
        try:
            got = sz.open(store)[...]
        except sz.ZarrError:
            assert (make, member) in OTHERS, value
        else:
            assert (make, member) in OTHERS or got.tolist() == INTS.tolist()
