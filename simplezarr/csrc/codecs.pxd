from libc.stdint cimport int32_t, uint8_t, uint32_t

from simplezarr.csrc cimport sz_pause

cdef extern from "codecs/vendor.h" nogil:
    ctypedef struct ZSTD_DCtx:
        pass
    ctypedef struct ZSTD_CCtx:
        pass
    ZSTD_DCtx *ZSTD_createDCtx()
    size_t ZSTD_freeDCtx(ZSTD_DCtx *)
    ZSTD_CCtx *ZSTD_createCCtx()
    size_t ZSTD_freeCCtx(ZSTD_CCtx *)
    size_t ZSTD_compressBound(size_t n)

    ctypedef struct zng_stream:
        const uint8_t *next_in
        uint32_t avail_in
        uint8_t *next_out
        uint32_t avail_out
    enum:
        SZ_Z_NO_FLUSH, SZ_Z_FINISH, SZ_Z_OK, SZ_Z_STREAM_END, SZ_Z_DATA_ERROR, SZ_Z_MEM_ERROR, SZ_Z_BUF_ERROR
    int32_t zng_inflateInit2(zng_stream *, int32_t window_bits)
    int32_t zng_inflate(zng_stream *, int32_t flush)
    int32_t zng_inflateReset2(zng_stream *, int32_t window_bits)
    int32_t zng_inflateEnd(zng_stream *)
    int32_t zng_deflateInit2(zng_stream *, int32_t level, int32_t method, int32_t window_bits, int32_t mem_level,
                             int32_t strategy)
    int32_t zng_deflate(zng_stream *, int32_t flush)
    int32_t zng_deflateEnd(zng_stream *)
    uint32_t zng_crc32_z(uint32_t crc, const uint8_t *data, size_t n)

cdef extern from "codecs/zstd.h" nogil:
    ctypedef struct sz_zstd_frame:
        char *dst
        size_t done, size
        bint checked
    int sz_zstd_decode(ZSTD_DCtx *, const char *src, size_t n, char *dst, size_t *size, const sz_pause *)
    int sz_zstd_encode(ZSTD_CCtx *, int level, int checksum, const char *src, size_t n, char *dst, size_t *size,
                       const sz_pause *)
    int sz_zstd_open(ZSTD_DCtx *, const char *src, size_t n, size_t size, sz_zstd_frame *)
    int sz_zstd_more(ZSTD_DCtx *, sz_zstd_frame *)

cdef extern from "codecs/zstd_partial/zstd_prefix.h" nogil:
    enum:
        SZ_ZSTD_SLACK
    size_t sz_zstd_prefix_room()
    int sz_zstd_prefix(const char *src, size_t n, size_t size, size_t wanted, char *dst, void *memory)

cdef extern from "codecs/lz4.h" nogil:
    int sz_lz4_encode(const char *src, size_t n, int setting, int high, char *dst, size_t *size, const sz_pause *)
    int sz_lz4_decode(const char *src, size_t n, char *dst, size_t size, const sz_pause *)

cdef extern from "codecs/blosc1.h" nogil:
    ctypedef struct sz_blosc1:
        int32_t nbytes, blocksize, nblocks
    enum:
        SZ_BLOSCLZ, SZ_LZ4, SZ_LZ4HC, SZ_SNAPPY, SZ_ZLIB, SZ_ZSTD, SZ_NOSHUFFLE, SZ_SHUFFLE, SZ_BITSHUFFLE
    void sz_blosc1_init()
    int sz_blosc1_open(const char *src, size_t n, sz_blosc1 *header)
    int32_t sz_blosc1_block_size(const sz_blosc1 *header, int32_t i)
    int sz_blosc1_decode_block(const char *src, size_t n, const sz_blosc1 *header, int32_t i, char *dst, char *tmp,
                               void *zstd, const sz_pause *)
    size_t sz_blosc1_bound(size_t nbytes)
    ctypedef struct sz_blosc1_settings:
        int compressor, level, shuffle, typesize
        int32_t blocksize
    size_t sz_blosc1_scratch(const sz_blosc1_settings *settings, size_t n)
    int sz_blosc1_encode(const sz_blosc1_settings *settings, const char *src, size_t n, char *scratch, void *zstd,
                         const sz_pause *, char *dst, size_t *size)

cdef extern from "codecs/crc32c.h" nogil:
    uint32_t sz_crc32c(uint32_t crc, const char *data, size_t n)

cdef extern from "codecs/filters.h" nogil:
    ctypedef struct sz_fletcher32:
        uint32_t first, second
    void sz_shuffle(size_t size, size_t count, size_t first, size_t last, const char *src, char *dst)
    void sz_unshuffle(size_t size, size_t count, size_t first, size_t last, const char *src, char *dst)
    void sz_fletcher32_add(sz_fletcher32 *sums, const char *data, size_t n)
    uint32_t sz_fletcher32_value(const sz_fletcher32 *sums)

cdef extern from "codecs/vlen.h" nogil:
    int sz_vlen_begin(const char *data, size_t n, size_t count)
    int sz_vlen_skip(const char *data, size_t n, size_t count, size_t *at)
    const char *sz_vlen_item(const char *at, const char **item, size_t *size)
    char *sz_vlen_put(char *at, uint32_t number)
    int sz_is_utf8(const char *data, size_t n)
