"""simplezarr creates and writes, live peers open, read and write: zarr-python and tensorstore."""

import itertools

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import Blosc, Bytes, Crc32c, Gzip, Transpose, Zstd
from tests.oracle import v3 as oracle
from tests.peers.test_peers_write import NUMBERS, PEERS, sample

zarr = pytest.importorskip("zarr")
tensorstore = pytest.importorskip("tensorstore")
pytestmark = [pytest.mark.filterwarnings("ignore:.*:UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


def read_zarr(directory):
    """A whole array, and what zarr-python says of it."""
    a = zarr.open_array(directory, mode="r")
    return a[...], a.fill_value, dict(a.attrs), a.metadata.dimension_names


def read_tensorstore(directory):
    """The same by tensorstore."""
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": directory}}
    a = tensorstore.open(spec, open=True).result()
    metadata = a.spec().to_json()["metadata"]
    names = [label or None for label in a.domain.labels]
    fill = a.fill_value
    return a.read().result(), fill, metadata.get("attributes", {}), tuple(names) if any(names) else None


READERS = {"zarr": read_zarr, "tensorstore": read_tensorstore}


def check(directory, data, fill=0, peers=READERS, **arguments):
    """Create and write an array; the peers read it, and write into it."""
    data = np.asarray(data)
    names = tuple("zyx"[-data.ndim :]) if data.ndim else None
    attributes = {"a": [1, None, "é"]}
    a = sz.create_array(
        str(directory), data=data, fill_value=fill, attributes=attributes, dimension_names=names, **arguments
    )
    assert oracle.same(a[...], data)
    for peer in peers:
        values, stored_fill, stored_attributes, stored_names = READERS[peer](str(directory))
        assert oracle.same(np.asarray(values), data)
        assert oracle.same(np.asarray(stored_fill, data.dtype), np.asarray(fill, data.dtype))
        assert stored_attributes == attributes
        assert stored_names == names
        other = np.roll(data, 1)
        PEERS[peer](str(directory), other)
        assert oracle.same(sz.load(str(directory)), other)
        a.write(..., data)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_data_types(dtype, tmp_path):
    data = sample(dtype, (7, 9))
    for i, codecs in enumerate(["auto", [Bytes("big"), Crc32c()], ["blosc"]]):
        check(tmp_path / str(i), data, chunks=(4, 5), codecs=codecs)
    check(tmp_path / "shards", data, chunks=(2, 5), shards=(4, 10))


CHAINS = [
    *[[Gzip(level)] for level in (0, 9)],
    *[[Zstd(level)] for level in (-5, 19)],
    [Zstd(3, checksum=True)],
    *[[Blosc(cname, shuffle=shuffle)] for cname, shuffle in itertools.product(
        ["blosclz", "lz4", "lz4hc", "zlib", "zstd"], ["noshuffle", "shuffle", "bitshuffle"])],
    ["gzip", "crc32c"],
    [Transpose((1, 2, 0)), "zstd"],
    [Transpose("F"), Bytes("big"), "crc32c"],
]  # fmt: skip


@pytest.mark.parametrize("codecs", CHAINS, ids=str)
def test_codecs(codecs, tmp_path):
    data = sample("u2", (9, 10, 11))
    check(tmp_path / "chunks", data, 5, chunks=(4, -1, 6), codecs=codecs)
    check(tmp_path / "shards", data, 5, chunks=(4, 5, 6), shards="auto", codecs=codecs)


@pytest.mark.parametrize("keys", ["default", "v2"])
@pytest.mark.parametrize("separator", ["/", "."])
def test_chunk_keys_and_shapes(keys, separator, tmp_path):
    encoding = {"name": keys, "configuration": {"separator": separator}}
    for shape in [(), (0,), (30,), (3, 0, 2), (12, 3)]:
        check(tmp_path / str(shape), sample("f4", shape), chunks=(2,) * len(shape), chunk_key_encoding=encoding)


@pytest.mark.parametrize(("dtype", "fill"), [
    ("?", True), ("i8", -(2**63)), ("u8", 2**64 - 1), ("f2", 65504), ("f4", np.nan), ("f8", -np.inf), ("f8", -0.0),
    ("c8", 1 + 2j), ("c16", complex(np.nan, -0.0)),
], ids=str)  # fmt: skip
def test_fill_values(dtype, fill, tmp_path):
    check(tmp_path, np.full((5, 6), fill, dtype), fill, chunks=(2, 3))
    assert len(oracle.load(tmp_path)) == 1


def test_hierarchies(tmp_path):
    root = sz.create_group(tmp_path, attributes={"title": "x"})
    root.create_array("a/b/c", data=np.arange(5))
    root.create_group("a/d", attributes={"n": 1})
    for consolidated in (False, True):
        if consolidated:
            root.consolidate_metadata()
        theirs = zarr.open_group(str(tmp_path), mode="r", use_consolidated=consolidated)
        assert (theirs.metadata.consolidated_metadata is not None) == consolidated
        assert dict(theirs.attrs) == {"title": "x"}
        members = sorted((name, type(node).__name__) for name, node in theirs.members(max_depth=None))
        assert members == [("a", "Group"), ("a/b", "Group"), ("a/b/c", "Array"), ("a/d", "Group")]
        assert theirs["a/b/c"][...].tolist() == [0, 1, 2, 3, 4]
        assert dict(theirs["a/d"].attrs) == {"n": 1}


def test_resized_arrays(tmp_path):
    data = sample("i4", (20, 30))
    for arguments in ({"chunks": (6, 7)}, {"chunks": (3, 7), "shards": (6, 14)}):
        a = sz.create_array(tmp_path, data=data, overwrite=True, fill_value=5, **arguments)
        a.resize((9, 10))
        a.append(data[:4, :10])
        expected = np.concatenate([data[:9, :10], data[:4, :10]])
        for read in READERS.values():
            assert np.array_equal(read(str(tmp_path))[0], expected)
        theirs = zarr.open_array(str(tmp_path), mode="r+")
        theirs.resize((20, 30))
        assert np.array_equal(theirs[:13, :10], expected)
        assert (theirs[13:] == 5).all()
        assert (theirs[:, 10:] == 5).all()
