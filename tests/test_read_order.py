"""Chunks of several blocks in another order than that of their place: transposed, or read into Fortran order."""

import json

import numcodecs
import numpy as np
import pytest
import zstandard

import simplezarr as sz

SHAPE = (64, 96, 80)
DATA = np.random.default_rng(5).integers(0, 50, SHAPE, "<u2")
ENCODERS = {
    "raw": (None, lambda raw: raw),
    "zstd": ({"level": 1, "checksum": False}, lambda raw: zstandard.ZstdCompressor(level=1).compress(raw)),
    "blosc": (
        {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 1 << 14},
        lambda raw: numcodecs.Blosc("lz4", blocksize=1 << 14).encode(np.frombuffer(raw, "<u2")),
    ),
}
PARTS = {
    "whole": sz.s_[:, :, :],
    "middle": sz.s_[20:30, ::2, ::3],
    "backwards": sz.s_[::-7, 3:5, 1::2],
    "most": sz.s_[:, 1:, :-1],
}


def opened(tmp_path, name, order, byteorder):
    configuration, encode = ENCODERS[name]
    stored = np.ascontiguousarray(DATA.astype(f"{byteorder}u2").transpose(order))
    codecs = [
        {"name": "transpose", "configuration": {"order": order}},
        {"name": "bytes", "configuration": {"endian": "little" if byteorder == "<" else "big"}},
    ]
    if configuration is not None:
        codecs.append({"name": name, "configuration": configuration})
    document = {
        "zarr_format": 3, "node_type": "array", "shape": SHAPE, "data_type": "uint16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": SHAPE}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}, "codecs": codecs,
    }  # fmt: skip
    (tmp_path / "zarr.json").write_text(json.dumps(document))
    (tmp_path / "c.0.0.0").write_bytes(encode(stored.tobytes()))
    return sz.open_array(tmp_path)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
@pytest.mark.parametrize("name", ENCODERS)
def test_any_order_into_any_order(tmp_path, name, order, byteorder, part):
    array, wanted = opened(tmp_path, name, order, byteorder), DATA[PARTS[part]]
    np.testing.assert_array_equal(array[PARTS[part]], wanted)
    out = np.zeros(wanted.shape, "u2", order="F")
    array.read(PARTS[part], out=out)
    np.testing.assert_array_equal(out, wanted)
    out = np.zeros(wanted.shape[::-1], "u2").T[::-1]
    array.read(PARTS[part], out=out)
    np.testing.assert_array_equal(out, wanted)
