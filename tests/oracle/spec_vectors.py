"""Byte vectors of the Zarr 3 specification and its registered extensions, made with the standard library only.

`V` lists (id, what, bytes in hexadecimal): what a codec makes of stated values, or, where it begins with DECODE or
REJECT, bytes that must or must not decode. The vectors `fill-...` are fill values in JSON and their elements, in little
endian.
"""

import base64
import bz2
import gzip
import math
import struct
import zlib

V = []


def vec(i, desc, data):
    V.append((i, desc, data if isinstance(data, str) else bytes(data).hex()))


# ---- crc32c (Castagnoli, reflected, poly 0x82F63B78)
_T = []
for n in range(256):
    c = n
    for _ in range(8):
        c = (c >> 1) ^ (0x82F63B78 if c & 1 else 0)
    _T.append(c)


def crc32c(b, c=0):
    c ^= 0xFFFFFFFF
    for x in b:
        c = _T[(c ^ x) & 0xFF] ^ (c >> 8)
    return c ^ 0xFFFFFFFF


def with_crc(b):
    return b + struct.pack("<I", crc32c(b))


vec("crc32c-empty", 'crc32c codec on b""', with_crc(b""))
vec("crc32c-a", 'crc32c codec on b"a"', with_crc(b"a"))
vec("crc32c-check", 'crc32c codec on b"123456789" (CRC value 0xE3069283)', with_crc(b"123456789"))
vec("crc32c-zeros32", "checksum only, 32 x 00 (RFC 3720 B.4)", struct.pack("<I", crc32c(bytes(32))))
vec("crc32c-ones32", "checksum only, 32 x ff (RFC 3720 B.4)", struct.pack("<I", crc32c(b"\xff" * 32)))
vec("crc32c-inc32", "checksum only, 00..1f (RFC 3720 B.4)", struct.pack("<I", crc32c(bytes(range(32)))))
vec("crc32c-dec32", "checksum only, 1f..00 (RFC 3720 B.4)", struct.pack("<I", crc32c(bytes(range(31, -1, -1)))))
assert crc32c(b"123456789") == 0xE3069283

# ---- bytes
vec("bytes-u16-be", "uint16 [[1,2],[3,256]] endian big", struct.pack(">4H", 1, 2, 3, 256))
vec("bytes-u16-le", "uint16 [[1,2],[3,256]] endian little", struct.pack("<4H", 1, 2, 3, 256))
vec("bytes-i32-be", "int32 [-2, 65536] endian big", struct.pack(">2i", -2, 65536))
vec("bytes-i64-le", "int64 [-2^63, 2^63-1] endian little", struct.pack("<2q", -(2**63), 2**63 - 1))
vec("bytes-u64-le", "uint64 [2^64-1] endian little", struct.pack("<Q", 2**64 - 1))
vec("bytes-bool", "bool [true,false,true], endian absent or any", bytes([1, 0, 1]))
vec("bytes-i8", "int8 [-1,0,127,-128]", struct.pack("4b", -1, 0, 127, -128))
vec("bytes-f16-le", "float16 [1.0,-0.0,65504] endian little", struct.pack("<3e", 1.0, -0.0, 65504))
vec("bytes-f32-be", "float32 [1.0,-0.0,inf] endian big", struct.pack(">3f", 1.0, -0.0, math.inf))
vec("bytes-f64-le", "float64 [0.1] endian little", struct.pack("<d", 0.1))
vec("bytes-c64-be", "complex64 [1-2j] endian big (real then imag, each swapped alone)", struct.pack(">2f", 1, -2))
vec("bytes-c128-le", "complex128 [1-2j] endian little", struct.pack("<2d", 1, -2))
vec("bytes-r24", "r24 elements (0a0b0c)(0d0e0f): never swapped", bytes.fromhex("0a0b0c0d0e0f"))
vec("bytes-0d", "0-d uint16 value 513 endian little", struct.pack("<H", 513))

