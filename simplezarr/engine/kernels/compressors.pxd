from libc.stdint cimport int32_t, uint8_t, uint32_t

from simplezarr.csrc.codecs cimport sz_blosc1, sz_blosc1_settings, sz_zstd_frame
from simplezarr.engine.kernels.context cimport Context


# One direction of a bytes -> bytes codec. *size holds dst's capacity, then the bytes written. If they don't fit, the
# kernel returns SZ_TOO_LONG. A trimming codec (a checksum) only shortens its input when it decodes: it does not use dst,
# which may be NULL.
ctypedef int (*codec_fn)(Context *, const CodecStep *, const char *src, size_t n, char *dst, size_t *size) noexcept nogil
ctypedef size_t (*bound_t)(const CodecStep *, size_t n) noexcept nogil

cdef struct CodecStep:
    const char *name
    codec_fn decode
    codec_fn encode
    bound_t bound     # the largest number of bytes to which n bytes are encoded
    bint trims
    bint in_blocks    # Blosc: each block can be decoded alone
    bint in_order     # zstd: decoding can stop after any block
    int level
    int window        # gzip: bits, 15 for a zlib stream
    int checksum      # zstd
    int typesize      # shuffle
    sz_blosc1_settings blosc

cdef class CompiledCodec:
    cdef CodecStep step
    cdef bytes run(self, data, size_t limit, codec_fn kernel, bint may_fail)

cdef inline uint32_t get_little(const char *src) noexcept nogil:
    cdef const uint8_t *b = <const uint8_t *>src
    return b[0] | <uint32_t>b[1] << 8 | <uint32_t>b[2] << 16 | <uint32_t>b[3] << 24

cdef inline void put_little(char *dst, uint32_t value) noexcept nogil:
    cdef int i
    for i in range(4):
        dst[i] = <char>(value >> 8 * i & 0xff)

cdef CompiledCodec new_codec(const char *name, codec_fn decode, codec_fn encode, bound_t bound)
cdef bint zstd_open(Context *context, const char *src, size_t n, size_t size, sz_zstd_frame *frame) noexcept nogil
cdef bint zstd_prefix(Context *context, const char *src, size_t n, size_t size, size_t wanted, char *dst) noexcept nogil
cdef int zstd_decode_more(Context *context, sz_zstd_frame *frame) noexcept nogil
cdef int blosc_open(const char *src, size_t n, sz_blosc1 *header) noexcept nogil
cdef int32_t blosc_block_size(const sz_blosc1 *header, int32_t i) noexcept nogil
cdef int blosc_decode_block(Context *context, const char *src, size_t n, const sz_blosc1 *header, int32_t i,
                            char *dst) noexcept nogil
