"""What a change doesn't concern survives it byte for byte, and what was not understood is never stored anew."""

import json
import re

import numpy as np
import pytest

import simplezarr as sz
from tests.metadata.test_v3 import array, group

pytestmark = pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")

#: Attributes that Python's JSON reads in another way than it writes them, or that are unusual.
ODD = (
    '{ "nan" : NaN, "inf":[Infinity,-Infinity], "big": 1e400, "float": 1.0, "long": 1.10,\t"int": 1'
    + "0" * 30
    + ', "e": 1E+2, "twice": 1, "twice": 2, "escaped": "\\u00e9\\/", "\\u006bey": 1, "zero": -0.0, '
    '"deep": {"a": 1, "a": NaN}}'
)
#: Members of an array's document as other libraries spell them.
SPELLED = (
    '{"codecs": [{"name": "endian", "configuration": {"endian": "little"}}], "fill_value": 0,\n'
    '\t"shape": [4], "data_type": "uint16", "zarr_format": 3, "node_type" : "array", "dimension_names": null,\r\n'
    ' "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}}, "chunk_key_encoding": "default",'
    '"ext": {"must_understand": false, "x": 1.00}, "storage_transformers": [], "attributes": ' + ODD + "}\n"
)
V2_ARRAY = (
    '{"order":"C", "fill_value": 0.0e0, "filters": [], "_NCZARR_ARRAY": {"x": 1.00}, "dtype": "<f4", "chunks": [2],\n'
    ' "shape": [ 4 ], "zarr_format": 2, "compressor": {"id": "zlib", "level": 1}}'
)


def v3(attributes=ODD):
    return {"zarr.json": group(), "a/zarr.json": SPELLED.replace(ODD, attributes).encode()}


def v2(attributes=ODD):
    attributes = attributes.replace('"twice": 1, ', "")  # a `.zattrs` with a name twice is not read
    return {".zgroup": b'{"zarr_format" :2}', "a/.zarray": V2_ARRAY.encode(), "a/.zattrs": attributes.encode()}


STORES = {"v3": (v3, "a/zarr.json", "a/zarr.json"), "v2": (v2, "a/.zarray", "a/.zattrs")}


@pytest.fixture(params=STORES)
def stored(request):
    make, own, attributes = STORES[request.param]
    return make(), own, attributes


def test_a_new_attribute_changes_nothing_else(stored):
    store, _, key = stored
    before = dict(store)
    sz.open(store, "a", mode="r+").attrs["new"] = [1, 2.5]
    assert store.pop(key) == before.pop(key).replace(b"NaN}}", b'NaN},\t"new": [1, 2.5]}').replace(
        b',\t"new"', b', "new"'
    )
    assert store == before


def test_an_attribute_that_changes_or_goes_changes_nothing_else(stored):
    store, _, key = stored
    before = dict(store)
    attrs = sz.open(store, "a", mode="r+").attrs
    attrs["float"] = 2
    del attrs["e"]
    assert store.pop(key) == before.pop(key).replace(b'"float": 1.0', b'"float": 2').replace(b'"e": 1E+2, ', b"")
    assert store == before


def test_of_an_attribute_that_is_there_twice_one_is_left(stored):
    store, _, key = stored
    sz.open(store, "a", mode="r+").attrs.update(twice=3, key=4)
    assert store[key].count(b'"twice"') == 1
    assert store[key].count(b'\\u006bey": 4') == 1
    assert b'"twice": 3' in store[key]
    assert dict(sz.open(store, "a").attrs)["key"] == 4


@pytest.mark.parametrize("change", ["resize", "append"])
def test_another_shape_changes_nothing_else(stored, change):
    store, key, _ = stored
    before = dict(store)
    a = sz.open(store, "a", mode="r+")
    a.resize(6) if change == "resize" else a.append([1, 2])
    assert store[key] == re.sub(rb'"shape": \[ ?4 ?\]', b'"shape": [6]', before[key])
    assert {name: store[name] for name in before if name != key} == {n: v for n, v in before.items() if n != key}
    assert sz.open(store, "a").shape == (6,)


def test_copies_are_the_text_of_the_documents(stored):
    store, own, key = stored
    before = dict(store)
    sz.open_group(store, mode="r+").consolidate_metadata()
    copy = store["zarr.json" if ".zgroup" not in store else ".zmetadata"].decode()
    for name in {own, key}:
        assert before[name].decode().strip() in copy
    again = sz.open_group(store)
    assert repr(dict(dict(again.items())["a"].attrs)) == repr(dict(sz.open(store, "a").attrs))
    again = sz.open_group(store, mode="r+")
    again.attrs["x"] = 1  # the copy stays, as it is still true
    assert before[own].decode().strip() in store["zarr.json" if ".zgroup" not in store else ".zmetadata"].decode()
    again["a"].attrs["y"] = 1
    assert b"consolidated" not in store.get("zarr.json", b"")
    assert ".zmetadata" not in store


