"""`zarr.json` of arrays and groups (Zarr 3 core specification, "Metadata"): what is read, what is refused and where."""

import contextlib
import json
import pickle
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplezarr.codecs import BytesBytesCodec, registry
from simplezarr.codecs.base import resolve_chain
from simplezarr.codecs.blosc import Blosc
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.transpose import Transpose
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import MetadataError, UnsupportedError, ZarrWarning
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.json_document import MAX_SIZE
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata, parse_node
from tests.oracle.spec_vectors import V

REAL = Path(__file__).parents[2] / "examples" / "real.zarr"
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
GZIP = {"name": "gzip", "configuration": {"level": 1}}
ABSENT = object()


def grid(*chunk_shape):
    """A regular chunk grid."""
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}}


def shard(chunk_shape, codecs=(LITTLE,), index_codecs=(LITTLE, "crc32c"), **members):
    """A list of one `sharding_indexed`."""
    configuration = {"chunk_shape": chunk_shape, "codecs": codecs, "index_codecs": index_codecs, **members}
    return [{"name": "sharding_indexed", "configuration": configuration}]


def members(**changes):
    """The members of an array's document; changes replace its own."""
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10, 20],
        "data_type": "uint16",
        "chunk_grid": grid(5, 20),
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 7,
        "codecs": [LITTLE],
    }
    return {name: value for name, value in (document | changes).items() if value is not ABSENT}


def array(**changes):
    """An array's document."""
    return json.dumps(members(**changes)).encode()


def text_array(**changes):
    """An array's document; changes are JSON text."""
    marks = {name: f"@{name}@" for name in changes}
    text = json.dumps(members(**marks))
    for name, value in changes.items():
        text = text.replace(f'"{marks[name]}"', value)
    return text.encode()


def group(**changes):
    """A group's document."""
    return json.dumps({"zarr_format": 3, "node_type": "group"} | changes).encode()


def opened(document, key="a/zarr.json"):
    """The metadata, after the checks that opening a node makes."""
    node = parse_node(document, key)
    if isinstance(node, ArrayMetadata):
        resolve_chain(node.codecs, node.spec, f"{key}: codecs")
    return node


def refused(error, document, where=""):
    """Asserts that the document is refused at the given member."""
    with pytest.raises(error) as info:
        opened(document)
    assert str(info.value).startswith(f"a/zarr.json: {where}")
    return str(info.value)


def unusable_fill(document):
    """Asserts that the document is read, with a warning that its fill value can't be used."""
    with pytest.warns(ZarrWarning, match=r"^a/zarr.json: fill_value: .*not usable"):
        node = opened(document)
    assert node.fill_problem.startswith("a/zarr.json: fill_value: ")


# ---------------------------------------------------------------- what is read


def test_array():
    node = opened(array(attributes={"a": [1, 2.5, None]}, dimension_names=["y", None], storage_transformers=[]))
    assert node == ArrayMetadata(
        shape=(10, 20),
        data_type=parse_dtype("uint16"),
        chunk_shape=(5, 20),
        chunk_keys=ChunkKeys("default", "/"),
        fill=(7).to_bytes(2, sys.byteorder),
        codecs=(Bytes("little"),),
        attributes={"a": [1, 2.5, None]},
        dimension_names=("y", None),
    )
    assert (node.spec.shape, node.spec.nbytes) == ((5, 20), 200)
    assert pickle.loads(pickle.dumps(node)) == node


def test_group():
    assert opened(group()) == GroupMetadata()
    assert opened(group(attributes={"a": 1})) == GroupMetadata({"a": 1})


def test_real_documents():
    node = opened((REAL / "mri/zarr.json").read_bytes())
    assert (node.shape, node.chunk_shape) == ((128, 96, 24, 2), (128, 96, 24, 1))
    assert node.codecs[0].chunk_shape == (32, 32, 12, 1)
    assert node.attributes["zooms"] == [2.0, 2.0, 2.1999990940093994, 2000.0]
    photo = opened((REAL / "photo/zarr.json").read_bytes())
    assert photo.codecs == (Bytes(None), Blosc("zstd", 7, "bitshuffle", 1, 0))
    assert opened((REAL / "zarr.json").read_bytes()).consolidated is None


