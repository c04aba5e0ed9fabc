/* The codecs, with contexts kept for each thread; opening and closing, which own them. */
#include "floor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blosc2.h"

/* The blosc2 wheel has the code of zstd and lz4, but not their headers. */
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
typedef struct ZSTD_CCtx_s ZSTD_CCtx;
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *);
size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *, size_t, const void *, size_t);
ZSTD_CCtx *ZSTD_createCCtx(void);
size_t ZSTD_freeCCtx(ZSTD_CCtx *);
size_t ZSTD_compressCCtx(ZSTD_CCtx *, void *, size_t, const void *, size_t, int);
unsigned ZSTD_isError(size_t);
int LZ4_compress_fast(const char *, char *, int, int, int);

const char *decode(const Array *array, Worker *worker, const char *encoded, size_t size) {
  size_t want = array->unit_bytes;
  if (array->codec == RAW) return size == want ? encoded : NULL;
  char *decoded = reserve(&worker->decoded, want);
  if (!decoded) return NULL;
  if (array->codec == ZSTD) {
    if (!worker->zstd) worker->zstd = ZSTD_createDCtx();
    return ZSTD_decompressDCtx(worker->zstd, decoded, want, encoded, size) == want ? decoded : NULL;
  }
  /* blosc1_decompress() shares one context under a lock, so that threads would take turns. */
  if (!worker->blosc) {
    blosc2_dparams parameters = BLOSC2_DPARAMS_DEFAULTS;
    parameters.nthreads = 1;
    worker->blosc = blosc2_create_dctx(parameters);
  }
  int got = blosc2_decompress_ctx(worker->blosc, encoded, (int32_t)size, decoded, (int32_t)want);
  return got == (int)want ? decoded : NULL;
}

/* ---- Blosc 1 with lz4 and byte shuffle, as c-blosc 1 writes it; blosc2 writes another format ---- */

enum { HEADER = 16, LZ4_FLAG = 1 << 5, SHUFFLE_FLAG = 1, LEAST_STREAM = 128, MOST_STREAMS = 16 };

static char *put32(char *to, size_t value) {
  int32_t little = (int32_t)value;
  memcpy(to, &little, sizeof little);
  return to + sizeof little;
}

static size_t blosc(const Array *array, Worker *worker, const char *unit, char *encoded) {
  size_t n = array->unit_bytes, itemsize = (size_t)array->itemsize, blocksize = itemsize << 16;
  if (blocksize > n) blocksize = n;
  size_t blocks = (n + blocksize - 1) / blocksize;
  char *shuffled = reserve(&worker->shuffled, blocksize), *to = encoded + HEADER + 4 * blocks;
  if (!shuffled) return 0;
  for (size_t i = 0; i < blocks; i++) {
    size_t length = n - i * blocksize < blocksize ? n - i * blocksize : blocksize;
    int split = length == blocksize && itemsize <= MOST_STREAMS && blocksize / itemsize >= LEAST_STREAM;
    size_t streams = split ? itemsize : 1, stream = length / streams;
    blosc2_shuffle((int32_t)itemsize, (int32_t)length, unit + i * blocksize, shuffled);
    put32(encoded + HEADER + 4 * i, (size_t)(to - encoded));
    for (size_t s = 0; s < streams; s++) {
      const char *from = shuffled + s * stream;
      int size = LZ4_compress_fast(from, to + 4, (int)stream, (int)stream - 1, 10 - array->level);
      if (size <= 0) memcpy(to + 4, from, stream);
      size_t used = size > 0 ? (size_t)size : stream;
      to = put32(to, used) + used;
    }
  }
  memcpy(encoded, (char[]){2, 1, LZ4_FLAG | SHUFFLE_FLAG, (char)itemsize}, 4);
  put32(put32(put32(encoded + 4, n), blocksize), (size_t)(to - encoded));
  return (size_t)(to - encoded);
}

size_t encoded_bound(const Array *array) { return array->unit_bytes + array->unit_bytes / 64 + 4096; }

size_t encode(const Array *array, Worker *worker, const char *unit, char *encoded) {
  if (array->codec == BLOSC) return blosc(array, worker, unit, encoded);
  if (array->codec == RAW) {
    memcpy(encoded, unit, array->unit_bytes);
    return array->unit_bytes;
  }
  if (!worker->zstd_writer) worker->zstd_writer = ZSTD_createCCtx();
  size_t size = ZSTD_compressCCtx(worker->zstd_writer, encoded, encoded_bound(array), unit, array->unit_bytes, array->level);
  return ZSTD_isError(size) ? 0 : size;
}

/* ---- Opening and closing, outside the timer ---- */

void floor_close(Array *array) {
  for (int i = 0; i < MAX_THREADS; i++) {
    Worker *worker = &array->workers[i];
    free(worker->encoded.data);
    free(worker->decoded.data);
    free(worker->shuffled.data);
    free(worker->result.data);
    if (worker->zstd) ZSTD_freeDCtx(worker->zstd);
    if (worker->zstd_writer) ZSTD_freeCCtx(worker->zstd_writer);
    if (worker->blosc) blosc2_free_ctx(worker->blosc);
  }
  close(array->directory);
  free(array);
}

/* inner: shape of a shard's inner chunks, or NULL. codec: 0 raw, 1 zstd, 2 blosc. NULL when it can't be opened. */
Array *floor_open(const char *path, int ndim, const int64_t *stored, const int64_t *inner, int64_t itemsize, int codec,
                  int level) {
  if (ndim < 1 || ndim > MAX_DIMS) return NULL;
  Array *array = calloc(1, sizeof *array);
  if (!array) return NULL;
  blosc2_init();
  array->ndim = ndim;
  array->codec = codec;
  array->level = level;
  array->sharded = inner != NULL;
  array->itemsize = itemsize;
  array->units = 1;
  array->unit_bytes = (size_t)itemsize;
  for (int d = 0; d < ndim; d++) {
    array->stored[d] = stored[d];
    array->unit[d] = inner ? inner[d] : stored[d];
    array->units *= array->stored[d] / array->unit[d];
    array->unit_bytes *= (size_t)array->unit[d];
  }
  array->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (array->directory >= 0) return array;
  free(array);
  return NULL;
}
