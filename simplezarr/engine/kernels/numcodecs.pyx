"""Kernels of codecs that come from numcodecs: lz4, shuffle, fletcher32."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from simplezarr.csrc cimport SZ_CHECKSUM, SZ_CORRUPT, SZ_OK, SZ_TOO_LONG, SZ_TRUNCATED, sz_pause
from simplezarr.csrc.codecs cimport (
    sz_fletcher32, sz_fletcher32_add, sz_fletcher32_value, sz_lz4_decode, sz_lz4_encode, sz_shuffle, sz_unshuffle)
from simplezarr.engine.kernels.compressors cimport CompiledCodec, CodecStep, get_little, new_codec, put_little
from simplezarr.engine.kernels.context cimport PIECE_BYTES, Context, copy_bytes, pause, pause_of

ctypedef void (*shuffle_t)(size_t size, size_t count, size_t first, size_t last, const char *src, char *dst) noexcept nogil

cdef enum:
    LZ4_MOST = 0x7E000000   # the largest input of LZ4, in bytes
    CHECKSUM_SIZE = 4


# ---------------------------------------------------------------- lz4: the size in four bytes, then one block

cdef int lz4_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                    size_t *size) noexcept nogil:
    cdef sz_pause pauses = pause_of(context)
    cdef uint32_t nbytes
    cdef int status
    if n < 4:
        return SZ_TRUNCATED
    nbytes = get_little(src)
    if nbytes > LZ4_MOST or n - 4 > 0x7fffffff:
        return SZ_CORRUPT
    if nbytes > size[0]:
        return SZ_TOO_LONG
    status = sz_lz4_decode(src + 4, n - 4, dst, nbytes, &pauses)
    size[0] = nbytes
    return status


cdef int lz4_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                    size_t *size) noexcept nogil:
    cdef sz_pause pauses = pause_of(context)
    cdef size_t room = size[0] - 4
    cdef int status
    if n > LZ4_MOST:
        return SZ_TOO_LONG
    put_little(dst, <uint32_t>n)
    status = sz_lz4_encode(src, n, step.level, False, dst + 4, &room, &pauses)
    size[0] = room + 4
    return status


cdef size_t lz4_bound(const CodecStep *step, size_t n) noexcept nogil:
    return n + n // 255 + 16 + 4


# ---------------------------------------------------------------- shuffle

cdef int by_pieces(Context *context, shuffle_t move, size_t size, size_t count, const char *src,
                   char *dst) noexcept nogil:
    cdef size_t first = 0, step = max(<size_t>1, PIECE_BYTES // size)
    cdef int status = SZ_OK
    while count - first > step and status == SZ_OK:
        move(size, count, first, first + step, src, dst)
        first += step
        status = pause(context)
    if status == SZ_OK:
        move(size, count, first, count, src, dst)
    return status


cdef int unshuffle(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                   size_t *size) noexcept nogil:
    cdef size_t rest = n % step.typesize  # bytes behind the last whole element are copied, as in HDF5
    if n > size[0]:
        return SZ_TOO_LONG
    memcpy(dst + n - rest, src + n - rest, rest)
    size[0] = n
    return by_pieces(context, sz_unshuffle, step.typesize, n // step.typesize, src, dst)


cdef int shuffle(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                 size_t *size) noexcept nogil:
    cdef size_t rest = n % step.typesize
    memcpy(dst + n - rest, src + n - rest, rest)
    size[0] = n
    return by_pieces(context, sz_shuffle, step.typesize, n // step.typesize, src, dst)


cdef size_t shuffle_bound(const CodecStep *step, size_t n) noexcept nogil:
    return n


# ---------------------------------------------------------------- fletcher32, behind the data

cdef int fletcher32_of(Context *context, const char *src, size_t n, uint32_t *checksum) noexcept nogil:
    cdef sz_fletcher32 sums
    cdef int status = SZ_OK
    sums.first = sums.second = 0
    while n > PIECE_BYTES and status == SZ_OK:
        sz_fletcher32_add(&sums, src, PIECE_BYTES)
        src += PIECE_BYTES
        n -= PIECE_BYTES
        status = pause(context)
    sz_fletcher32_add(&sums, src, n)
    checksum[0] = sz_fletcher32_value(&sums)
    return status


cdef int fletcher32_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                           size_t *size) noexcept nogil:
    cdef uint32_t checksum
    cdef int status
    if n < CHECKSUM_SIZE:
        return SZ_TRUNCATED
    status = fletcher32_of(context, src, n - CHECKSUM_SIZE, &checksum)
    if status == SZ_OK and checksum != get_little(src + n - CHECKSUM_SIZE):
        return SZ_CHECKSUM
    size[0] = n - CHECKSUM_SIZE
    return status


cdef int fletcher32_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                           size_t *size) noexcept nogil:
    cdef uint32_t checksum
    cdef int status = fletcher32_of(context, src, n, &checksum)
    if status == SZ_OK and src != dst:
        status = copy_bytes(context, dst, src, n)
    put_little(dst + n, checksum)
    size[0] = n + CHECKSUM_SIZE
    return status


cdef size_t fletcher32_bound(const CodecStep *step, size_t n) noexcept nogil:
    return n + CHECKSUM_SIZE


# ---------------------------------------------------------------- kernels for Python

def lz4_codec(int acceleration=1) -> CompiledCodec:
    """Return the codec LZ4: the decoded size as 4 bytes little endian, then one block."""
    cdef CompiledCodec codec = new_codec("numcodecs.lz4", lz4_decode, lz4_encode, lz4_bound)
    codec.step.level = acceleration
    return codec


def shuffle_codec(int elementsize) -> CompiledCodec:
    """Return the codec that sorts the bytes of elements, each of `elementsize` bytes (at least 1), by significance.

    >>> shuffle_codec(4).encode(bytes(range(8))).hex()
    '0004010502060307'
    """
    cdef CompiledCodec codec = new_codec("numcodecs.shuffle", unshuffle, shuffle, shuffle_bound)
    codec.step.typesize = elementsize
    return codec


def fletcher32_codec() -> CompiledCodec:
    """Return Fletcher's checksum as in HDF5, 4 bytes little endian behind the data."""
    cdef CompiledCodec codec = new_codec("numcodecs.fletcher32", fletcher32_decode, fletcher32_encode, fletcher32_bound)
    codec.step.trims = True
    return codec