@pytest.mark.parametrize("changes", [
    {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}, "must_understand": True}]},
    {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}, "must_understand": False}]},
    {"data_type": {"name": "uint16"}},
    {"data_type": {"name": "uint16", "configuration": {}, "must_understand": False}},
    {"chunk_key_encoding": "default"},
    {"chunk_key_encoding": {"name": "default", "configuration": {}}},
    {"chunk_grid": {**grid(5, 20), "must_understand": False}},
    {"storage_transformers": []},
    {"attributes": {}},
])  # fmt: skip
def test_other_spellings_mean_the_same(changes):
    assert opened(array(**changes)) == opened(array())


@pytest.mark.parametrize("changes", [
    {"shape": [], "chunk_grid": grid(), "dimension_names": []},
    {"shape": [], "chunk_grid": grid(), "codecs": [{"name": "transpose", "configuration": {"order": []}}, LITTLE]},
    {"shape": [], "chunk_grid": grid(), "codecs": shard([])},
    {"shape": [0, 20]},
    {"chunk_grid": grid(100, 2000)},
    {"shape": [2**62, 2**62], "chunk_grid": grid(2**20, 2**20)},
    {"shape": [2**63 - 1, 0], "chunk_grid": grid(1, 1)},
    {"shape": [1] * 64, "chunk_grid": grid(*[1] * 64)},
    {"data_type": "uint8", "codecs": ["bytes"]},
    {"data_type": "uint8", "codecs": [LITTLE]},
    {"codecs": [LITTLE, "crc32c", "crc32c", GZIP, GZIP]},
    {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, *shard([10, 5])]},
    {"codecs": [*shard([5, 5]), "crc32c", GZIP]},
    {"codecs": shard([5, 10], shard([5, 5]))},
    {"codecs": shard([5, 5], index_codecs=[{"name": "bytes", "configuration": {"endian": "big"}}])},
    {"dimension_names": ["", "x"]},
    {"ext": {"must_understand": False}, "consolidated_metadata": {"must_understand": False}},
])  # fmt: skip
def test_what_is_legal(changes):
    document = array(**changes)
    node = opened(document)
    assert node.shape == tuple(members(**changes)["shape"])
    assert opened(document) == node
    assert opened(node.to_bytes()).chunk_shape == node.chunk_shape


def test_members_that_need_not_be_understood_are_kept():
    extra = {"ext": {"must_understand": False, "name": "x", "deep": [1, {"y": None}]}}
    for document in (array(**extra), group(**extra)):
        node = opened(document)
        assert node.extra == extra
        assert json.loads(node.to_bytes())["ext"] == extra["ext"]


@pytest.mark.parametrize("document", [b"\xef\xbb\xbf" + array(), b" \r\n\t" + array() + b"\n\n", bytearray(array())])
def test_byte_order_mark_and_white_space(document):
    assert opened(document) == opened(array())


FLOATS = [vector for vector in V if vector[0].startswith(("fill-float", "fill-complex"))]


@pytest.mark.parametrize("vector", FLOATS, ids=lambda vector: vector[0])
def test_fill_values_are_read_from_their_text(vector):
    name, _, text = vector[1].partition(" fill_value ")
    stored = text_array(fill_value=text, data_type=json.dumps(name))
    for document in (stored, stored.replace(b'"fill_value"', b'"attributes": {"f": [0.1, NaN]}, "fill_value"')):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrWarning)
            node = opened(document)
        little = np.frombuffer(node.fill, node.data_type.numpy).astype(node.data_type.numpy.newbyteorder("<"))
        assert little.tobytes().hex() == vector[2]
        assert opened(replace(node, attributes={}).to_bytes()).fill == node.fill
        assert node.attributes.get("f", [0.1])[0] == 0.1


