"""Documents with random codecs and random settings: a `ZarrError`, or an array; never another exception."""

import json
import os
import random

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs.registry import BUILTIN
from tests.oracle.v3 import LITTLE

pytestmark = pytest.mark.filterwarnings("ignore")

VALUES = [
    *(None, "", [], {}, 0, 1, -1, True, False, "5", "x", 5.0, 2.5, "YES", 1e400, float("nan"), 10**30),
    *(["1"], [0], [None], "0", "<i4", "|O", "little", "END", "start", "reversible", "auto"),
]
FIELDS = [
    *("level", "checksum", "cname", "clevel", "shuffle", "typesize", "blocksize", "elementsize", "dtype", "astype"),
    *("scale", "offset", "digits", "keepbits", "format", "check", "preset", "filters", "location", "acceleration"),
    *("order", "endian", "labels", "encoding", "strict", "raw", "mode", "rate", "tolerance", "precision", "initval"),
    *("encode_dtype", "decode_dtype", "chunk_shape", "codecs", "index_codecs", "index_location", "data_type"),
    *("rounding", "out_of_range", "scalar_map", "shape", "padding_encoding", "first_bit", "last_bit", "unknown", "id"),
]
NAMES = [*BUILTIN, "tests.unknown", "numcodecs.pickle"]
FILLS = {"int32": 0, "string": "", "float64": 0.5, "bool": False}
DATA = bytes(np.arange(16, dtype="<i4"))


def settings(rand):
    return {rand.choice(FIELDS): rand.choice(VALUES) for _ in range(rand.randint(0, 4))}


def zarr_3(rand):
    codecs = [{"name": rand.choice(NAMES), "configuration": settings(rand)} for _ in range(rand.randint(1, 3))]
    codecs = [codec | (settings(rand) if rand.random() < 0.1 else {}) for codec in codecs]
    if rand.random() < 0.7:
        codecs.insert(rand.randint(0, len(codecs)), LITTLE)
    name = rand.choice(list(FILLS))
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [16], "data_type": name, "fill_value": FILLS[name],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16]}},
        "chunk_key_encoding": {"name": "default"}, "codecs": codecs,
    }  # fmt: skip
    return {"zarr.json": json.dumps(document).encode(), "c/0": DATA}


def zarr_2(rand):
    ids = [rand.choice(NAMES).removeprefix("numcodecs.") for _ in range(rand.randint(1, 3))]
    filters = [{**settings(rand), "id": id} for id in ids]
    compressor = filters.pop() if rand.random() < 0.5 else rand.choice([None, [], {}, "", "zlib", True, 5, ["zlib"]])
    document = {
        "zarr_format": 2, "shape": [16], "chunks": [16], "dtype": rand.choice(["<i4", "|O", "<U3", ">f8", "|b1"]),
        "fill_value": rand.choice([0, None, ""]), "order": "C", "filters": filters, "compressor": compressor,
    }  # fmt: skip
    return {".zarray": json.dumps(document).encode(), "0": DATA}


def try_all(store):
    """Open, read and write; what comes of it."""
    try:
        arr = sz.open(store, mode="r+")
        assert arr[...].shape == (16,)
        try:
            arr[0] = arr[1]
        except (TypeError, sz.ZarrError):
            return "read"
        assert sz.open(store)[...].shape == (16,)
        return "written"
    except sz.ZarrError as error:
        return type(error).__name__


def run(seed, n):
    rand = random.Random(seed)
    found = [try_all(rand.choice([zarr_2, zarr_3])(rand)) for _ in range(n)]
    assert {"read", "written", "MetadataError", "UnsupportedError", "ChunkError"} >= set(found)
    return found


def test_random_settings():
    assert {"MetadataError", "UnsupportedError", "ChunkError"} <= set(run(0, 1000))


@pytest.mark.campaign
def test_random_settings_campaign():
    for seed in range(max(1, int(os.environ.get("SIMPLEZARR_CAMPAIGN", "20000")) // 1000)):
        run(seed, 1000)
