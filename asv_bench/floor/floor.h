/* What reading and writing cost at the least: open files, the codec in C, the copy into place, in as many threads as asked
 * for, with everything worth keeping (contexts, scratch, the directory's descriptor) kept between calls.
 *
 * It knows just enough Zarr for compare.py: C order, native byte order, fill value 0, keys "c/0/1/2", raw, zstd or blosc
 * chunks (lz4 and byte shuffle, when written), or shards of such chunks with the index (with its crc32c, which reads do
 * not verify) at the end. Selections are a start, a count and a positive step for each axis.
 *
 * compare.py builds it:  cc -O3 -shared -fPIC -I<blosc2>/include *.c <blosc2>/lib/libblosc2.a -lpthread -lm -ldl */
#ifndef FLOOR_H
#define FLOOR_H
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_DIMS = 8, MAX_THREADS = 64, KEY_BYTES = 24 * MAX_DIMS };
enum { RAW, ZSTD, BLOSC };
enum { CHECKSUM_BYTES = 4, ENTRY_BYTES = 16 }; /* of a shard's index */

typedef struct {
  char *data;
  size_t capacity;
} Scratch;

/* One thread's belongings. */
typedef struct {
  Scratch encoded, decoded, shuffled, result;
  void *zstd, *zstd_writer, *blosc;
} Worker;

typedef struct {
  int directory, ndim, codec, level, sharded;
  int64_t itemsize;
  int64_t stored[MAX_DIMS]; /* shape of what a file holds: a chunk or a shard */
  int64_t unit[MAX_DIMS];   /* shape of what the codec decodes: a chunk or an inner chunk */
  int64_t units;            /* in a file */
  size_t unit_bytes;
  Worker workers[MAX_THREADS];
} Array;

/* A selection of an array, and the caller's memory for it: C order, exactly the selection. */
typedef struct {
  Array *array;
  const int64_t *start, *count, *step;
  int64_t first[MAX_DIMS], grid[MAX_DIMS], files; /* the stored objects that the selection may touch */
  int64_t stride[MAX_DIMS];                       /* of the memory, in bytes */
  char *memory;
} Selection;

/* The part of a selection inside one box of the array: per axis how many elements, the first one's offset in the box
 * (in elements) and its place in the memory (in selected elements). */
typedef struct {
  int64_t count[MAX_DIMS], inside[MAX_DIMS], place[MAX_DIMS];
} Part;

/* Work on the stored object number i (in C order over all that are touched); 0 when it failed. */
typedef int (*Task)(void *job, Worker *worker, int64_t i);

char *reserve(Scratch *scratch, size_t size);
void select_box(Selection *selection, Array *array, const int64_t *start, const int64_t *count, const int64_t *step,
                char *memory);
/* Grid index and origin of the stored object number i of a selection. */
void locate(const Selection *selection, int64_t i, int64_t *index, int64_t *origin);
/* Where unit i of the stored object at origin begins in the array. */
void unit_origin(const Array *array, const int64_t *origin, int64_t i, int64_t *unit);
int intersect(const Selection *selection, const int64_t *origin, const int64_t *shape, Part *part);
/* Copies a part out of a decoded unit into the selection's memory, or the other way. */
void scatter(const Selection *selection, const Part *part, const char *unit);
void gather(const Selection *selection, const Part *part, char *unit);
void format_key(const Array *array, const int64_t *index, char *key);
int read_all(int file, char *to, size_t size, off_t offset);
/* The decoded unit, or NULL when the bytes do not decode to one. Raw bytes are given back as they are. */
const char *decode(const Array *array, Worker *worker, const char *encoded, size_t size);
/* The most that a unit may need when encoded. */
size_t encoded_bound(const Array *array);
/* Bytes written to where encoded_bound() of them fit; 0 when it failed. */
size_t encode(const Array *array, Worker *worker, const char *unit, char *encoded);
/* Threads (the caller is one of them) draw the numbers below n. 0, or -1 when something failed. */
int run(Array *array, Task task, void *job, int64_t n, int threads);
#endif
