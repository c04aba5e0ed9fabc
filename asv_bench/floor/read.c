/* Reading a selection: each file opened once, each unit decoded once, and placed. */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int place_fill(const Selection *read, Worker *worker, const Part *part) {
  char *zeros = reserve(&worker->decoded, read->array->unit_bytes);
  if (!zeros) return 0;
  memset(zeros, 0, read->array->unit_bytes);
  scatter(read, part, zeros);
  return 1;
}

static int read_chunk(const Selection *read, Worker *worker, int file, const int64_t *origin) {
  const Array *array = read->array;
  Part part;
  if (!intersect(read, origin, array->stored, &part)) return 1;
  if (file < 0) return errno == ENOENT && place_fill(read, worker, &part);
  /* An upper bound of the encoded size saves asking for it. */
  size_t bound = encoded_bound(array);
  char *encoded = reserve(&worker->encoded, bound);
  ssize_t size = encoded ? pread(file, encoded, bound, 0) : -1;
  const char *decoded = size > 0 && (size_t)size < bound ? decode(array, worker, encoded, (size_t)size) : NULL;
  if (decoded) scatter(read, &part, decoded);
  return decoded != NULL;
}

static int64_t count_wanted(const Selection *read, const int64_t *origin) {
  int64_t unit[MAX_DIMS], wanted = 0;
  Part part;
  for (int64_t i = 0; i < read->array->units; i++) {
    unit_origin(read->array, origin, i, unit);
    wanted += intersect(read, unit, read->array->unit, &part);
  }
  return wanted;
}

static int fill_shard(const Selection *read, Worker *worker, const int64_t *origin) {
  int64_t unit[MAX_DIMS];
  Part part;
  for (int64_t i = 0; i < read->array->units; i++) {
    unit_origin(read->array, origin, i, unit);
    if (intersect(read, unit, read->array->unit, &part) && !place_fill(read, worker, &part)) return 0;
  }
  return 1;
}

static int read_shard(const Selection *read, Worker *worker, int file, const int64_t *origin) {
  const Array *array = read->array;
  int64_t unit[MAX_DIMS], wanted = count_wanted(read, origin);
  if (!wanted) return 1;
  if (file < 0) return errno == ENOENT && fill_shard(read, worker, origin);
  struct stat status;
  size_t index_bytes = (size_t)array->units * ENTRY_BYTES;
  if (fstat(file, &status) < 0 || (size_t)status.st_size < index_bytes + CHECKSUM_BYTES) return 0;
  /* Mostly wanted: one read for all. Else the index, and a read for each inner chunk, laid behind it. */
  int whole = wanted * 2 >= array->units;
  size_t size = (size_t)status.st_size, tail = size - index_bytes - CHECKSUM_BYTES, bound = encoded_bound(array);
  char *buffer = reserve(&worker->encoded, whole ? size : index_bytes + bound);
  if (!buffer || !read_all(file, buffer, whole ? size : index_bytes, whole ? 0 : (off_t)tail)) return 0;
  const char *index = whole ? buffer + tail : buffer;
  for (int64_t i = 0; i < array->units; i++) {
    uint64_t entry[2];
    Part part;
    unit_origin(array, origin, i, unit);
    if (!intersect(read, unit, array->unit, &part)) continue;
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
    scatter(read, &part, decoded);
  }
  return 1;
}

static int read_object(void *job, Worker *worker, int64_t i) {
  const Selection *read = job;
  const Array *array = read->array;
  int64_t index[MAX_DIMS], origin[MAX_DIMS];
  char key[KEY_BYTES];
  locate(read, i, index, origin);
  format_key(array, index, key);
  int file = openat(array->directory, key, O_RDONLY | O_CLOEXEC);
  int done = array->sharded ? read_shard(read, worker, file, origin) : read_chunk(read, worker, file, origin);
  if (file >= 0) close(file);
  return done;
}

/* Fills out (C order, exactly the selection). 0, or -1 when something failed. */
int floor_read(Array *array, const int64_t *start, const int64_t *count, const int64_t *step, int threads, char *out) {
  Selection read;
  select_box(&read, array, start, count, step, out);
  return run(array, read_object, &read, read.files, threads);
}

static const int64_t ONES[MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};

/* One chunk by its place in the grid (of inner chunks, in a shard), in the calling thread. */
int floor_chunk(Array *array, const int64_t *index, char *out) {
  int64_t start[MAX_DIMS];
  for (int d = 0; d < array->ndim; d++) start[d] = index[d] * array->unit[d];
  return floor_read(array, start, array->unit, ONES, 1, out);
}

/* One element, in the calling thread. */
int floor_scalar(Array *array, const int64_t *index, char *out) { return floor_read(array, index, ONES, ONES, 1, out); }
