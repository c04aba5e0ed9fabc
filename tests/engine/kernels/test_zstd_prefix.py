"""Parts of small zstd chunks: only the beginning of a block is decoded, and never at the price of wrong data."""

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from tests.support.helpers import python

SHAPE = (16, 32, 32)  # 32 KiB of uint16: one block
CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 3}}]
PARTS = {
    "first": sz.s_[0, 0, 0],
    "plane": sz.s_[3],
    "backwards": sz.s_[5::-2, ::3, 1:9],
    "more than half": sz.s_[:12, 5],
    "last": sz.s_[15, 31, 31],
    "points": (np.array([1, 8, 1, 0]), np.array([2, 30, 2, 0]), np.array([31, 0, 31, 0])),
    "rows": np.array([4, 2, 2]),
}
KINDS = {
    "noise": lambda rng, n: rng.integers(0, 1 << 16, n, "<u2"),
    "few values": lambda rng, n: rng.integers(0, 50, n).astype("<u2"),
    "smooth": lambda rng, n: (1000 * np.sin(np.arange(n) / 300) + rng.normal(0, 3, n) + 2000).astype("<u2"),
    "one value": lambda rng, n: np.full(n, 7, "<u2"),
    "runs": lambda rng, n: np.repeat(rng.integers(0, 1 << 16, n // 64 + 1, "<u2"), 64)[:n],
}


def frame(data, level=3, **options):
    return zstandard.ZstdCompressor(level=level, **options).compress(data)


def array_of(chunk, codecs=CODECS, shape=SHAPE):
    """An array of one chunk, stored as it is given."""
    store = {}
    sz.create_array(store, shape=shape, dtype="uint16", chunks=shape, codecs=codecs)
    store["c/0/0/0"] = chunk
    return sz.open(store)


@pytest.mark.parametrize("level", [-5, 1, 3, 9, 19])
@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_those_of_the_whole(kind, level):
    data = KINDS[kind](np.random.default_rng(0), np.prod(SHAPE)).reshape(SHAPE)
    array = array_of(frame(data.tobytes(), level))
    for part in PARTS.values():
        np.testing.assert_array_equal(array[part], data[part])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_part_of_any_data(data):
    shape = tuple(data.draw(st.integers(1, 60)) for _ in range(3))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    values = KINDS[data.draw(st.sampled_from(sorted(KINDS)))](rng, np.prod(shape)).reshape(shape)
    part = tuple(slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n))))) for n in shape)
    array = array_of(frame(values.tobytes(), data.draw(st.integers(-3, 12))), shape=shape)
    np.testing.assert_array_equal(array[part], values[part])


def test_big_endian_points():
    data = np.arange(np.prod(SHAPE), dtype="u2").reshape(SHAPE)
    big = [{"name": "bytes", "configuration": {"endian": "big"}}, CODECS[1]]
    array = array_of(frame(data.astype(">u2").tobytes()), big)
    for part in PARTS.values():
        np.testing.assert_array_equal(array[part], data[part])


DATA = KINDS["smooth"](np.random.default_rng(1), np.prod(SHAPE)).reshape(SHAPE)
UNUSUAL = {
    "checksum": frame(DATA.tobytes(), write_checksum=True),
    "no content size": frame(DATA.tobytes(), write_content_size=False),
    "two frames": frame(DATA.tobytes()[:999]) + frame(DATA.tobytes()[999:]),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_frames_that_are_left_to_libzstd(kind):
    array = array_of(UNUSUAL[kind])
    for part in PARTS.values():
        np.testing.assert_array_equal(array[part], DATA[part])


DAMAGED = {
    "truncated": frame(DATA.tobytes())[:-20],
    "bytes behind": frame(DATA.tobytes()) + b"\0\1\2",
    "too short": frame(DATA.tobytes()[:-2]),
    "too long": frame(DATA.tobytes() + b"\0\0"),
    "wrong checksum": UNUSUAL["checksum"][:-4] + b"\0\0\0\0",
    "empty": b"",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", DAMAGED)
def test_no_part_of_a_damaged_chunk_looks_like_data(kind, part):
    with pytest.raises(sz.ChunkError, match=r"chunk \(0, 0, 0\).*zstd"):
        array_of(DAMAGED[kind])[PARTS[part]]


def test_flipped_bits_give_what_libzstd_gives_or_an_error():
    """Where the whole chunk still decodes, so do its parts, to the same values."""
    sound, rng, decoder = frame(DATA.tobytes()), np.random.default_rng(2), zstandard.ZstdDecompressor()
    for _ in range(300):
        chunk = bytearray(sound)
        chunk[rng.integers(len(chunk))] ^= 1 << rng.integers(8)
        array = array_of(bytes(chunk))
        try:
            whole = np.frombuffer(decoder.decompress(bytes(chunk)), "<u2").reshape(SHAPE)
        except (zstandard.ZstdError, ValueError):
            continue
        np.testing.assert_array_equal(array[:4], whole[:4])
        np.testing.assert_array_equal(array[PARTS["points"]], whole[PARTS["points"]])


FIRST_ROWS = """
from tests.engine.kernels.test_zstd_prefix import DATA, array_of, damaged_behind, sz
seen = 0
for chunk in damaged_behind():
    try:
        seen += bool((array_of(chunk)[0] == DATA[0]).all())
    except sz.ChunkError:
        pass
print(seen)
"""


def damaged_behind():
    """Make chunks of one block that libzstd refuses; many of them have only their last rows damaged."""
    sound, decoder = frame(DATA.tobytes()), zstandard.ZstdDecompressor()
    for place in range(len(sound) // 4, len(sound), 97):
        chunk = bytearray(sound)
        chunk[place] ^= 0xFF
        try:
            decoder.decompress(bytes(chunk))
        except zstandard.ZstdError:
            yield bytes(chunk)


def test_the_switch_leaves_all_decoding_to_libzstd(monkeypatch, tmp_path):
    """libzstd decodes a whole block, so it sees damage in it that the decoder of prefixes doesn't reach."""
    seen = []
    for setting in ("1", "0"):
        monkeypatch.setenv("SIMPLEZARR_PARTIAL_ZSTD", setting)
        seen.append(int(python(FIRST_ROWS, seconds=100, directory=tmp_path)))
    assert seen[0] > 0
    assert seen[1] == 0