def test_layouts_are_not_confused():
    """Documents that differ in one value only, or in its JSON type only, one after the other and again."""
    fills = {"uint8": ["1", "0"], "bool": ["true", "false"], "float64": ["1", "1.0", "-0.0", "0.0", "0"]}
    for _ in range(2):
        for name, texts in fills.items():
            for text in texts:
                node = opened(text_array(data_type=json.dumps(name), fill_value=text))
                assert repr(node.data_type.scalar(node.fill)) == repr(np.dtype(name).type(json.loads(text)))
        for text in ["true", "256"]:
            unusable_fill(text_array(data_type='"uint8"', fill_value=text))
        for text, bits in (("1.000000059604644775390625", 0x3F800000), ("1.0000000596046447753906250001", 0x3F800001)):
            node = opened(text_array(data_type='"float32"', fill_value=text))
            assert int.from_bytes(node.fill, sys.byteorder) == bits


def test_a_codec_that_changes_is_read_anew(monkeypatch):
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    kinds = [registry.register_codec(type("Same", (BytesBytesCodec,), {"name": "test.same"})) for _ in range(2)]
    for kind in kinds:
        registry.register_codec(kind)
        assert type(opened(array(codecs=[LITTLE, "test.same"])).codecs[1]) is kind


def test_attributes_of_arrays_with_one_layout_are_their_own():
    one, two = opened(array(attributes={"a": []})), opened(array(attributes={"a": []}))
    one.attributes["a"].append(1)
    assert two.attributes == opened(array(attributes={"a": []})).attributes == {"a": []}


# ---------------------------------------------------------------- what is refused: JSON


