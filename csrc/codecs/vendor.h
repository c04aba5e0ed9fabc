/* The functions of zstd, zlib-ng, lz4, blosclz and blosc2 that this library calls. They come in one static
 * archive from the blosc2 wheel, whose headers cover only blosc2. These prototypes are stable interfaces of
 * each library. */
#ifndef SZ_VENDOR_H
#define SZ_VENDOR_H
#include <stddef.h>
#include <stdint.h>

/* zstd */
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
typedef struct ZSTD_CCtx_s ZSTD_CCtx;
/* ZSTD_cParameter */
enum {
  SZ_ZSTD_COMPRESSION_LEVEL = 100,
  SZ_ZSTD_CHECKSUM_FLAG = 201,
  SZ_ZSTD_STABLE_INPUT = 1006,
  SZ_ZSTD_STABLE_OUTPUT = 1007
};
/* ZSTD_ResetDirective; all: session and parameters */
enum { SZ_ZSTD_RESET_SESSION = 1, SZ_ZSTD_RESET_ALL = 3 };
enum { SZ_ZSTD_E_CONTINUE = 0, SZ_ZSTD_E_END = 2 }; /* ZSTD_EndDirective */
typedef struct {
  const void *src;
  size_t size, pos;
} ZSTD_inBuffer;
typedef struct {
  void *dst;
  size_t size, pos;
} ZSTD_outBuffer;
enum {
  SZ_ZSTD_ERROR_DST_TOO_SMALL = 70,
  SZ_ZSTD_ERROR_CHECKSUM = 22,
  SZ_ZSTD_ERROR_SRC_SIZE = 72,
  SZ_ZSTD_ERROR_MEMORY = 64
};
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *);
size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *dst, size_t capacity, const void *src, size_t n);
unsigned long long ZSTD_getFrameContentSize(const void *src, size_t n);
size_t ZSTD_findFrameCompressedSize(const void *src, size_t n);
/* These three decode a frame part by part, into one run of memory. */
size_t ZSTD_decompressBegin(ZSTD_DCtx *);
size_t ZSTD_nextSrcSizeToDecompress(ZSTD_DCtx *);
size_t ZSTD_decompressContinue(ZSTD_DCtx *, void *dst, size_t capacity, const void *src, size_t n);
ZSTD_CCtx *ZSTD_createCCtx(void);
size_t ZSTD_freeCCtx(ZSTD_CCtx *);
size_t ZSTD_CCtx_reset(ZSTD_CCtx *, int directive);
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx *, int parameter, int value);
size_t ZSTD_compress2(ZSTD_CCtx *, void *dst, size_t capacity, const void *src, size_t n);
size_t ZSTD_CCtx_setPledgedSrcSize(ZSTD_CCtx *, unsigned long long n);
size_t ZSTD_compressStream2(ZSTD_CCtx *, ZSTD_outBuffer *, ZSTD_inBuffer *, int end);
size_t ZSTD_compressBound(size_t n);
unsigned ZSTD_isError(size_t code);
unsigned ZSTD_getErrorCode(size_t code);

/* zlib-ng, native interface */
typedef struct {
  const uint8_t *next_in;
  uint32_t avail_in;
  size_t total_in;
  uint8_t *next_out;
  uint32_t avail_out;
  size_t total_out;
  const char *msg;
  void *state;
  void *(*zalloc)(void *, unsigned, unsigned);
  void (*zfree)(void *, void *);
  void *opaque;
  int data_type;
  uint32_t adler;
  unsigned long reserved;
} zng_stream;
enum { SZ_Z_NO_FLUSH = 0, SZ_Z_FINISH = 4 };
enum {
  SZ_Z_OK = 0,
  SZ_Z_STREAM_END = 1,
  SZ_Z_NEED_DICT = 2,
  SZ_Z_DATA_ERROR = -3,
  SZ_Z_MEM_ERROR = -4,
  SZ_Z_BUF_ERROR = -5
};
int32_t zng_inflateInit2(zng_stream *, int32_t window_bits);
int32_t zng_inflate(zng_stream *, int32_t flush);
int32_t zng_inflateReset2(zng_stream *, int32_t window_bits);
int32_t zng_inflateEnd(zng_stream *);
int32_t zng_deflateInit2(zng_stream *, int32_t level, int32_t method, int32_t window_bits, int32_t mem_level,
                         int32_t strategy);
int32_t zng_deflate(zng_stream *, int32_t flush);
int32_t zng_deflateReset(zng_stream *);
int32_t zng_deflateEnd(zng_stream *);
size_t zng_deflateBound(zng_stream *, size_t n);
int32_t zng_compress2(uint8_t *dst, size_t *capacity, const uint8_t *src, size_t n, int32_t level);
uint32_t zng_crc32_z(uint32_t crc, const uint8_t *data, size_t n);
int32_t zng_uncompress(uint8_t *dst, size_t *capacity, const uint8_t *src, size_t n);

/* lz4, blosclz, the shuffles */
int LZ4_decompress_safe(const char *src, char *dst, int n, int capacity);
int LZ4_compress_fast(const char *src, char *dst, int n, int capacity, int acceleration);
int LZ4_compress_HC(const char *src, char *dst, int n, int capacity, int level);
/* pieces of one block, which may refer to the bytes before them */
typedef union LZ4_stream_u LZ4_stream_t;
typedef union LZ4_streamHC_u LZ4_streamHC_t;
LZ4_stream_t *LZ4_createStream(void);
int LZ4_freeStream(LZ4_stream_t *);
int LZ4_compress_fast_continue(LZ4_stream_t *, const char *src, char *dst, int n, int capacity,
                               int acceleration);
LZ4_streamHC_t *LZ4_createStreamHC(void);
int LZ4_freeStreamHC(LZ4_streamHC_t *);
void LZ4_resetStreamHC_fast(LZ4_streamHC_t *, int level);
int LZ4_compress_HC_continue(LZ4_streamHC_t *, const char *src, char *dst, int n, int capacity);
int LZ4_decompress_safe_usingDict(const char *src, char *dst, int n, int capacity, const char *dictionary,
                                  int size);
int LZ4_decompress_safe_partial_usingDict(const char *src, char *dst, int n, int wanted, int capacity,
                                          const char *dictionary, int size);
struct blosc2_context_s;
int blosclz_compress(int level, const void *src, int n, void *dst, int capacity,
                     struct blosc2_context_s *context);
int blosclz_decompress(const void *src, int n, void *dst, int capacity);
int32_t blosc2_shuffle(int32_t typesize, int32_t blocksize, const void *src, void *dst);
int32_t blosc2_unshuffle(int32_t typesize, int32_t blocksize, const void *src, void *dst);
int32_t blosc2_bitshuffle(int32_t typesize, int32_t blocksize, const void *src, void *dst);
int32_t blosc2_bitunshuffle(int32_t typesize, int32_t blocksize, const void *src, void *dst);

#endif