# ---- transpose
A = [[0, 1, 2], [3, 4, 5]]
vec(
    "transpose-2d",
    "uint8 [[0,1,2],[3,4,5]] transpose [1,0] + bytes",
    bytes(A[i][j] for j in range(3) for i in range(2)),
)
# 3-d, a permutation that is not its own inverse: shape (2,3,2), order [1,2,0]; B[b,c,a] = A[a,b,c]
A3 = {(a, b, c): a * 6 + b * 2 + c for a in range(2) for b in range(3) for c in range(2)}
vec(
    "transpose-3d",
    "uint8 arange(12) shape (2,3,2) transpose [1,2,0] + bytes (encoded shape (3,2,2))",
    bytes(A3[a, b, c] for b in range(3) for c in range(2) for a in range(2)),
)
vec(
    "transpose-3d-wrong",
    "the WRONG answer for transpose-3d (the inverse permutation [2,0,1] was applied)",
    bytes(A3[a, b, c] for c in range(2) for a in range(2) for b in range(3)),
)
vec("transpose-id", "transpose [0,1] on the 2x3 array: unchanged", bytes(range(6)))

# ---- gzip (decode vectors: encoders may differ)
g1 = gzip.compress(b"zarr" * 4, 9, mtime=0)
vec("gzip-1", 'DECODE to b"zarr"*4', g1)


def gz_stored(data):  # one stored (level 0) deflate block by hand
    body = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


vec("gzip-stored", "DECODE to 00010002 (level 0: one stored block)", gz_stored(bytes.fromhex("00010002")))
vec(
    "gzip-2members",
    'DECODE to b"abcd": two members b"ab" + b"cd" concatenated (RFC 1952 2.2)',
    gz_stored(b"ab") + gz_stored(b"cd"),
)
vec(
    "gzip-fname",
    'DECODE to b"ab": member with FNAME set ("x\\0")',
    b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xffx\x00" + gz_stored(b"ab")[10:],
)
vec("gzip-empty", 'DECODE to b""', gz_stored(b""))
vec(
    "gzip-badcrc",
    "REJECT: gzip-stored with the CRC32 trailer flipped",
    gz_stored(bytes.fromhex("00010002"))[:-8] + b"\x00\x00\x00\x00" + struct.pack("<I", 4),
)
assert gzip.decompress(gz_stored(b"ab") + gz_stored(b"cd")) == b"abcd"

# ---- zstd, frames by hand (RFC 8878)
MAGIC = struct.pack("<I", 0xFD2FB528)


def zblock(kind, size, payload, last):
    return struct.pack("<I", (size << 3) | (kind << 1) | last)[:3] + payload


def zraw(data, content_size=True, checksum=None):
    fhd = 0x20 if content_size else 0x00  # Single_Segment -> 1-byte FCS, no window descriptor
    if checksum is not None:
        fhd |= 0x04
    head = bytes([fhd]) + (bytes([len(data)]) if content_size else b"\x00")  # else window descriptor 0x00 = 1 KiB
    out = MAGIC + head + zblock(0, len(data), data, 1)
    return out + (struct.pack("<I", checksum) if checksum is not None else b"")


def xxh64(data, seed=0):
    P1, P2, P3, P4, P5, M = (
        0x9E3779B185EBCA87,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
        2**64 - 1,
    )

    def rot(x, r):
        return ((x << r) | (x >> (64 - r))) & M

    assert len(data) < 32
    h = (seed + P5 + len(data)) & M
    i = 0
    while i + 8 <= len(data):
        k = rot(int.from_bytes(data[i : i + 8], "little") * P2 & M, 31) * P1 & M
        h = (rot(h ^ k, 27) * P1 + P4) & M
        i += 8
    if i + 4 <= len(data):
        h = (rot(h ^ (int.from_bytes(data[i : i + 4], "little") * P1 & M), 23) * P2 + P3) & M
        i += 4
    while i < len(data):
        h = rot(h ^ (data[i] * P5 & M), 11) * P1 & M
        i += 1
    h ^= h >> 33
    h = h * P2 & M
    h ^= h >> 29
    h = h * P3 & M
    h ^= h >> 32
    return h