def test_the_attributes_of_a_zarr_2_group_in_its_own_copy():
    store = {".zgroup": b'{"zarr_format": 2}', ".zattrs": b'{"a": NaN}', "b/.zgroup": b'{"zarr_format": 2}'}
    group = sz.open_group(store, mode="r+")
    group.consolidate_metadata()
    group.attrs["c"] = 1
    copy = json.loads(store[".zmetadata"])["metadata"]
    assert store[".zattrs"] == b'{"a": NaN, "c": 1}'
    assert repr(copy[".zattrs"]) == "{'a': nan, 'c': 1}"


def test_copies_that_are_dropped_leave_the_rest():
    document = b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": 1e400, "b": NaN},'
    store = {"zarr.json": document + b'\n "consolidated_metadata": {"kind": "inline", "metadata": {}} }'}
    sz.open_group(store, mode="r+").create_group("g")
    assert store["zarr.json"] == document.rstrip(b",") + b"}"


def test_storing_what_is_stored_is_no_new_value(stored):
    store, _, key = stored
    before = store[key]
    attrs = sz.open(store, "a", mode="r+").attrs
    attrs.update(attrs, float=1.0)
    attrs["inf"] = attrs["inf"]
    assert store[key] == before
    with pytest.raises(ValueError, match=r"attributes\[\"inf\"\]\[0\]: nan"):
        attrs["inf"] = attrs["nan"], 1
    attrs.update({**attrs, "new": 1})
    assert store[key] == before.replace(b"NaN}}", b'NaN}, "new": 1}')


# ---------------------------------------------------------------- what is read in another way than it is written

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


def changed(name=None, value=None, **members):
    """An array's document with some members as they are not written by this library; ... leaves one out."""
    document = {**json.loads(array(shape=[4], chunk_grid=GRID)), **members}
    if name is not None:
        document[name] = value
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def v2_array(**members):
    document = {**json.loads(V2_ARRAY), **members}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


RAW = {"name": "raw_bytes", "configuration": {"length_bytes": 2}}


def codec(name, **configuration):
    return [BYTES, {"name": name, "configuration": configuration}]


GRID = {"name": "regular", "configuration": {"chunk_shape": [2]}}
#: By case of `leniency.CASES`, documents; those of Zarr 2 come without `.zattrs`.
LENIENT = {
    "null-member": [changed(dimension_names=None, attributes=None, storage_transformers=None)],
    "null-fill": [changed(fill_value=None)],
    "integral-fill": [changed(fill_value=7.0), changed().replace(b'"fill_value": 7', b'"fill_value": 70e-1')],
    "codec-alias": [changed(codecs=[{"name": "endian", "configuration": {"endian": "little"}}])],
    "codec-alias 2": [changed(codecs=codec("https://zarr.dev/numcodecs/zlib", level=1))],
    "data types": [changed(data_type=RAW, fill_value=[1, 2]), changed(data_type="r16", fill_value=[1, 2])],
    "null-endian": [changed(data_type="uint8", codecs=[{"name": "bytes", "configuration": {"endian": None}}])],
    "transpose-letter": [changed(codecs=[{"name": "transpose", "configuration": {"order": "C"}}, BYTES])],
    "blosc-typesize": [changed(codecs=codec("blosc", cname="lz4", clevel=1, shuffle="shuffle", blocksize=0))],
    "nonfinite-attributes": [changed(attributes={"x": float("nan"), "y": [float("-inf")]})],
    "skipped-extension": [changed(storage_transformers=[{"name": "acme", "must_understand": False}])],
    "no-codecs": [changed(codecs=...)],
    "zero-fill": [v2_array(dtype="|V4", fill_value=0)],
    "text-fill": [v2_array(fill_value="1.5")],
    "integer-bool": [v2_array(dtype="|b1", fill_value=1)],
    "no-filters": [v2_array(filters=[])],
    "no-fill": [v2_array(fill_value=...)],
    "bad-fill": [changed(fill_value="acme"), v2_array(fill_value={})],
    "short-hands": [changed(data_type={"name": "uint8"}, chunk_key_encoding="default", codecs=["bytes"])],
    "unknown member": [changed(acme={"must_understand": False, "x": [1.0, 1]}), v2_array(acme=[1.0, 1e400])],
}


def spelled(document):
    """The members of a document, numbers as they are spelled."""
    return json.loads(document, parse_float=str, parse_int=str, parse_constant=str)