@pytest.mark.parametrize(("document", "message"), [
    (b"", "empty"),
    (b" \n", "empty"),
    (b"[]", "not a JSON object"),
    (b'"x"', "not a JSON object"),
    (b"null", "not a JSON object"),
    (b"3", "not a JSON object"),
    (array()[:-1], "not a JSON document"),
    (array()[: len(array()) // 2], "not a JSON document"),
    (array() + b"x", "not a JSON document: Extra data"),
    (array() + b"{}", "not a JSON document: Extra data"),
    (array()[:-1] + b",}", "not a JSON document"),
    (b"{'zarr_format': 3}", "not a JSON document"),
    (b'{"zarr_format" 3}', "not a JSON document"),
    (b'{"zarr_format": }', "not a JSON document"),
    (array().decode().encode("utf-16"), "not UTF-8"),
    (array()[:-1] + b', "ext": {"must_understand": false, "x": "\xe9"}}', "not UTF-8"),
    (array()[:-1] + b', "ext": {"must_understand": false, "x": "\t"}}', "not a JSON document"),
    (array()[:-1] + b', "attributes": ' + b"[" * 100_000, "arrays or objects are nested too deeply"),
    (array()[:-1] + b', "ext": ' + b'{"a":' * 100_000, "arrays or objects are nested too deeply"),
    (array()[:-1] + b', "ext": {"a": ' + b"9" * 5000 + b"}}", "Exceeds the limit"),
    (array()[:-1] + b', "shape": [10, 20]}', 'the member "shape" occurs twice'),
    (array()[:-1] + b', "sh\\u0061pe": [10, 20]}', 'the member "shape" occurs twice'),
    (array()[:-1] + b', "codecs": []}', 'the member "codecs" occurs twice'),
    (array().replace(b'"endian"', b'"endian": "big", "endian"'), 'codecs: the member "endian" occurs twice'),
    (b" " * (MAX_SIZE + 1), f"{MAX_SIZE + 1} bytes; the limit"),
    (text_array(shape="[NaN]"), "shape: the token NaN is not JSON"),
    (array()[:-1] + b', "ext": {"must_understand": false, "x": 1, "x": 2}}', 'ext: the member "x" occurs twice'),
])  # fmt: skip
def test_what_is_not_json(document, message):
    refused(MetadataError, document, message)


@pytest.mark.parametrize("broken", [
    "{", "{,", '{"a', '{"a"', '{"a":', '{"a": 1', '{"a": 1,', '{"a": 1,}', '{"a": 1 "b": 2}', '{"a": 1}}', "{1: 2}",
    '{"a"; 1}',
])  # fmt: skip
def test_the_walk_over_members_is_as_strict(broken):
    """A document with NaN in attributes, or of a group with copies, is read member by member."""
    for start in ('{"attributes": {"x": NaN}, ', '{"consolidated_metadata": null, ' + " " * (1 << 16)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrWarning)
            refused(MetadataError, (start + broken[1:]).encode(), "not a JSON document")


def test_duplicates_within_attributes_are_the_users_affair():
    document = array()[:-1] + b', "attributes": {"x": 1, "x": 2}}'
    assert opened(document).attributes == {"x": 2}
    assert opened(document.replace(b'"x": 1', b'"\\ud800": 1')).attributes == {"\ud800": 1, "x": 2}


# ---------------------------------------------------------------- what is refused: members


@pytest.mark.parametrize("name", sorted(members().keys() - {"codecs", "fill_value"}))
def test_mandatory_members_of_arrays(name):
    assert "missing" in refused(MetadataError, array(**{name: ABSENT}), f"{name}: missing")


def test_missing_codecs():
    """As GDAL wrote uncompressed arrays before 2025."""
    with pytest.warns(ZarrWarning, match="codecs: missing"):
        node = opened(array(codecs=ABSENT))
    assert node.codecs == opened(array(codecs=[LITTLE])).codecs


WRONG = [
    ("zarr_format", ["3", 3.0, True, None, [3]], MetadataError, "zarr_format: "),
    ("zarr_format", [2, 4, -3], UnsupportedError, "zarr_format: "),
    ("node_type", ["table", "Array", None, 3], MetadataError, "node_type: "),
    ("shape", [None, 10, "10", {}, [-1, 20], [4.0, 20], [True, 20], ["10", 20], [None, 20], [[10], 20], [2**63, 20],
               [10**30, 20]], MetadataError, "shape"),
    ("shape", [[1] * 65], MetadataError, "shape: 65 dimensions"),
    ("shape", [[], [10], [10, 20, 1]], MetadataError, "chunk_grid.configuration.chunk_shape: "),
    ("data_type", ["text", "float128", {"name": "os.system", "must_understand": False}], UnsupportedError,
     "data_type: "),
    ("data_type", ["r7", "r0", None, ["uint16"], {}, {"name": "uint16", "configuration": {"x": 1}}], MetadataError,
     "data_type"),
    ("chunk_grid", ["rectangular", {"name": "other", "must_understand": False}], UnsupportedError,
     "chunk_grid: unknown chunk grid"),
    ("chunk_grid", ["regular", {"name": "regular"}, {"name": "regular", "configuration": {}}], MetadataError,
     "chunk_grid.configuration.chunk_shape: missing"),
    ("chunk_grid", [None, [], {"configuration": {"chunk_shape": [5, 20]}},
                    {"name": "regular", "configuration": 3}], MetadataError, "chunk_grid"),
    ("chunk_grid", [{"name": "regular", "configuration": {"chunk_shape": [5, 20], "origin": [0]}}], MetadataError,
     "chunk_grid.configuration.origin: unknown member"),
    ("chunk_grid", [grid(-1, 20), grid(5.5, 20), grid("5", 20), grid(5), grid(5, 20, 1),
                    grid(), grid(2**63, 1), grid(2**40, 2**40)], MetadataError, "chunk_grid.configuration.chunk_shape"),
    ("chunk_key_encoding", ["v3", {"name": "v3", "must_understand": False}], UnsupportedError, "chunk_key_encoding: "),
    ("chunk_key_encoding", [{"name": "v2", "configuration": {"separator": "-"}}], MetadataError,
     "chunk_key_encoding.configuration.separator: "),
    ("codecs", [None, {}, "bytes", [], [LITTLE, LITTLE], [GZIP, LITTLE], [LITTLE, *["crc32c"] * 64]],
     MetadataError, "codecs"),
    ("codecs", [[LITTLE, {"name": "numcodecs.shuffle", "configuration": {"elementsize": -1}}]], MetadataError,
     "codecs[1].configuration.elementsize: -1 is not an integer from 0 to 2147483647"),
    ("codecs", [[LITTLE, {"name": "crc32c", "configuration": 1}], [None], [["bytes"]]], MetadataError, "codecs["),
    ("codecs", [["bytes"], [{"name": "bytes", "configuration": {}}]], MetadataError,
     "codecs[0].configuration.endian: missing"),
    ("codecs", [[LITTLE, "lz5"], [LITTLE, {"name": "lz5", "must_understand": True}]], UnsupportedError,
     'codecs[1]: unknown codec "lz5"'),
    ("codecs", [[{"name": "transpose", "configuration": {"order": [0]}}, LITTLE]], MetadataError,
     "codecs[0].configuration.order: "),
    ("codecs", [shard([3, 5]), shard([0, 5]), shard([5]), shard([10, 20])], MetadataError,
     "codecs[0].configuration.chunk_shape"),
    ("codecs", [[{"name": "transpose", "configuration": {"order": [1, 0]}}, *shard([5, 10])]], MetadataError,
     "codecs[1].configuration.chunk_shape[1]: 10 does not divide the shard's length 5"),
    ("codecs", [shard([5, 5], index_codecs=[LITTLE, GZIP])], MetadataError, "codecs[0].configuration.index_codecs: "),
    ("codecs", [shard([5, 5], shard([5, 2]))], MetadataError,
     "codecs[0].configuration.codecs[0].configuration.chunk_shape[1]: 2 does not"),
    ("codecs", [shard([5, 5], ["lz5"])], UnsupportedError, "codecs[0].configuration.codecs[0]: unknown codec"),
    ("storage_transformers", [["x"], [{"name": "x"}], [{"name": "x", "must_understand": 0}]], UnsupportedError,
     "storage_transformers[0]: unknown storage transformer"),
    ("storage_transformers", ["x", [3]], MetadataError, "storage_transformers"),
    ("ext", ["x", 3, [], None, {}, {"must_understand": True}, {"must_understand": 0}, {"must_understand": "false"},
             {"must_understand": None}], UnsupportedError, '"ext": unknown member'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "error", "where"), [(name, v, *told) for name, values, *told in WRONG for v in values]
)
def test_wrong_members_of_arrays(name, value, error, where):
    for _ in range(2):  # the second time nothing may have been remembered
        refused(error, array(**{name: value}), where)


@pytest.mark.parametrize("names", [["x"], ["x", "y", "z"], [], "xy", {}, ["x", 1], ["x", ["y"]], ["x", "\ud800"]])
def test_wrong_dimension_names(names):
    for _ in range(2):
        with pytest.warns(ZarrWarning, match=r"^a/zarr.json: dimension_names.*not usable"):
            assert opened(array(dimension_names=names)).dimension_names is None


@pytest.mark.parametrize("value", [-1, 65536, "7", 1.5, True, [7]])
def test_wrong_fill_values(value):
    for _ in range(2):
        unusable_fill(array(fill_value=value))


@pytest.mark.parametrize(("changes", "error", "where"), [
    ({"zarr_format": 2}, UnsupportedError, "zarr_format: 2"),
    ({"node_type": None}, MetadataError, "node_type: null"),
    ({"shape": [1]}, UnsupportedError, '"shape": unknown member'),
    ({"ext": {"must_understand": True}}, UnsupportedError, '"ext": unknown member'),
])  # fmt: skip
def test_wrong_members_of_groups(changes, error, where):
    refused(error, group(**changes), where)


def test_nesting_of_codecs():
    codecs = [LITTLE]
    for _ in range(200):
        codecs = shard([5, 20], codecs)
    refused(MetadataError, array(codecs=codecs))
    value = LITTLE
    for _ in range(300):
        value = {"name": "sharding_indexed", "configuration": {"chunk_shape": [5, 20], "codecs": [value]}}
    refused(MetadataError, array(codecs=[value]))


@given(st.data())
def test_damaged_documents_raise_no_other_errors(data):
    document = bytearray((REAL / "mri/zarr.json").read_bytes())
    damage = st.binary(max_size=3) | st.sampled_from([b"[", b"{", b'"'])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(document) - 1))
        document[at : at + data.draw(st.integers(0, 4))] = data.draw(damage)
    with warnings.catch_warnings(), contextlib.suppress(MetadataError, UnsupportedError):
        warnings.simplefilter("ignore", ZarrWarning)
        opened(bytes(document))


