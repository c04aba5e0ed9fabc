"""simplezarr writes, live peers read: zarr-python and tensorstore whole arrays."""

import itertools

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, sharding
from tests.peers.test_peers_write import CHAINS, INDEX, INNER, KEYS, NUMBERS, ZSTD, sample

zarr = pytest.importorskip("zarr")
tensorstore = pytest.importorskip("tensorstore")
pytestmark = [pytest.mark.filterwarnings("ignore:.*:UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


def read_zarr(directory):
    """A whole array by zarr-python."""
    return np.asarray(zarr.open_array(directory, mode="r")[...])


def read_tensorstore(directory):
    """A whole array by tensorstore."""
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": directory}}
    return np.asarray(tensorstore.open(spec, open=True).result().read().result())


PEERS = {"zarr": read_zarr, "tensorstore": read_tensorstore}


def check(peer, directory, data, chunks, **members):
    """Fill an array, whole and in parts, and let the peer read it."""
    data = np.asarray(data)
    document = oracle.write_array({}, "", np.full_like(data, 0), chunks, **members)
    arr = sz.open_array(oracle.dump({"zarr.json": document["zarr.json"]}, directory), mode="r+")
    arr[...] = data
    assert oracle.same(PEERS[peer](str(directory)), data)
    part = (slice(None, None, -2), *[slice(1, 5)] * (data.ndim - 1))[: data.ndim]
    want = data.copy()
    want[part] = data[part][::-1] if data.ndim else data
    arr[part] = np.array(want[part], data.dtype.newbyteorder(), order="F")
    assert oracle.same(PEERS[peer](str(directory)), want)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("peer", PEERS)
def test_data_types_and_byte_orders(peer, dtype, tmp_path):
    for i, codecs in enumerate([[LITTLE], [BIG], [BIG, ZSTD], [sharding([2, 3], [BIG])]]):
        check(peer, tmp_path / str(i), sample(dtype, (7, 8)), (4, 6), codecs=codecs)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("peer", PEERS)
def test_chains(peer, name, tmp_path):
    check(peer, tmp_path, sample("u2", (9, 10, 11)), (4, 10, 6), codecs=CHAINS[name])


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("peer", PEERS)
def test_shards(peer, location, tmp_path):
    for i, (inner, index) in enumerate(itertools.product(INNER, INDEX)):
        codecs = [sharding([2, 5], inner, index, location)]
        check(peer, tmp_path / str(i), sample("i4", (11, 16)), (4, 15), codecs=codecs)


@pytest.mark.parametrize("keys", KEYS, ids=str)
@pytest.mark.parametrize("peer", PEERS)
def test_keys(peer, keys, tmp_path):
    for shape in [(), (5,), (3, 7)]:
        check(peer, tmp_path / str(len(shape)), sample("f4", shape), (2,) * len(shape), chunk_key_encoding=keys)


@pytest.mark.parametrize("peer", PEERS)
def test_zero_length(peer, tmp_path):
    check(peer, tmp_path, np.empty((0, 5), "i2"), (2, 2))