@pytest.mark.parametrize(("case", "number"), [(case, i) for case, docs in LENIENT.items() for i in range(len(docs))])
def test_what_is_read_leniently_is_stored_as_it_was(case, number):
    document = LENIENT[case][number]
    own = "zarr.json" if b'"node_type"' in document else ".zarray"
    store = {f"a/{own}": document, ("zarr.json" if own == "zarr.json" else ".zgroup"): group(zarr_format=3)}
    if own == ".zarray":
        store[".zgroup"] = b'{"zarr_format": 2}'
    a = sz.open(store, "a", mode="r+")
    a.attrs["new"] = {"a": 1.0}
    sz.open(store, "a", mode="r+").attrs["more"] = 1
    shape = "4"
    try:
        a.resize(3)
        shape = "3"
    except sz.UnsupportedError:  # it can only be read
        assert case in ("skipped-extension", "bad-fill")
    sz.open_group(store, mode="r+").consolidate_metadata()
    now, before = spelled(store[f"a/{own}"]), spelled(document)
    attributes = now.pop("attributes") if own == "zarr.json" else spelled(store["a/.zattrs"])
    assert attributes == {**(before.pop("attributes", None) or {}), "new": {"a": "1.0"}, "more": "1"}
    assert now == {**before, "shape": [shape]}
    assert list(now) == list(before)
    for copied in (sz.open(store)["a"], dict(sz.open(store).items())["a"]):
        assert copied.metadata.data_type == sz.open(store, "a").metadata.data_type
        assert repr(dict(copied.attrs)) == repr(dict(sz.open(store, "a").attrs))


# ---------------------------------------------------------------- what was not understood

BROKEN = [
    '{"units": "K", "history": "two years",}', '{"units": "K"', "[1, 2]", '"text"', "", "\ufeff", '{"a": 1} x', "3",
    '{"a": ' + "9" * 5000 + "}", '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}", "{'a': 1}", '{"a": tru}',
]  # fmt: skip
#: Of these, the ones whose end can be seen within a document.
WITHIN = [text for text in BROKEN if text not in ("", "\ufeff", '{"units": "K"', '{"a": 1} x')]


@pytest.mark.parametrize("node", ["a", "g"])
@pytest.mark.parametrize("attributes", BROKEN, ids=lambda text: text[:12])
def test_zarr_2_attributes_that_are_not_usable_are_not_replaced(attributes, node):
    store = {**v2("{}"), ".zattrs": b"{}", "g/.zgroup": b'{"zarr_format": 2}', f"{node}/.zattrs": attributes.encode()}
    check_unusable(store, node, rf"{node}/\.zattrs: ")


@pytest.mark.parametrize("node", ["a", "g"])
@pytest.mark.parametrize("attributes", WITHIN, ids=lambda text: text[:12])
def test_attributes_that_are_not_usable_are_not_replaced(attributes, node):
    document = array(shape=[4], chunk_grid=GRID) if node == "a" else group()
    broken = document[:-1] + f', "attributes": {attributes}}}'.encode()
    check_unusable({"zarr.json": group(), f"{node}/zarr.json": broken}, node, rf"{node}/zarr\.json: attributes: ")


def check_unusable(store, path, message):
    """No attribute can be changed, and no copy made that lacks them; all else can be done, and loses nothing."""
    root = sz.open_group(store, mode="r+")
    root.create_group("other")
    with pytest.warns(sz.ZarrWarning, match=message):
        node = sz.open(store, path, mode="r+")
    assert dict(node.attrs) == {}
    with pytest.raises(KeyError, match=message):
        node.attrs["units"]
    before = dict(store)
    for change in (
        lambda: node.attrs.__setitem__("ok", 1), lambda: node.attrs.update(ok=1), lambda: node.attrs.clear(),
        lambda: node.attrs.pop("ok"),
    ):  # fmt: skip
        with pytest.raises((sz.MetadataError, KeyError), match=message):
            change()
        assert store == before
    text = re.search(rb'"attributes": (.*)}$', store.get(f"{path}/zarr.json", b""))
    if text is not None and text[1] in (b"[1, 2]", b'"text"', b"3"):  # JSON, which a copy can hold
        root.consolidate_metadata()
        assert text[0] in store["zarr.json"]
    else:
        with pytest.raises(sz.MetadataError, match=f"^{message}.*repair"):
            root.consolidate_metadata()
        assert store == before
    if isinstance(node, sz.Array):
        node.resize(5)
        node.append([7])
        assert node[...].tolist()[-1] == 7
        assert sz.open(store, path).shape == (6,)
        own = next(key for key in before if key.startswith("a/") and key.endswith((".zarray", "zarr.json")))
        assert store[own] == re.sub(rb'"shape": ?\[ ?4 ?\]', b'"shape": [6]', before[own])


