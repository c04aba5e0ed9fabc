"""Metadata as they are written: strict JSON, in forms that all readers know, and read back the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplezarr.codecs.base import fit_chain
from simplezarr.codecs.blosc import Blosc
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.crc32c import Crc32c
from simplezarr.codecs.gzip import Gzip
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.zstd import Zstd
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import ZarrWarning
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from tests.metadata.test_v3 import LITTLE, array, grid, opened, shard


def test_what_is_written_is_what_all_readers_know():
    codecs = (Transpose((1, 0)), Sharding((10, 5), (Bytes("little"), Blosc("lz4"), Zstd(1))))
    node = ArrayMetadata(
        (10, 20), parse_dtype("uint8"), (5, 20), ChunkKeys("v2", "."), b"\7", codecs, {"é": 1}, ("y", "x"), {}
    )
    index = [LITTLE, {"name": "crc32c"}]
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 1, "blocksize": 0}
    zstd = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
    inner = [{"name": "bytes"}, {"name": "blosc", "configuration": blosc}, zstd]
    assert json.loads(node.to_bytes()) == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10, 20],
        "data_type": "uint8",
        "chunk_grid": grid(5, 20),
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}},
        "fill_value": 7,
        "codecs": [
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            *shard([10, 5], inner, index, index_location="end"),
        ],
        "attributes": {"é": 1},
        "dimension_names": ["y", "x"],
    }
    assert "é".encode() in node.to_bytes()
    assert GroupMetadata().to_bytes() == b'{\n  "zarr_format": 3,\n  "node_type": "group"\n}'


@pytest.mark.parametrize(("attributes", "error", "message"), [
    ({"a": [1, float("nan")]}, ValueError, 'attributes["a"][1]: nan is not JSON'),
    ({"a": {"b": float("-inf")}}, ValueError, 'attributes["a"]["b"]: -inf is not JSON'),
    ({"a": {1: 2}}, TypeError, 'attributes["a"]: the name 1 is not a str'),
    ({"a": b"x"}, TypeError, 'attributes["a"]: bytes is not JSON'),
    ({"a": (np.int64(1),)}, TypeError, 'attributes["a"][0]: int64 is not JSON; convert it'),
    ({"a": np.zeros(2)}, TypeError, 'attributes["a"]: ndarray is not JSON'),
])  # fmt: skip
def test_attributes_that_are_not_json(attributes, error, message):
    for node in (GroupMetadata(attributes), replace(opened(array()), attributes=attributes)):
        with pytest.raises(error) as info:
            node.to_bytes()
        assert str(info.value).startswith(message)


def test_attributes_that_contain_themselves():
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="attributes"):
        GroupMetadata({"a": loop}).to_bytes()


def test_lone_surrogates_in_attributes_survive():
    node = GroupMetadata({"a": "\ud800", "é": 1})
    assert opened(node.to_bytes()) == node


TEXT = st.text(max_size=4)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
NESTED = st.lists(VALUES, max_size=2) | st.dictionaries(TEXT, VALUES | st.lists(VALUES, max_size=2), max_size=2)
ATTRIBUTES = st.dictionaries(TEXT, VALUES | NESTED, max_size=3)
EXTRA = st.dictionaries(st.sampled_from(["ext", "ext.2"]), ATTRIBUTES.map(lambda a: {**a, "must_understand": False}))
ENDIAN = st.sampled_from(["little", "big"]).map(Bytes)
TAIL = st.one_of(
    st.builds(Zstd, st.integers(-131072, 22), st.booleans()),
    st.builds(Gzip, st.integers(0, 9)),
    st.just(Crc32c()),
    st.builds(Blosc, st.sampled_from(["lz4", "zstd"]), st.integers(0, 9), st.sampled_from(["noshuffle", "bitshuffle"])),
)


@st.composite
def chains(draw, shape, depth=2):
    """A chain of codecs for chunks of a shape."""
    heads = []
    for _ in range(draw(st.integers(0, 2))):
        heads.append(Transpose(draw(st.permutations(range(len(shape))))))
        shape = tuple(shape[axis] for axis in heads[-1].order)
    middle = draw(ENDIAN)
    if depth and draw(st.booleans()):
        inner = tuple(draw(st.sampled_from([n for n in range(1, length + 1) if length % n == 0])) for length in shape)
        index = (draw(ENDIAN), *draw(st.lists(st.just(Crc32c()), max_size=2)))
        middle = Sharding(inner, draw(chains(inner, depth - 1)), index, draw(st.sampled_from(["start", "end"])))
    return (*heads, middle, *draw(st.lists(TAIL, max_size=2)))


@st.composite
def arrays(draw):
    """The metadata of an array."""
    dtype = parse_dtype(draw(st.sampled_from(["int8", "uint64", "float16", "float32", "float64", "complex64", "r24"])))
    fill = draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    chunks = tuple(draw(st.lists(st.integers(1, 12), max_size=4)))
    shape = tuple(draw(st.integers(0, 2**63 - 1)) for _ in chunks)
    keys = ChunkKeys(draw(st.sampled_from(["default", "v2"])), draw(st.sampled_from("/.")))
    node = ArrayMetadata(shape, dtype, chunks, keys, fill, draw(chains(chunks)))
    names = draw(st.none() | st.just(tuple(f"n{i}" if i % 2 else None for i in range(len(shape)))))
    codecs = fit_chain(node.codecs, node.spec, "codecs")
    return ArrayMetadata(shape, dtype, chunks, keys, fill, codecs, draw(ATTRIBUTES), names, draw(EXTRA))


@given(arrays() | st.builds(GroupMetadata, ATTRIBUTES, st.none() | st.just({"a": {"b": [None]}}), EXTRA))
def test_what_is_written_reads_back(node):
    document = node.to_bytes()
    assert opened(document) == node
    assert opened(document).to_bytes() == document
    json.loads(document, parse_constant=lambda token: pytest.fail(token))


def test_duplicate_dimension_names_warn_when_written():
    node = opened(array(dimension_names=["x", "x"]))
    with pytest.warns(ZarrWarning, match="dimension_names"):
        node.to_bytes()
    opened(array(dimension_names=[None, None])).to_bytes()