D = b"zarr"
vec("zstd-fcs", 'DECODE to b"zarr": content size in the frame header', zraw(D))
vec("zstd-nofcs", 'DECODE to b"zarr": NO content size (streaming writers; must not be refused)', zraw(D, False))
vec("zstd-cksum", 'DECODE to b"zarr": content checksum present', zraw(D, True, xxh64(D) & 0xFFFFFFFF))
vec("zstd-badcksum", "REJECT: wrong content checksum", zraw(D, True, (xxh64(D) ^ 1) & 0xFFFFFFFF))
vec("zstd-2frames", 'DECODE to b"zarrzarr": two frames concatenated', zraw(D) + zraw(D, False))
vec(
    "zstd-skippable",
    'DECODE to b"zarr": a skippable frame (4 bytes) then a frame',
    struct.pack("<II", 0x184D2A50, 4) + b"skip" + zraw(D),
)
vec("zstd-rle", "DECODE to 16 x 41: one RLE block", MAGIC + bytes([0x20, 16]) + zblock(1, 16, b"A", 1))
vec("zstd-empty", 'DECODE to b"": one empty raw block', zraw(b""))
BOMB = MAGIC + b"\x00" + b"\x58" + b"".join(zblock(1, 131072, b"\x00", int(i == 99)) for i in range(100))
assert len(BOMB) == 406
vec(
    "zstd-bomb",
    "REJECT (size limit): no content size, 100 RLE blocks of 128 KiB: 12.5 MiB out of 406 bytes; the script builds it",
    BOMB,
)
vec(
    "zstd-fcslie",
    "REJECT: header declares 2^40 bytes of content, holds 4",
    MAGIC + bytes([0xC0, 0x00]) + struct.pack("<Q", 2**40) + zblock(0, 4, D, 1),
)

# ---- zstd/gzip bombs for other codecs
GZBOMB = gzip.compress(bytes(4 << 20), 9, mtime=0)
vec("gzip-bomb", "REJECT (size limit): 4 MiB of zeros for a chunk that must be 4 bytes; the script builds it", GZBOMB)


# ---- blosc 1 container, "memcpyed" frame by hand
def blosc_memcpy(data, typesize=2, flags=0x02):
    return struct.pack("<BBBBIII", 2, 1, flags, typesize, len(data), len(data), 16 + len(data)) + data