# ---------------------------------------------------------------- what is tolerated


def tolerated(document, where):
    """The metadata of a document that is read with one warning, each time, at the given member."""
    nodes = []
    for _ in range(2):
        with pytest.warns(ZarrWarning) as caught:
            nodes.append(opened(document))
        assert [str(warning.message).startswith(f"a/zarr.json: {where}") for warning in caught] == [True]
    assert nodes[0] == nodes[1] or "NaN" in document.decode()
    return nodes[0]


def test_null_for_absence():
    for name in ("attributes", "dimension_names", "storage_transformers"):
        assert tolerated(array(**{name: None}), f"{name}: null is read as if") == opened(array())
    assert tolerated(group(attributes=None), "attributes: null") == GroupMetadata()
    assert opened(group(consolidated_metadata=None)) == GroupMetadata()


@pytest.mark.parametrize("name", ["bool", "int64", "float32", "complex128", "r24"])
def test_null_fill_value_is_zero(name):
    node = tolerated(array(fill_value=None, data_type=name), "fill_value: null is read as zero")
    assert node.fill == bytes(node.data_type.itemsize)


def test_integral_fill_value():
    for text in ("7.0", "7e0", "0.7e1"):
        assert tolerated(text_array(fill_value=text), "fill_value: 7.0") == opened(array())


