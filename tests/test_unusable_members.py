"""Members of documents that can't be used: sound chunks are read, with one warning that names the member."""

import json
import pickle
import warnings

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import LITTLE, codec

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
    assert "not usable" in array.info
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