def test_a_copy_is_not_made_of_attributes_that_are_not_usable():
    store = {".zgroup": b'{"zarr_format": 2}', ".zattrs": b"{,}", "a/.zgroup": b'{"zarr_format": 2}'}
    before = dict(store)
    with pytest.raises(sz.MetadataError, match=r"^\.zattrs: .*repair"):
        sz.open_group(store, mode="r+").consolidate_metadata()
    assert store == before


def test_arrays_that_can_only_be_read():
    """An unknown codec that need not be understood: attributes change, chunks and the shape don't."""
    document = array(
        shape=[4], chunk_grid=GRID, codecs=["bytes", {"name": "acme", "must_understand": False}], data_type="uint8"
    )
    store = {"a/zarr.json": document, "a/c/0": b"12", "a/c/1": b"34"}
    a = sz.open(store, "a", mode="r+")
    before = dict(store)
    for change in (lambda: a.resize(2), lambda: a.append([1]), lambda: a.write(..., 1)):
        with pytest.raises(sz.UnsupportedError, match="acme"):
            change()
        assert store == before
    a.attrs["x"] = 1
    assert json.loads(store["a/zarr.json"]) == {**json.loads(document), "attributes": {"x": 1}}
    sz.open(store, "a", mode="r+").attrs["y"] = 1


def test_chunk_lengths_of_zero_are_stored_as_they_are_read():
    document = array(
        shape=[0], chunk_grid={"name": "regular", "configuration": {"chunk_shape": [0]}}, data_type="uint8"
    )
    store = {"a/zarr.json": document}
    a = sz.open(store, "a", mode="r+")
    a.append([1, 2, 3])
    assert sz.open(store, "a")[...].tolist() == [1, 2, 3]
    assert json.loads(store["a/zarr.json"])["chunk_grid"]["configuration"] == {"chunk_shape": list(a.chunks)}


def test_what_fails_changes_nothing():
    store = v3()
    root = sz.open_group(store, mode="r+")
    root.consolidate_metadata()
    before = dict(store)
    a = root["a"]
    for change, error in [
        (lambda: a.attrs.__delitem__("none"), KeyError), (lambda: a.attrs.update(x=np.nan), ValueError),
        (lambda: a.append([[1]]), ValueError), (lambda: a.resize((1, 2)), sz.MetadataError),
        (lambda: a.attrs.update({3: 4}), TypeError),
    ]:  # fmt: skip
        with pytest.raises(error):
            change()
        assert store == before


@pytest.mark.parametrize("depth", [300, 900])
def test_deep_attributes(depth):
    deep = 1
    for _ in range(depth):
        deep = {"a": [deep]} if depth < 900 else [deep]
    store = {}
    node = sz.create_group(store)
    node.attrs["deep"] = deep
    copy = sz.open(store, mode="r+").attrs["deep"]
    assert json.dumps(copy) == json.dumps(deep)
    sz.open(store, mode="r+").attrs["more"] = 1
    assert json.loads(store["zarr.json"])["attributes"] == {"deep": deep, "more": 1}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_python_reads_what_was_changed(zarr_format, tmp_path):
    """Of data types that go by several names, and with NaN among the attributes, as zarr-python has written them."""
    zarr = pytest.importorskip("zarr", minversion="3.1")
    theirs = zarr.open_group(tmp_path, mode="w", zarr_format=zarr_format)
    for name, dtype in {"raw": "V3", "bytes": "S4", "text": "U3", "time": "M8[s]", "big": ">i2", "b": "?"}.items():
        a = theirs.create_array(name, shape=(4,), dtype=np.dtype(dtype), chunks=(2,))
        a.attrs.update(nan=float("nan"), one=1.0)
    root = sz.open_group(tmp_path, mode="r+")
    own, attributes = ("zarr.json",) * 2 if zarr_format == 3 else (".zarray", ".zattrs")
    for name, a in root.items():
        before = spelled((tmp_path / name / own).read_bytes())
        a.attrs["new"] = 1
        a.resize(6)
        after = spelled((tmp_path / name / own).read_bytes())
        if zarr_format == 3:
            del before["attributes"], after["attributes"]
        assert after == {**before, "shape": ["6"]}
        again = zarr.open_array(tmp_path, path=name, mode="r")
        assert (again.shape, repr(dict(again.attrs))) == ((6,), "{'nan': nan, 'one': 1.0, 'new': 1}")
        assert b'"new": 1' in (tmp_path / name / attributes).read_bytes()
    root.consolidate_metadata()
    again = zarr.open_group(tmp_path, mode="r", zarr_format=zarr_format, use_consolidated=True)
    assert sorted(again) == list(root)
    assert repr(dict(again["raw"].attrs)) == "{'nan': nan, 'one': 1.0, 'new': 1}"
