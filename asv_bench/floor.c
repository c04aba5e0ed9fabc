/* What a read costs at the least: open and read the files, the codec's C decoder, the copy into place, in as many
 * threads as asked for, with everything worth keeping (contexts, scratch, the directory's descriptor) kept between reads.
 *
 * It knows just enough Zarr for compare.py: C order, native byte order, fill value 0, keys "c/0/1/2", raw, zstd or blosc
 * chunks, or shards of such chunks with the index (with its crc32c, which is not verified) at the end. Selections are a
 * start, a count and a positive step for each axis.
 *
 * compare.py builds it:  cc -O3 -shared -fPIC -I<blosc2>/include floor.c <blosc2>/lib/libblosc2.a -lpthread -lm -ldl */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blosc2.h"

/* The blosc2 wheel has zstd's code, but not its header. */
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *);
size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *, size_t, const void *, size_t);

enum { MAX_DIMS = 8, MAX_THREADS = 64 };
enum { RAW, ZSTD, BLOSC };
enum { CHECKSUM_BYTES = 4, ENTRY_BYTES = 16 }; /* of a shard's index */

typedef struct {
  char *data;
  size_t capacity;
} Scratch;

typedef struct {
  Scratch encoded, decoded;
  ZSTD_DCtx *zstd;
  blosc2_context *blosc;
} Worker;

typedef struct {
  int directory, ndim, codec, sharded;
  int64_t itemsize;
  int64_t stored[MAX_DIMS]; /* shape of what a file holds: a chunk or a shard */
  int64_t unit[MAX_DIMS];   /* shape of what the codec decodes: a chunk or an inner chunk */
  int64_t units;            /* in a file */
  size_t unit_bytes;
  Worker workers[MAX_THREADS];
} Array;

typedef struct {
  Array *array;
  const int64_t *start, *count, *step;
  int64_t first[MAX_DIMS], grid[MAX_DIMS], files; /* the stored objects that the selection may touch */
  int64_t out_stride[MAX_DIMS];                   /* in bytes */
  char *out;
  atomic_long next;
  atomic_int failed;
} Read;

typedef struct {
  Read *read;
  Worker *worker;
} Share;

static char *reserve(Scratch *scratch, size_t size) {
  if (size > scratch->capacity) {
    free(scratch->data);
    scratch->data = malloc(size);
    scratch->capacity = scratch->data ? size : 0;
  }
  return scratch->data;
}

/* ---- The copy into place ---- */

/* The part of the selection inside one box of the array: per axis how many elements, the first one's offset in the box
 * (in elements) and its place in the output (in selected elements). */
typedef struct {
  int64_t count[MAX_DIMS], inside[MAX_DIMS], place[MAX_DIMS];
} Part;

static int intersect(const Read *read, const int64_t *origin, const int64_t *shape, Part *part) {
  for (int d = 0; d < read->array->ndim; d++) {
    int64_t start = read->start[d], step = read->step[d];
    int64_t low = origin[d] <= start ? 0 : (origin[d] - start + step - 1) / step;
    int64_t end = origin[d] + shape[d] <= start ? 0 : (origin[d] + shape[d] - 1 - start) / step + 1;
    if (end > read->count[d]) end = read->count[d];
    if (end <= low) return 0;
    part->count[d] = end - low;
    part->inside[d] = start + low * step - origin[d];
    part->place[d] = low;
  }
  return 1;
}

#define COPY_STRIDED(type) \
  for (int64_t i = 0; i < n; i++) ((type *)to)[i] = ((const type *)from)[i * step]

static void copy_row(char *to, const char *from, int64_t n, int64_t step, int64_t itemsize) {
  if (step == 1) memcpy(to, from, (size_t)(n * itemsize));
  else if (itemsize == 1) COPY_STRIDED(uint8_t);
  else if (itemsize == 2) COPY_STRIDED(uint16_t);
  else if (itemsize == 4) COPY_STRIDED(uint32_t);
  else COPY_STRIDED(uint64_t);
}