def test_old_names_and_letters():
    assert tolerated(array(codecs=[{**LITTLE, "name": "endian"}]), "codecs[0]: 'endian' is 'bytes'") == opened(array())
    for letter, order in (("F", (1, 0)), ("C", (0, 1))):
        codecs = [{"name": "transpose", "configuration": {"order": letter}}, LITTLE]
        node = tolerated(array(codecs=codecs), "codecs[0].configuration.order: ")
        assert node.codecs == (Transpose(order), Bytes("little"))
        nested = array(codecs=shard([5, 5], codecs))
        inner = tolerated(nested, "codecs[0].configuration.codecs[0].configuration.order: ")
        assert inner.codecs[0].codecs == node.codecs
        assert f'"order": {[*order]}' in inner.to_bytes().decode()


@pytest.mark.parametrize(("shape", "chunks", "codecs", "chunk_shape", "inner"), [
    ([0, 20], [0, 20], [LITTLE], (1, 20), None),
    ([0, 0], [0, 0], [LITTLE], (1, 1), None),
    ([0, 20], [0, 20], shard([6, 5]), (6, 20), (6, 5)),
    ([0, 20], [0, 20], shard([0, 5]), (1, 20), (1, 5)),
    ([0, 20], [8, 20], shard([0, 5]), (8, 20), (1, 5)),
    ([0, 20], [0, 20], shard([0, 5], shard([3, 5])), (3, 20), (3, 5)),
])  # fmt: skip
def test_chunk_length_0_of_empty_arrays(shape, chunks, codecs, chunk_shape, inner):
    document = array(shape=shape, chunk_grid=grid(*chunks), codecs=codecs)
    node = tolerated(document, "chunk_grid.configuration.chunk_shape")
    assert node.chunk_shape == chunk_shape
    assert inner is None or node.codecs[0].chunk_shape == inner
    assert 0 not in json.loads(node.to_bytes())["chunk_grid"]["configuration"]["chunk_shape"]


