"""gzip (RFC 1952) and zlib (RFC 1950) as kernels, by zlib-ng from the compression archive."""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from simplezarr.csrc cimport SZ_CORRUPT, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TRAILING, SZ_TRUNCATED
from simplezarr.csrc.array cimport sz_all_equal
from simplezarr.csrc.codecs cimport (
    SZ_Z_BUF_ERROR, SZ_Z_DATA_ERROR, SZ_Z_FINISH, SZ_Z_MEM_ERROR, SZ_Z_NO_FLUSH, SZ_Z_OK, SZ_Z_STREAM_END, zng_crc32_z,
    zng_deflate, zng_deflateEnd, zng_deflateInit2, zng_inflate, zng_inflateEnd, zng_inflateInit2, zng_inflateReset2,
    zng_stream)
from simplezarr.engine.kernels.compressors cimport CompiledCodec, CodecStep, new_codec
from simplezarr.engine.kernels.context cimport Context, add_discard, pause

cdef enum:
    GZIP_WINDOW = 31     # zlib's 15 bits of window, + 16 for the gzip header and trailer
    ZLIB_WINDOW = 15     # the same with the header and trailer of zlib
    # Bytes between two pauses. zlib-ng makes the same stream if its input comes in pieces, except at level 1. There its
    # output comes in pieces instead.
    INFLATED = 16 << 20
    DEFLATED = 256 << 10
    FASTEST = 1
    DEFLATED_FASTEST = 64 << 10
    WHOLE = 1 << 30      # zlib counts its input and output in 32 bits


cdef void discard(Context *context) noexcept:
    """Free the context of zlib-ng."""
    if context.inflater != NULL:
        zng_inflateEnd(context.inflater)
        free(context.inflater)
        context.inflater = NULL


add_discard(discard)


cdef uint32_t crc32(uint32_t crc, const char *data, size_t n) noexcept nogil:
    """Return the checksum of gzip and of zip archives, after bytes whose checksum is `crc`, or 0."""
    return zng_crc32_z(crc, <const uint8_t *>data, n)


cdef int inflate_status(int32_t code) noexcept nogil:
    if code == SZ_Z_DATA_ERROR:
        return SZ_CORRUPT
    return SZ_NO_MEMORY if code == SZ_Z_MEM_ERROR else SZ_TRUNCATED


cdef int inflate_member(Context *context, const char **src, size_t *n, char **dst, size_t *room) noexcept nogil:
    """Decode one member from *src to *dst and advance all four. zlib checks the CRC and size in the trailer."""
    cdef zng_stream *stream = context.inflater
    cdef int32_t code
    cdef uint32_t given, space
    cdef char spare = 0
    cdef int status
    while True:
        given = <uint32_t>min(n[0], <size_t>INFLATED)
        space = <uint32_t>min(room[0], <size_t>INFLATED)
        stream.next_in, stream.avail_in = <const uint8_t *>src[0], given
        # without room, one spare byte lets zlib finish the member, or shows that it is too long
        stream.next_out, stream.avail_out = <uint8_t *>(dst[0] if space else &spare), space if space else 1
        code = zng_inflate(stream, SZ_Z_NO_FLUSH)
        given -= stream.avail_in
        src[0] += given
        n[0] -= given
        if space == 0 and stream.avail_out == 0:
            return SZ_TOO_LONG
        space -= stream.avail_out if space else 0
        dst[0] += space
        room[0] -= space
        if code == SZ_Z_STREAM_END:
            return SZ_OK
        if code != SZ_Z_OK and not (code == SZ_Z_BUF_ERROR and (given or space)):
            return inflate_status(code)
        if n[0] == 0 and stream.avail_out:
            return SZ_TRUNCATED
        status = pause(context)
        if status != SZ_OK:
            return status


cdef int gzip_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                     size_t *size) noexcept nogil:
    """Decode all members of src (RFC 1952, 2.2; zlib has one). Zeros may follow them."""
    cdef size_t room = size[0]
    cdef int status
    if context.inflater == NULL:
        context.inflater = <zng_stream *>calloc(1, sizeof(zng_stream))
        if context.inflater == NULL:
            return SZ_NO_MEMORY
        if zng_inflateInit2(context.inflater, GZIP_WINDOW) != SZ_Z_OK:
            free(context.inflater)
            context.inflater = NULL
            return SZ_NO_MEMORY
    while True:
        zng_inflateReset2(context.inflater, step.window)
        status = inflate_member(context, &src, &n, &dst, &room)
        if status != SZ_OK:
            return status
        if n == 0 or sz_all_equal(src, n, "\0", 1):
            size[0] -= room
            return SZ_OK
        if step.window != GZIP_WINDOW or n < 2 or <uint8_t>src[0] != 0x1f or <uint8_t>src[1] != 0x8b:
            return SZ_TRAILING


cdef int gzip_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                     size_t *size) noexcept nogil:
    """Encode to one member. Its header has no name and the time 0, so equal input gives equal bytes."""
    cdef zng_stream stream
    cdef int32_t code = SZ_Z_OK
    cdef size_t room = size[0], input = DEFLATED, output = WHOLE
    cdef uint32_t given, space
    cdef int status = SZ_OK
    if step.level == FASTEST:
        input, output = WHOLE, DEFLATED_FASTEST
    memset(&stream, 0, sizeof(stream))
    if zng_deflateInit2(&stream, step.level, 8, step.window, 8, 0) != SZ_Z_OK:
        return SZ_NO_MEMORY
    while code == SZ_Z_OK and status == SZ_OK:
        given, space = <uint32_t>min(n, input), <uint32_t>min(room, output)
        stream.next_in, stream.avail_in = <const uint8_t *>src, given
        stream.next_out, stream.avail_out = <uint8_t *>dst, space
        code = zng_deflate(&stream, SZ_Z_FINISH if given == n else SZ_Z_NO_FLUSH)
        src += given - stream.avail_in
        n -= given - stream.avail_in
        dst += space - stream.avail_out
        room -= space - stream.avail_out
        if space == 0:
            break
        status = pause(context)
    zng_deflateEnd(&stream)
    size[0] -= room
    if code == SZ_Z_STREAM_END:
        return SZ_OK
    return status if status != SZ_OK else SZ_TOO_LONG


cdef size_t gzip_bound(const CodecStep *step, size_t n) noexcept nogil:
    return n + n // 8 + 64  # zlib-ng's fastest level can use 9 bits for a byte


# ---------------------------------------------------------------- kernels for Python

def gzip_codec(int level=5) -> CompiledCodec:
    """Return the codec gzip (RFC 1952), level 0 to 9."""
    cdef CompiledCodec codec = new_codec("gzip", gzip_decode, gzip_encode, gzip_bound)
    codec.step.level = level
    codec.step.window = GZIP_WINDOW
    return codec


def zlib_codec(int level=1) -> CompiledCodec:
    """Return the codec zlib (RFC 1950), level -1 to 9."""
    cdef CompiledCodec codec = gzip_codec(level)
    codec.step.name = "numcodecs.zlib"
    codec.step.window = ZLIB_WINDOW
    return codec
