"""Each compiled decoder by itself, with exact, tight, generous and no room for what it decodes to."""

import numpy as np

from simplezarr.engine.kernels import compressors, deflate, numcodecs, vlen
from tests.fuzz.mutations import BYTES

BLOSC = [
    (cname, shuffle, typesize)
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
    for shuffle, typesize in (("noshuffle", 1), ("shuffle", 4), ("bitshuffle", 2), ("shuffle", 7))
]
KERNELS = [
    compressors.zstd_codec(3),
    compressors.zstd_codec(1, True),
    compressors.zstd_codec(-5),
    deflate.gzip_codec(6),
    deflate.gzip_codec(0),
    compressors.crc32c_codec(),
    deflate.zlib_codec(1),
    deflate.zlib_codec(9),
    numcodecs.lz4_codec(1),
    numcodecs.lz4_codec(40),
    numcodecs.shuffle_codec(4),
    numcodecs.shuffle_codec(3),
    numcodecs.shuffle_codec(1000),
    numcodecs.fletcher32_codec(),
    *(compressors.blosc_codec(cname, 5, shuffle, typesize) for cname, shuffle, typesize in BLOSC),
]
TEXTS = ["", "a", "zarr", "hé", "\0", "\U0010ffff", "ab" * 30]


def values():
    """Return bytes that compress and bytes that don't; 3000 is a multiple of every element size."""
    rng = np.random.default_rng(7)
    yield rng.integers(0, 4, 3000).astype("u1").tobytes()
    yield rng.bytes(3000)
    yield bytes(60_000)
    yield np.arange(6000, dtype="<u2").tobytes()
    yield bytes(range(250)) * 1200


def decode_kernel(rand, kernel, value, encoded, other):
    """Decode with a compressor or checksum; the result fits into the room that was given."""
    data = rand.choice(BYTES)(rand, encoded, other) if rand.random() < 0.98 else encoded
    limit = rand.choice([len(value), len(value), len(value) - 1, len(value) + 1000, 0, None])
    try:
        decoded = kernel.decode(data, limit)
    except MemoryError:  # as much as the damaged data say
        assert limit is None
        return "refused"
    except ValueError:
        assert data != encoded or (limit is not None and limit < len(value))
        return "refused"
    assert limit is None or len(decoded) <= limit, f"{len(decoded)} bytes, {limit} allowed"
    assert data != encoded or decoded == value
    return "decoded"


def decode_items(rand, decode, encode, encoded, other, count):
    """Decode a chunk of text or bytes; if that works, encoding again gives the same chunk."""
    data = rand.choice(BYTES)(rand, encoded, other)
    count = rand.choice([count, count, count, 0, 1, count + 1, 2**32 - 1, 2**40])
    try:
        items = decode(data, count)
    except ValueError:
        return "refused"
    assert items.shape == (count,)
    assert encode(items) == data
    return "decoded"


def kernels(top):
    """Run all kernels; `top` is not needed."""
    cases = [(kernel, value, kernel.encode(value)) for kernel in KERNELS for value in values()]
    items = []
    for count in (1, 7, 40):
        texts = [TEXTS[i % len(TEXTS)] for i in range(count)]
        data = vlen.encode_text(np.array(texts, np.dtypes.StringDType()))
        items.append((vlen.decode_text, vlen.encode_text, data, count))
        data = vlen.encode_bytes([text.encode() + b"\xff" for text in texts])
        items.append((vlen.decode_bytes, lambda array: vlen.encode_bytes(array.tolist()), data, count))

    def execute(rand):
        if rand.random() < 0.15:
            decode, encode, data, count = rand.choice(items)
            return decode_items(rand, decode, encode, data, rand.choice(items)[2], count)
        kernel, value, encoded = rand.choice(cases)
        return decode_kernel(rand, kernel, value, encoded, rand.choice(cases)[2])

    return execute