@pytest.mark.parametrize("node", [array, group])
@pytest.mark.parametrize("value", [
    b"[]", b'"x"', b"3", b"false", b'{"x": "\xe9"}', b'{"x": "\t"}', b'{"x": 1,}', b'{"x": ' + b"9" * 5000 + b"}",
    b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
])  # fmt: skip
def test_attributes_that_are_not_usable_take_nothing_with_them(node, value):
    document = node()[:-1] + b', "attributes": ' + value + b"}"
    with pytest.warns(ZarrWarning, match=r"^a/zarr\.json: attributes: .*can't be changed") as caught:
        assert parse_node(document, "a/zarr.json") == opened(node())
    assert len(caught) == 1


def test_nonfinite_numbers_in_attributes():
    node = tolerated(array(attributes={"x": [float("nan"), float("-inf")], "y": 0.1, "z": 1}), "attributes: NaN and")
    assert repr(node.attributes) == "{'x': [nan, -inf], 'y': 0.1, 'z': 1}"
    assert opened(array(attributes={"x": float("nan")}).replace(b"NaN", b'"NaN"')).attributes == {"x": "NaN"}


def test_what_need_not_be_understood_makes_an_array_read_only():
    lifted = {"name": "x", "must_understand": False}
    node = tolerated(array(codecs=[LITTLE, lifted]), "codecs[1]: codec 'x'")
    assert (node.skipped, node.codecs) == (("x",), (Bytes("little"),))
    inner = tolerated(array(codecs=shard([5, 5], [LITTLE, lifted])), "codecs[0].configuration.codecs[1]: codec 'x'")
    assert inner.skipped == ("x",)
    transformed = tolerated(array(storage_transformers=[lifted]), "storage_transformers[0]: storage transformer")
    assert transformed.skipped == ("x",)
    for written in (node, inner, transformed):
        with pytest.raises(UnsupportedError, match="'x'"):
            written.to_bytes()


# ---------------------------------------------------------------- consolidated metadata


def block(documents, **changes):
    """The member `consolidated_metadata`."""
    return {"kind": "inline", "must_understand": False, "metadata": documents} | changes


def test_consolidated_metadata():
    documents = {"a": members(), "b": {"node_type": "nonsense"}, "b/x": {}, "__c": {}}
    node = opened(group(consolidated_metadata=block(documents)))
    assert node.consolidated == documents
    assert opened(node.to_bytes()) == node
    assert opened(group(consolidated_metadata=block({}))).consolidated == {}
    large = group(consolidated_metadata=block({"a": members(attributes={"x": "y" * (1 << 16)})}))
    assert list(opened(large).consolidated) == ["a"]
    copy = members(attributes={"x": float("nan")})
    node = tolerated(group(consolidated_metadata=block({"a": copy})), "consolidated_metadata: NaN")
    assert repr(node.consolidated["a"]) == repr(copy)


UNUSABLE = [
    *(block({path: {}}) for path in ("../evil", "/a", "a/", "a//b", "a/./b", "", "a\\b", "..", "a/../b", "zarr.json")),
    block({"a/b": {}}), block({"a": None}), block({"a": []}), block([]), block(None), [], "x", {}, False,
    block({}, kind="elsewhere"), block({}, kind=None), {"metadata": {}},
]  # fmt: skip


@pytest.mark.parametrize("value", UNUSABLE, ids=repr)
def test_unusable_consolidated_metadata_are_ignored_whole(value):
    node = tolerated(group(consolidated_metadata=value, attributes={"a": 1}), "consolidated_metadata: ")
    assert node == GroupMetadata({"a": 1})
