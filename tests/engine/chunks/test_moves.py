"""Chunks of several blocks in another order than that of their place: transposed, or read into Fortran order."""

import json
import math
import os

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


def read_calls(read):
    """Calls to the system that `read` makes to read files, and the bytes they give."""

    def counters():
        with open("/proc/self/io", encoding="ascii") as file:
            fields = dict(line.split(": ") for line in file)
        return int(fields["syscr"]), int(fields["rchar"])

    calls, nbytes = counters()
    unit = counters()  # what asking costs
    read()
    after = counters()
    return after[0] - unit[0] - (unit[0] - calls), after[1] - unit[1] - (unit[1] - nbytes)


def placed(shape, behind):
    """A uint16 buffer that begins so many bytes behind a page's beginning."""
    room = np.empty(math.prod(shape) * 2 + 2 * 4096, "u1")
    at = (behind - room.ctypes.data) % 4096
    return room[at : at + math.prod(shape) * 2].view("u2").reshape(shape)


needs_counters = pytest.mark.skipif(not os.access("/proc/self/io", os.R_OK), reason="Linux counts calls")


@needs_counters
def test_a_file_is_read_in_one_call_where_that_is_fast(tmp_path):
    """Into scratch, as of a transposed chunk, and into an aligned buffer; otherwise through one that is."""
    transposed = opened(tmp_path, "raw", (2, 1, 0), "<")
    assert read_calls(lambda: transposed[...])[0] < 10
    (tmp_path / "straight").mkdir()
    straight = opened(tmp_path / "straight", "raw", (0, 1, 2), "<")
    well, badly = placed(SHAPE, 64), placed(SHAPE, 16)
    assert read_calls(lambda: straight.read(..., out=well))[0] < 10
    assert read_calls(lambda: straight.read(..., out=badly))[0] >= DATA.nbytes // (32 << 10)
    np.testing.assert_array_equal(well, DATA)
    np.testing.assert_array_equal(badly, DATA)


@needs_counters
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=str)
def test_gaps_are_skipped_in_any_order(tmp_path, order):
    """A chunk four times as large as what is read at a time; rows far apart in the file."""
    array = opened(tmp_path, "raw", order, "<")
    part = tuple(slice(None, None, 40) if axis == order[0] else slice(None) for axis in range(3))
    wanted = DATA[part]
    out = np.zeros(wanted.shape, "u2", order="F")
    for read in lambda: array[part], lambda: array.read(part, out=out):
        assert read_calls(read)[1] < DATA.nbytes // 4
    np.testing.assert_array_equal(out, wanted)
