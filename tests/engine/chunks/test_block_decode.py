"""zstd chunks of several blocks: decoded only as far as needed, and never at the price of an unseen error."""

import numpy as np
import pytest
import zstandard

import simplezarr as sz

SHAPE = (64, 128, 64)  # 1 MiB of uint16 in blocks of 128 KiB
DATA = np.random.default_rng(0).integers(0, 50, SHAPE, "<u2")
RAW = DATA.tobytes()
DOCUMENT = b"""{"zarr_format": 3, "node_type": "array", "shape": [64, 128, 64], "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 128, 64]}},
    "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "codecs": [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": 1, "checksum": false}}]}"""
PARTS = {
    "first": sz.s_[0, 5],
    "middle": sz.s_[20:30, ::2, ::3],
    "last": sz.s_[63, 127, 63],
    "strided": sz.s_[::-7, 3, 1::2],
    "most": sz.s_[:, :, 1:],
}


def frame(data=RAW, **options):
    return zstandard.ZstdCompressor(level=1, **options).compress(data)


def read(chunk, part):
    return sz.open({"zarr.json": DOCUMENT, "c/0/0/0": chunk})[part]


SKIPPABLE = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"extra"
NOISE, ONES = np.random.default_rng(1).bytes(len(RAW)), b"\1" * len(RAW)
SOUND = {
    "plain": (frame(), RAW),
    "checksum": (frame(write_checksum=True), RAW),
    "no content size": (frame(write_content_size=False), RAW),
    "two frames": (frame(RAW[:1000]) + frame(RAW[1000:]), RAW),
    "skippable before": (SKIPPABLE + frame(), RAW),
    "skippable behind": (frame() + SKIPPABLE, RAW),
    "stored": (frame(NOISE), NOISE),
    "one byte": (frame(ONES), ONES),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", SOUND)
def test_parts_of_every_kind_of_chunk(kind, part):
    chunk, content = SOUND[kind]
    whole = np.frombuffer(content, "<u2").reshape(SHAPE)
    np.testing.assert_array_equal(read(chunk, PARTS[part]), whole[PARTS[part]])


DAMAGED = {
    "truncated": frame()[:-20],
    "header alone": frame()[:9],
    "bytes behind": frame() + b"\0\1\2\3\4",
    "a frame too many": frame() + frame(RAW[:2]),
    "too short": frame(RAW[:-2]),
    "too long": frame(RAW + b"\0\0"),
    "wrong checksum": frame(write_checksum=True)[:-4] + b"\0\0\0\0",
    "no frame": b"not zstd at all",
    "empty": b"",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", DAMAGED)
def test_no_part_of_a_damaged_chunk_looks_like_data(kind, part):
    with pytest.raises(sz.ChunkError, match=r"chunk \(0, 0, 0\).*zstd"):
        read(DAMAGED[kind], PARTS[part])


def test_what_lies_behind_the_wanted_elements_is_not_decoded():
    chunk = bytearray(frame())
    chunk[-3000:-1000] = b"\xff" * 2000
    with pytest.raises(sz.ChunkError):
        read(bytes(chunk), ...)
    np.testing.assert_array_equal(read(bytes(chunk), sz.s_[:10]), DATA[:10])


def test_a_chunk_is_in_several_blocks():
    assert len(RAW) == 8 * zstandard.BLOCKSIZE_MAX