static void place(const Read *read, const Part *part, const char *decoded) {
  const Array *array = read->array;
  int last = array->ndim - 1;
  int64_t from_stride[MAX_DIMS], at[MAX_DIMS] = {0}, stride = array->itemsize;
  char *to = read->out;
  for (int d = last; d >= 0; d--) {
    decoded += part->inside[d] * stride;
    to += part->place[d] * read->out_stride[d];
    from_stride[d] = stride * read->step[d];
    stride *= array->unit[d];
  }
  for (;;) {
    copy_row(to, decoded, part->count[last], read->step[last], array->itemsize);
    int d = last - 1;
    for (; d >= 0; d--) {
      to += read->out_stride[d];
      decoded += from_stride[d];
      if (++at[d] < part->count[d]) break;
      to -= at[d] * read->out_stride[d];
      decoded -= at[d] * from_stride[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

/* ---- The codec ---- */

/* The decoded chunk, or NULL when the bytes do not decode to one. */
static const char *decode(const Array *array, Worker *worker, const char *encoded, size_t size) {
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

static int place_fill(const Read *read, Worker *worker, const Part *part) {
  char *zeros = reserve(&worker->decoded, read->array->unit_bytes);
  if (!zeros) return 0;
  memset(zeros, 0, read->array->unit_bytes);
  place(read, part, zeros);
  return 1;
}

/* ---- Files ---- */

static int open_chunk(const Array *array, const int64_t *index) {
  char key[24 * MAX_DIMS] = "c";
  int at = 1;
  for (int d = 0; d < array->ndim; d++) at += snprintf(key + at, sizeof key - (size_t)at, "/%lld", (long long)index[d]);
  return openat(array->directory, key, O_RDONLY | O_CLOEXEC);
}

static int read_all(int file, char *to, size_t size, off_t offset) {
  while (size) {
    ssize_t got = pread(file, to, size, offset);
    if (got <= 0) return 0;
    to += got;
    offset += got;
    size -= (size_t)got;
  }
  return 1;
}

static int read_chunk(const Read *read, Worker *worker, int file, const int64_t *origin) {
  const Array *array = read->array;
  Part part;
  if (!intersect(read, origin, array->stored, &part)) return 1;
  if (file < 0) return errno == ENOENT && place_fill(read, worker, &part);
  /* An upper bound of the encoded size saves asking for it. */
  size_t bound = array->unit_bytes + array->unit_bytes / 64 + 1024;
  char *encoded = reserve(&worker->encoded, bound);
  ssize_t size = encoded ? pread(file, encoded, bound, 0) : -1;
  const char *decoded = size > 0 && (size_t)size < bound ? decode(array, worker, encoded, (size_t)size) : NULL;
  if (decoded) place(read, &part, decoded);
  return decoded != NULL;
}

/* Where inner chunk i of the shard at origin begins in the array. */
static void inner_origin(const Array *array, const int64_t *origin, int64_t i, int64_t *inner) {
  for (int d = array->ndim - 1; d >= 0; d--) {
    int64_t across = array->stored[d] / array->unit[d];
    inner[d] = origin[d] + i % across * array->unit[d];
    i /= across;
  }
}

static int64_t count_wanted(const Read *read, const int64_t *origin) {
  int64_t inner[MAX_DIMS], wanted = 0;
  Part part;
  for (int64_t i = 0; i < read->array->units; i++) {
    inner_origin(read->array, origin, i, inner);
    wanted += intersect(read, inner, read->array->unit, &part);
  }
  return wanted;
}

static int fill_shard(const Read *read, Worker *worker, const int64_t *origin) {
  int64_t inner[MAX_DIMS];
  Part part;
  for (int64_t i = 0; i < read->array->units; i++) {
    inner_origin(read->array, origin, i, inner);
    if (intersect(read, inner, read->array->unit, &part) && !place_fill(read, worker, &part)) return 0;
  }
  return 1;
}

static int read_shard(const Read *read, Worker *worker, int file, const int64_t *origin) {
  const Array *array = read->array;
  int64_t inner[MAX_DIMS], wanted = count_wanted(read, origin);
  if (!wanted) return 1;
  if (file < 0) return errno == ENOENT && fill_shard(read, worker, origin);
  struct stat status;
  size_t index_bytes = (size_t)array->units * ENTRY_BYTES;
  if (fstat(file, &status) < 0 || (size_t)status.st_size < index_bytes + CHECKSUM_BYTES) return 0;
  /* Mostly wanted: one read for all. Else the index, and a read for each inner chunk, laid behind it. */
  int whole = wanted * 2 >= array->units;
  size_t size = (size_t)status.st_size, tail = size - index_bytes - CHECKSUM_BYTES;
  size_t bound = array->unit_bytes + array->unit_bytes / 64 + 1024;
  char *buffer = reserve(&worker->encoded, whole ? size : index_bytes + bound);
  if (!buffer || !read_all(file, buffer, whole ? size : index_bytes, whole ? 0 : (off_t)tail)) return 0;
  const char *index = whole ? buffer + tail : buffer;
  for (int64_t i = 0; i < array->units; i++) {
    uint64_t entry[2];
    Part part;
    inner_origin(array, origin, i, inner);
    if (!intersect(read, inner, array->unit, &part)) continue;
    memcpy(entry, index + i * ENTRY_BYTES, sizeof entry);
    if (entry[0] == UINT64_MAX) {
      if (!place_fill(read, worker, &part)) return 0;
      continue;
    }
    if (entry[1] > bound || entry[0] > tail || entry[1] > tail - entry[0]) return 0;
    const char *encoded = whole ? buffer + entry[0] : buffer + index_bytes;
    if (!whole && !read_all(file, buffer + index_bytes, entry[1], (off_t)entry[0])) return 0;
    const char *decoded = decode(array, worker, encoded, entry[1]);
    if (!decoded) return 0;
    place(read, &part, decoded);
  }
  return 1;
}

/* ---- Threads ---- */

static void *work(void *argument) {
  Share *share = argument;
  Read *read = share->read;
  const Array *array = read->array;
  long i;
  while ((i = atomic_fetch_add(&read->next, 1)) < read->files) {
    int64_t index[MAX_DIMS], origin[MAX_DIMS];
    for (int d = array->ndim - 1; d >= 0; d--) {
      index[d] = read->first[d] + i % read->grid[d];
      origin[d] = index[d] * array->stored[d];
      i /= read->grid[d];
    }
    int file = open_chunk(array, index);
    int done = array->sharded ? read_shard(read, share->worker, file, origin) : read_chunk(read, share->worker, file, origin);
    if (!done) atomic_store(&read->failed, 1);
    if (file >= 0) close(file);
  }
  return NULL;
}

/* Fills out (C order, exactly the selection). The caller is one of the threads. 0, or -1 when something failed. */
int floor_read(Array *array, const int64_t *start, const int64_t *count, const int64_t *step, int threads, char *out) {
  Read read = {.array = array, .start = start, .count = count, .step = step, .out = out, .files = 1};
  int64_t stride = array->itemsize;
  for (int d = array->ndim - 1; d >= 0; d--) {
    read.out_stride[d] = stride;
    stride *= count[d];
    read.first[d] = start[d] / array->stored[d];
    read.grid[d] = (start[d] + (count[d] - 1) * step[d]) / array->stored[d] - read.first[d] + 1;
    read.files *= read.grid[d];
  }
  if (!stride) return 0;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if (threads > read.files) threads = (int)read.files;
  pthread_t helpers[MAX_THREADS];
  Share shares[MAX_THREADS];
  int started = 1;
  for (int i = 0; i < threads; i++) shares[i] = (Share){&read, &array->workers[i]};
  while (started < threads && !pthread_create(&helpers[started], NULL, work, &shares[started])) started++;
  work(&shares[0]);
  for (int i = 1; i < started; i++) pthread_join(helpers[i], NULL);
  return read.failed ? -1 : 0;
}

/* One chunk by its place in the grid (of inner chunks, in a shard), in the calling thread. */
int floor_chunk(Array *array, const int64_t *index, char *out) {
  int64_t start[MAX_DIMS], step[MAX_DIMS];
  for (int d = 0; d < array->ndim; d++) {
    start[d] = index[d] * array->unit[d];
    step[d] = 1;
  }
  return floor_read(array, start, array->unit, step, 1, out);
}

/* One element, in the calling thread. */
int floor_scalar(Array *array, const int64_t *index, char *out) {
  static const int64_t one[MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
  return floor_read(array, index, one, one, 1, out);
}

/* ---- Opening and closing, outside the timer ---- */

void floor_close(Array *array) {
  for (int i = 0; i < MAX_THREADS; i++) {
    Worker *worker = &array->workers[i];
    free(worker->encoded.data);
    free(worker->decoded.data);
    if (worker->zstd) ZSTD_freeDCtx(worker->zstd);
    if (worker->blosc) blosc2_free_ctx(worker->blosc);
  }
  close(array->directory);
  free(array);
}

/* inner: shape of a shard's inner chunks, or NULL. codec: 0 raw, 1 zstd, 2 blosc. NULL when it can't be opened. */
Array *floor_open(const char *path, int ndim, const int64_t *stored, const int64_t *inner, int64_t itemsize, int codec) {
  if (ndim < 1 || ndim > MAX_DIMS) return NULL;
  Array *array = calloc(1, sizeof *array);
  if (!array) return NULL;
  blosc2_init();
  array->ndim = ndim;
  array->codec = codec;
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