vec(
    "blosc-memcpy",
    "DECODE to 0100020003000400: stored, typesize 2, blocksize 8",
    blosc_memcpy(struct.pack("<4H", 1, 2, 3, 4)),
)
vec(
    "blosc-memcpy-shufflebit",
    "DECODE to 0100020003000400: stored AND the shuffle flag set (0x03): stored data are never unshuffled",
    blosc_memcpy(struct.pack("<4H", 1, 2, 3, 4), flags=0x03),
)
vec("blosc-empty", 'DECODE to b"": nbytes 0', struct.pack("<BBBBIII", 2, 1, 0x02, 1, 0, 0, 16))
ARANGE = b"".join(struct.pack("<H", i // 16) for i in range(64))  # 64 x uint16 = arange(64)//16
vec("blosc-plain", "the 128 decoded bytes of the six frames below: uint16 arange(64)//16 little endian", ARANGE)
for nm, hx_ in (
    (
        "lz4-shuffle",
        "02013102800000008000000035000000140000001d0000001b0001001b0101001b0201001b0301000b3f000f020019500000000000",
    ),
    (
        "zstd-shuffle",
        "02019102800000008000000033000000140000001b00000028b52ffd20809500003000000102030005100094a4bb8e7542c602",
    ),
    (
        "blosclz-shuffle",
        "020111028000000080000000380000001400000020000000"
        "2300000000e003030001e006000002e006000003e00600e0033be02901010000",
    ),
    ("zlib-shuffle", "0201710280000000800000002e0000001400000016000000785e636040058c6880090d30a301060a01001fb00061"),
    (
        "lz4hc-shuffle",
        "02013102800000008000000033000000140000001b0000001b0001001b0101001b0201001b0301001f00010027500000000000",
    ),
    (
        "lz4-bitshuffle",
        "020134028000000080000000380000001400000020000000ff060000ffff0000ffff00000000ffffffff0000000000050053500000000000",
    ),
):
    vec(
        "blosc-" + nm,
        "DECODE to blosc-plain (frame made by c-blosc through numcodecs 0.17.1, typesize 2)",
        bytes.fromhex(hx_),
    )
vec(
    "blosc-badcbytes",
    "REJECT: cbytes says 100, buffer holds 24",
    struct.pack("<BBBBIII", 2, 1, 2, 2, 8, 8, 100) + struct.pack("<4H", 1, 2, 3, 4),
)
vec(
    "blosc-bomb",
    "REJECT: header declares nbytes 0x7fffffef with a 24-byte buffer",
    struct.pack("<BBBBIII", 2, 1, 2, 2, 0x7FFFFFEF, 8, 24) + struct.pack("<4H", 1, 2, 3, 4),
)

# ---- sharding_indexed
EMPTY = b"\xff" * 16


def idx(entries, fmt="<"):
    return b"".join(EMPTY if e is None else struct.pack(fmt + "QQ", *e) for e in entries)


c0, c1 = struct.pack("<2H", 1, 2), struct.pack("<2H", 3, 4)
vec(
    "shard-end",
    "uint16 [1,2,3,4], shard (4,), inner (2,), bytes LE, index bytes LE + crc32c, location end",
    c0 + c1 + with_crc(idx([(0, 4), (4, 4)])),
)
vec(
    "shard-start",
    "same, index_location start (offsets count from the shard start, so +36)",
    with_crc(idx([(36, 4), (40, 4)])) + c0 + c1,
)
vec(
    "shard-hole",
    "same as shard-end, inner chunk 0 all fill: its entry is 2^64-1 twice",
    c1 + with_crc(idx([None, (0, 4)])),
)
vec(
    "shard-reversed",
    "DECODE as shard-end: payloads in reverse order with 3 junk bytes between",
    c1 + b"\xde\xad\xbe" + c0 + with_crc(idx([(7, 4), (0, 4)])),
)
vec(
    "shard-shared",
    "DECODE to [1,2,1,2]: both entries point at the same bytes (overlap; legal to read)",
    c0 + with_crc(idx([(0, 4), (0, 4)])),
)
vec("shard-nocrc", "same data, index_codecs [bytes LE] only", c0 + c1 + idx([(0, 4), (4, 4)]))
vec(
    "shard-be-index",
    "same data, index_codecs [bytes BIG, crc32c] (crc stays little endian)",
    c0 + c1 + with_crc(idx([(0, 4), (4, 4)], ">")),
)
vec(
    "shard-inner-crc",
    "inner codecs [bytes LE, crc32c]: nbytes counts the inner checksum",
    with_crc(c0) + with_crc(c1) + with_crc(idx([(0, 8), (8, 8)])),
)
vec(
    "shard-2d",
    "uint8 [[0,1],[2,3]], shard (2,2), inner (1,1), end: index in C order of inner chunk coordinates",
    bytes(range(4)) + with_crc(idx([(i, 1) for i in range(4)])),
)
vec(
    "shard-2d-edge",
    "uint8 array shape (1,1) value 7 fill 0, shard (2,2), inner (1,1): index keeps all 4 entries",
    b"\x07" + with_crc(idx([(0, 1), None, None, None])),
)
vec(
    "shard-0d",
    "0-d uint16 513, inner chunk_shape []: index shape (2,)",
    struct.pack("<H", 513) + with_crc(idx([(0, 2)])),
)


def inner(a, b):
    return struct.pack("2B", a, b) + with_crc(idx([(0, 1), (1, 1)]))


vec(
    "shard-nested",
    "uint8 [0,1,2,3]: outer shard (4,), inner sharding (2,) of (1,), both end",
    inner(0, 1) + inner(2, 3) + with_crc(idx([(0, 38), (38, 38)])),
)
vec(
    "shard-allempty",
    "a shard whose index is all 2^64-1 (2 inner chunks): legal to READ as all fill; writers should delete the key",
    with_crc(idx([None, None])),
)
vec(
    "shard-transposed-2d",
    "uint8 [[0,1,2],[3,4,5]] codecs [transpose [1,0], sharding_indexed inner (1,2)]: the grid is of shape (3,2)",
    bytes([0, 3, 1, 4, 2, 5]) + with_crc(idx([(0, 2), (2, 2), (4, 2)])),
)
vec(
    "shard-badcrc",
    "REJECT: shard-end with the last byte flipped",
    (lambda b: b[:-1] + bytes([b[-1] ^ 1]))(c0 + c1 + with_crc(idx([(0, 4), (4, 4)]))),
)
vec(
    "shard-oob",
    "REJECT on access to chunk 1: offset 4, nbytes 1000 in a 44-byte shard",
    c0 + c1 + with_crc(idx([(0, 4), (4, 1000)])),
)
vec(
    "shard-wrap",
    "REJECT: offset 2^64-4 nbytes 8 (the sum wraps to 4)",
    c0 + c1 + with_crc(idx([(0, 4), (2**64 - 4, 8)])),
)
vec(
    "shard-halfempty",
    "REJECT: offset 2^64-1 but nbytes 4 (only both-ones means empty)",
    c0 + c1 + with_crc(idx([(0, 4), (2**64 - 1, 4)])),
)
vec(
    "shard-inindex",
    "DECODE to [1,2,0,0]: entry 1 (offset 8) points into the index itself; not forbidden",
    c0 + c1 + with_crc(idx([(0, 4), (8, 4)])),
)
vec("shard-short", "REJECT: 20 bytes, shorter than the 36-byte index", bytes(20))


# ---- vlen-utf8 / vlen-bytes
def vlen(items):
    return struct.pack("<I", len(items)) + b"".join(struct.pack("<I", len(x)) + x for x in items)


vec("vlen-utf8", 'string ["a", "", "h\u00e9"]', vlen([b"a", b"", "h\u00e9".encode()]))
vec("vlen-bytes", "bytes [00ff, (empty)]", vlen([b"\x00\xff", b""]))
vec("vlen-utf8-0", "string chunk of 0 elements", vlen([]))
vec("vlen-badcount", "REJECT: header says 3 items for a 2-element chunk", struct.pack("<I", 3) + vlen([b"a", b"b"])[4:])
vec("vlen-overrun", "REJECT: item length 2^32-1 in a 9-byte chunk", struct.pack("<II", 1, 0xFFFFFFFF) + b"a")
vec("vlen-badutf8", "REJECT (strict): vlen-utf8 item ff is not UTF-8", vlen([b"\xff"]))


# ---- packbits
def packbits(vals, k, pad=None):
    bits = [(v >> j) & 1 for v in vals for j in range(k)]
    p = -len(bits) % 8
    bits += [0] * p
    out = bytes(sum(bits[i * 8 + j] << j for j in range(8)) for i in range(len(bits) // 8))
    return {None: out, "first": bytes([p]) + out, "last": out + bytes([p])}[pad]


B = [1, 0, 1, 1, 0, 0, 0, 0, 1]
vec(
    "packbits-bool",
    "bool [1,0,1,1,0,0,0,0,1], padding none: bit i of the stream = bit (i%8), least significant first",
    packbits(B, 1),
)
vec(
    "packbits-bool-first",
    "same, padding_encoding first_byte (numcodecs layout of the pad count)",
    packbits(B, 1, "first"),
)
vec("packbits-bool-last", "same, padding_encoding last_byte", packbits(B, 1, "last"))
vec("packbits-u4", "uint4 [1,2,15]", packbits([1, 2, 15], 4))
vec("packbits-i4", "int4 [-1,1,-8] (two's complement, sign-extend on decode)", packbits([15, 1, 8], 4))
vec(
    "packbits-u16-bits4..7",
    "uint16 [0x10,0x20] first_bit 4 last_bit 7: decode gives back 0x10,0x20",
    packbits([1, 2], 4),
)
vec(
    "bytes-i4-ts",
    "the same int4 values as tensorstore 0.1.86 writes them (upper nibble zero): must read as [-1,1,-8]",
    bytes([0x0F, 0x01, 0x08]),
)
vec(
    "bytes-i4",
    "int4 [-1,1,-8] with the bytes codec (upper nibble ignored on read; sign-extended writer shown)",
    bytes([0xFF, 0x01, 0xF8]),
)


# ---- numcodecs-style codecs found in the wild
def fletcher32(data):  # HDF5 / numcodecs variant: big-endian 16-bit words, result appended little endian
    s1 = s2 = 0
    n = len(data) // 2
    for i in range(n):
        s1 += (data[2 * i] << 8) | data[2 * i + 1]
        s2 += s1
        s1 = (s1 & 0xFFFF) + (s1 >> 16)
        s2 = (s2 & 0xFFFF) + (s2 >> 16)
    if len(data) % 2:
        s1 += data[-1] << 8
        s2 += s1
        s1 = (s1 & 0xFFFF) + (s1 >> 16)
        s2 = (s2 & 0xFFFF) + (s2 >> 16)
    s1 = (s1 & 0xFFFF) + (s1 >> 16)
    s2 = (s2 & 0xFFFF) + (s2 >> 16)
    return (s2 << 16) | s1


d8 = bytes(range(8))
vec(
    "nc-fletcher32",
    "numcodecs.fletcher32 on 0001020304050607 (value appended little endian)",
    d8 + struct.pack("<I", fletcher32(d8)),
)
vec(
    "nc-adler32",
    "numcodecs.adler32 on 00..07 (value PREPENDED little endian)",
    struct.pack("<I", zlib.adler32(d8)) + d8,
)
vec(
    "nc-crc32",
    "numcodecs.crc32 on 00..07 (value PREPENDED little endian by default)",
    struct.pack("<I", zlib.crc32(d8)) + d8,
)
vec("nc-crc32c", "numcodecs.crc32c on 00..07 (value APPENDED little endian, as the v3 crc32c codec)", with_crc(d8))
vec("nc-shuffle", "numcodecs.shuffle elementsize 4 on 00..07", bytes(d8[j + 4 * i] for j in range(4) for i in range(2)))
vec("nc-delta", "numcodecs.delta dtype <i2 on [10,12,9] little endian", struct.pack("<3h", 10, 2, -3))
vec(
    "nc-fso",
    "numcodecs.fixedscaleoffset offset 1000 scale 10 dtype <f8 astype |u1 on [1000,1000.1,1001.0]",
    bytes([0, 1, 10]),
)
vec(
    "nc-quantize",
    "numcodecs.quantize digits 1 dtype <f4 on [3.14159]: 2^4 scale -> 3.125",
    struct.pack("<f", round(3.14159 * 16) / 16),
)
vec("nc-astype", "numcodecs.astype encode_dtype <i2 decode_dtype <i4 on [1,2]", struct.pack("<2h", 1, 2))
vec(
    "nc-vlen-array",
    "v2 vlen-array dtype <i4 on [[1,2],[]]: u32 count, then u32 BYTE length + bytes",
    struct.pack("<II", 2, 8) + struct.pack("<2i", 1, 2) + struct.pack("<I", 0),
)
vec("nc-json2", 'v2 json2 on ["a",{"b":1}]: items, then dtype string, then shape', b'["a",{"b":1},"|O",[2]]')
vec("nc-base64", 'v2 base64 on b"zarr"', base64.b64encode(b"zarr"))
vec(
    "nc-packbits",
    "numcodecs.packbits (v2 and v3) on bool [1,0,1,1,0,0,0,0,1]: pad count first, bits MOST significant first",
    bytes([7]) + bytes(int("".join(map(str, (B + [0] * 7)[i : i + 8])), 2) for i in (0, 8)),
)
vec("nc-zlib", 'DECODE to b"zarr"', zlib.compress(b"zarr", 1))
vec("nc-bz2", 'DECODE to b"zarr"', bz2.compress(b"zarr", 1))
vec("nc-lz4", 'DECODE to b"zarr": u32le size then one raw LZ4 block', struct.pack("<I", 4) + b"\x40zarr")

# ---- registered array -> array codecs
vec("scale_offset", "float32 [5,15,25] offset 5 scale 0.1 -> [0,1,2] + bytes LE", struct.pack("<3f", 0, 1, 2))
vec("cast_value-wrap", "float64 [128.0, 300.0] -> int8, out_of_range wrap: [-128, 44]", struct.pack("2b", -128, 44))
vec(
    "cast_value-clamp", "float64 [128.0, -300.0] -> int8, out_of_range clamp: [127, -128]", struct.pack("2b", 127, -128)
)
vec("cast_value-even", "float64 [0.5,1.5,2.5,-0.5] -> int8, nearest-even: [0,2,2,0]", struct.pack("4b", 0, 2, 2, 0))
vec("cast_value-away", "same input, nearest-away: [1,2,3,-1]", struct.pack("4b", 1, 2, 3, -1))


def bitround_f32(x, keep):
    b = struct.unpack("<I", struct.pack("<f", x))[0]
    drop = 23 - keep
    if math.isnan(x) or math.isinf(x) or drop <= 0:
        return b
    half = (1 << (drop - 1)) - 1
    b += ((b >> drop) & 1) + half
    return (b >> drop) << drop & 0xFFFFFFFF


vec(
    "bitround-f32",
    "float32 [0.1, 1.2, 1234.5] keepbits 3 + bytes LE",
    struct.pack("<3I", *[bitround_f32(x, 3) for x in (0.1, 1.2, 1234.5)]),
)
vec("reshape", "uint8 arange(6) shape (1,2,3), reshape [[0,1],[2]] -> (2,3): bytes unchanged", bytes(range(6)))
vec("conditional-skip", "conditional{codecs:[crc32c]} bit 0 clear: header 00 then data unchanged", b"\x00" + d8)
vec("conditional-apply", "conditional{codecs:[crc32c]} bit 0 set: header 01 then data + crc", b"\x01" + with_crc(d8))
vec(
    "n5_default",
    "uint16 [[1,2,3],[4,5,6]] shape (2,3): mode 0, ndim 2, dims (u32 BE), payload transposed big endian",
    struct.pack(">HHII", 0, 2, 2, 3) + struct.pack(">6H", 1, 4, 2, 5, 3, 6),
)

# ---- struct, fixed_length_utf32
vec(
    "struct-le",
    "struct {id int32, flags uint8, value float64} (-1, 2, 1.0) endian little, packed 13 bytes",
    struct.pack("<iBd", -1, 2, 1.0),
)
vec("struct-be", "same, endian big: every multi-byte field swapped", struct.pack(">iBd", -1, 2, 1.0))
vec("utf32-le", 'fixed_length_utf32 length_bytes 12, "Hi", endian little', "Hi\0".encode("utf-32-le"))
vec("utf32-be", "same, endian big", "Hi\0".encode("utf-32-be"))


# ---- fill values: JSON -> little-endian element bytes
def fv(dt, js, b):
    vec(f"fill-{dt}-{js}".replace('"', ""), f"{dt} fill_value {js}", b)


fv("bool", "true", b"\x01")
fv("int8", "-128", b"\x80")
fv("uint64", "18446744073709551615", b"\xff" * 8)
fv("int64", "-9223372036854775808", struct.pack("<q", -(2**63)))
fv("uint64", "9007199254740993", struct.pack("<Q", 9007199254740993))
fv("float16", '"NaN"', struct.pack("<H", 0x7E00))
fv("float32", '"NaN"', struct.pack("<I", 0x7FC00000))
fv("float64", '"NaN"', struct.pack("<Q", 0x7FF8000000000000))
fv("float32", '"Infinity"', struct.pack("<I", 0x7F800000))
fv("float32", '"-Infinity"', struct.pack("<I", 0xFF800000))
fv("float64", "-0.0", struct.pack("<d", -0.0))
fv("float32", "0.1", struct.pack("<f", 0.1))
fv("float16", "0.1", struct.pack("<e", 0.1))
fv("float32", "16777217", struct.pack("<f", 16777217))
fv("float16", '"0x7c00"', struct.pack("<H", 0x7C00))
fv("float32", '"0x7fc00001"', struct.pack("<I", 0x7FC00001))
fv("float32", '"0xffc00000"', struct.pack("<I", 0xFFC00000))
fv("float64", '"0x7ff0000000000001"', struct.pack("<Q", 0x7FF0000000000001))
fv("float32", '"0x3f800000"', struct.pack("<f", 1.0))
fv("float32", '"0x80000000"', struct.pack("<f", -0.0))
fv("complex64", '["NaN", "-Infinity"]', struct.pack("<2I", 0x7FC00000, 0xFF800000))
fv("complex128", "[0.0, -0.0]", struct.pack("<2d", 0.0, -0.0))
fv("complex64", '["0x7fc00001", 1]', struct.pack("<I", 0x7FC00001) + struct.pack("<f", 1))
fv("r16", "[1, 255]", b"\x01\xff")
fv("bytes", "[1, 2, 3]", b"\x01\x02\x03")
fv("bytes", '"AQID"', base64.b64decode("AQID"))
fv(
    "float32", "1.0000000596046447753906250000001", struct.pack("<I", 0x3F800001)
)  # just above a midpoint: one rounding, not two
fv("bfloat16", '"NaN"', struct.pack("<H", 0x7FC0))
fv("bfloat16", "1.0", struct.pack("<H", 0x3F80))
fv("numpy.datetime64", '"NaT"', struct.pack("<q", -(2**63)))
fv("string", '"h\u00e9"', "h\u00e9".encode())

# ---- Zarr v2 chunks
vec(
    "v2-F",
    "v2 |u1 [[0,1,2],[3,4,5]] order F, no filter, no compressor (= v3 transpose [1,0] + bytes)",
    bytes([0, 3, 1, 4, 2, 5]),
)
vec("v2-big", "v2 >u2 [1,2,3,4]", struct.pack(">4H", 1, 2, 3, 4))
vec(
    "v2-F-delta",
    "DECODE to [[1,3],[2,4]]: v2 <i2 shape (2,2) order F, filter delta: the filter runs over the F-ordered elements",
    struct.pack("<4h", 1, 1, 1, 1),
)
vec("v2-U-big", 'v2 >U2 "Hi"', "Hi".encode("utf-32-be"))
vec(
    "v2-struct",
    'v2 [["a","<u2"],["b",">f4"]] (1, 1.0): each field keeps its own byte order',
    struct.pack("<H", 1) + struct.pack(">f", 1),
)
vec(
    "v2-struct-sub", 'v2 [["a","<u2"],["b","|u1",[2,2]]] (1, [[1,2],[3,4]])', struct.pack("<H", 1) + bytes([1, 2, 3, 4])
)
vec("v2-zlib", "v2 <u2 [1,2,3,4] compressor zlib level 1 (DECODE)", zlib.compress(struct.pack("<4H", 1, 2, 3, 4), 1))
vec(
    "v2-shuffle-zlib",
    "v2 <u2 [1,2,3,4] filter shuffle elementsize 2 then zlib (DECODE)",
    zlib.compress(bytes([1, 2, 3, 4, 0, 0, 0, 0]), 1),
)
