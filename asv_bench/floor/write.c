/* Writing a selection: gather, encode, write to a temporary file, rename. Chunks and inner chunks that the selection cuts
 * are read and decoded before; of a shard, the bytes of the others are kept. Nothing is synced. */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Files ---- */

static int make_directories(const Array *array, const char *key) {
  char path[KEY_BYTES];
  for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(path, sizeof path, "%.*s", (int)(slash - key), key);
    if (mkdirat(array->directory, path, 0777) < 0 && errno != EEXIST) return 0;
  }
  return 1;
}

static int write_all(int file, const char *from, size_t size) {
  while (size) {
    ssize_t put = write(file, from, size);
    if (put < 0) return 0;
    from += put;
    size -= (size_t)put;
  }
  return 1;
}

static int publish(const Array *array, const char *key, const char *data, size_t size) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  char draft[KEY_BYTES + 8];
  snprintf(draft, sizeof draft, "%s.tmp", key);
  int file = openat(array->directory, draft, flags, 0666);
  if (file < 0 && errno == ENOENT && make_directories(array, key)) file = openat(array->directory, draft, flags, 0666);
  if (file < 0) return 0;
  int done = write_all(file, data, size);
  return close(file) == 0 && done && renameat(array->directory, draft, array->directory, key) == 0;
}

/* The bytes stored under a key, in the worker's scratch: their number, 0 where there are none, -1 when it failed. */
static ssize_t load(const Array *array, Worker *worker, const char *key) {
  struct stat status;
  int file = openat(array->directory, key, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? 0 : -1;
  ssize_t size = fstat(file, &status) < 0 ? -1 : (ssize_t)status.st_size;
  char *buffer = size > 0 ? reserve(&worker->encoded, (size_t)size) : NULL;
  if (buffer && !read_all(file, buffer, (size_t)size, 0)) size = -1;
  close(file);
  return buffer ? size : -1;
}

/* ---- Units ---- */

/* The unit as it is to be stored, in the worker's scratch "decoded"; old: its stored bytes, if any. */
static char *compose(const Selection *write, Worker *worker, const Part *part, const char *old, size_t old_size) {
  const Array *array = write->array;
  char *unit = reserve(&worker->decoded, array->unit_bytes);
  if (!unit) return NULL;
  int whole = 1;
  for (int d = 0; d < array->ndim; d++) whole &= part->count[d] == array->unit[d];
  if (!whole && old_size) {
    const char *decoded = decode(array, worker, old, old_size); /* into "decoded", unless raw */
    if (!decoded) return NULL;
    if (decoded != unit) memcpy(unit, decoded, array->unit_bytes);
  } else if (!whole) {
    memset(unit, 0, array->unit_bytes);
  }
  gather(write, part, unit);
  return unit;
}

static int write_chunk(const Selection *write, Worker *worker, const char *key, const int64_t *origin) {
  const Array *array = write->array;
  Part part;
  if (!intersect(write, origin, array->stored, &part)) return 1;
  int cut = 0;
  for (int d = 0; d < array->ndim; d++) cut |= part.count[d] != array->unit[d];
  ssize_t size = cut ? load(array, worker, key) : 0;
  char *unit = size < 0 ? NULL : compose(write, worker, &part, worker->encoded.data, (size_t)size);
  if (!unit) return 0;
  if (array->codec == RAW) return publish(array, key, unit, array->unit_bytes);
  char *encoded = reserve(&worker->result, encoded_bound(array));
  size_t n = encoded ? encode(array, worker, unit, encoded) : 0;
  return n && publish(array, key, encoded, n);
}

/* ---- Shards ---- */

static uint32_t crc32c(const char *data, size_t n) {
  uint32_t state = UINT32_MAX;
  for (size_t i = 0; i < n; i++) {
    state ^= (uint8_t)data[i];
    for (int bit = 0; bit < 8; bit++) state = state >> 1 ^ (state & 1 ? 0x82F63B78u : 0);
  }
  return ~state;
}

/* Appends unit i to the shard being made at *to, newly encoded or as it was, and notes it in the index; 0 on failure. */
static int append_unit(const Selection *write, Worker *worker, const int64_t *origin, int64_t i, const uint64_t *old,
                       size_t tail, const char *shard, char **to, uint64_t *entry) {
  const Array *array = write->array;
  int64_t unit[MAX_DIMS];
  Part part;
  int has = old && old[0] != UINT64_MAX;
  if (has && (old[0] > tail || old[1] > tail - old[0])) return 0;
  const char *bytes = has ? worker->encoded.data + old[0] : NULL;
  size_t size = has ? old[1] : 0;
  unit_origin(array, origin, i, unit);
  if (intersect(write, unit, array->unit, &part)) {
    char *made = compose(write, worker, &part, bytes, size);
    size = made ? encode(array, worker, made, *to) : 0;
    if (!size) return 0;
  } else if (has) {
    memcpy(*to, bytes, size);
  }
  entry[0] = size ? (uint64_t)(*to - shard) : UINT64_MAX;
  entry[1] = size ? size : UINT64_MAX;
  *to += size;
  return 1;
}

static int write_shard(const Selection *write, Worker *worker, const char *key, const int64_t *origin) {
  const Array *array = write->array;
  Part part;
  if (!intersect(write, origin, array->stored, &part)) return 1;
  int cut = 0;
  for (int d = 0; d < array->ndim; d++) cut |= part.count[d] != array->stored[d];
  size_t units = (size_t)array->units, index_bytes = units * ENTRY_BYTES;
  ssize_t old_size = cut ? load(array, worker, key) : 0;
  if (old_size < 0 || (old_size && (size_t)old_size < index_bytes + CHECKSUM_BYTES)) return 0;
  size_t tail = old_size ? (size_t)old_size - index_bytes - CHECKSUM_BYTES : 0;
  char *shard = reserve(&worker->result, units * encoded_bound(array) + index_bytes + CHECKSUM_BYTES), *to = shard;
  char *index = shard ? reserve(&worker->shuffled, index_bytes) : NULL;
  if (!index) return 0;
  for (size_t i = 0; i < units; i++) {
    uint64_t old[2], entry[2];
    if (old_size) memcpy(old, worker->encoded.data + tail + i * ENTRY_BYTES, sizeof old);
    if (!append_unit(write, worker, origin, (int64_t)i, old_size ? old : NULL, tail, shard, &to, entry)) return 0;
    memcpy(index + i * ENTRY_BYTES, entry, sizeof entry);
  }
  uint32_t checksum = crc32c(index, index_bytes);
  memcpy(to, index, index_bytes);
  memcpy(to + index_bytes, &checksum, sizeof checksum);
  return publish(array, key, shard, (size_t)(to - shard) + index_bytes + CHECKSUM_BYTES);
}

static int write_object(void *job, Worker *worker, int64_t i) {
  const Selection *write = job;
  int64_t index[MAX_DIMS], origin[MAX_DIMS];
  char key[KEY_BYTES];
  locate(write, i, index, origin);
  format_key(write->array, index, key);
  return (write->array->sharded ? write_shard : write_chunk)(write, worker, key, origin);
}

/* Stores in (C order, exactly the selection). The array's shape is a multiple of its chunks'. 0, or -1 when it failed. */
int floor_write(Array *array, const int64_t *start, const int64_t *count, const int64_t *step, int threads, char *in) {
  Selection write;
  select_box(&write, array, start, count, step, in);
  return run(array, write_object, &write, write.files, threads);
}
