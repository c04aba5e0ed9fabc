/* Reading many boxes of one shape: each unit that some of them touch is read and decoded once, and placed in all. */
#include "floor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* That box touches the unit number "inside" of the stored object with this grid index, flattened over the whole array. */
typedef struct {
  int64_t file, inside, box;
} Touch;

typedef struct {
  Array *array;
  Selection *boxes;
  Touch *touches; /* sorted */
  int64_t *groups, grid[MAX_DIMS]; /* where the touches of each stored object begin, and where all end */
} Batch;

static int compare(const void *a, const void *b) {
  const Touch *x = a, *y = b;
  if (x->file != y->file) return x->file < y->file ? -1 : 1;
  return x->inside < y->inside ? -1 : x->inside > y->inside;
}

/* Lists the touches of one box; gives their number, and only counts where touches is NULL. */
static int64_t list_touches(const Batch *batch, int64_t box, Touch *touches) {
  const Array *array = batch->array;
  const Selection *selection = &batch->boxes[box];
  int64_t low[MAX_DIMS], across[MAX_DIMS], n = 1;
  for (int d = 0; d < array->ndim; d++) {
    low[d] = selection->start[d] / array->unit[d];
    across[d] = (selection->start[d] + selection->count[d] - 1) / array->unit[d] - low[d] + 1;
    n *= across[d];
  }
  for (int64_t i = 0; touches && i < n; i++) {
    int64_t rest = i, at[MAX_DIMS], file = 0, inside = 0;
    for (int d = array->ndim - 1; d >= 0; d--) {
      at[d] = low[d] + rest % across[d];
      rest /= across[d];
    }
    for (int d = 0; d < array->ndim; d++) {
      int64_t per_file = array->stored[d] / array->unit[d];
      file = file * batch->grid[d] + at[d] / per_file;
      inside = inside * per_file + at[d] % per_file;
    }
    touches[i] = (Touch){file, inside, box};
  }
  return n;
}

/* Decodes one unit and places it in the boxes of touches[0 .. n). */
static int place_unit(const Batch *batch, Worker *worker, const int64_t *origin, const Touch *touches, int64_t n,
                      const char *encoded, size_t size) {
  int64_t unit[MAX_DIMS];
  const char *decoded = decode(batch->array, worker, encoded, size);
  if (!decoded) return 0;
  unit_origin(batch->array, origin, touches->inside, unit);
  for (int64_t i = 0; i < n; i++) {
    Part part;
    const Selection *box = &batch->boxes[touches[i].box];
    if (intersect(box, unit, batch->array->unit, &part)) scatter(box, &part, decoded);
  }
  return 1;
}

static int64_t same_unit(const Touch *touches, int64_t n) {
  int64_t i = 1;
  while (i < n && touches[i].inside == touches->inside) i++;
  return i;
}

static int read_units(const Batch *batch, Worker *worker, int file, const int64_t *origin, const Touch *touches, int64_t n) {
  const Array *array = batch->array;
  struct stat status;
  size_t bound = encoded_bound(array), index_bytes = array->sharded ? (size_t)array->units * ENTRY_BYTES : 0;
  char *index = reserve(&worker->encoded, index_bytes + bound), *encoded = index + index_bytes;
  if (!index || fstat(file, &status) < 0) return 0;
  size_t size = (size_t)status.st_size;
  if (array->sharded) {
    if (size < index_bytes + CHECKSUM_BYTES) return 0;
    size -= index_bytes + CHECKSUM_BYTES;
    if (!read_all(file, index, index_bytes, (off_t)size)) return 0;
  }
  for (int64_t i = 0, same; i < n; i += same) {
    uint64_t entry[2] = {0, size};
    same = same_unit(touches + i, n - i);
    if (array->sharded) memcpy(entry, index + touches[i].inside * ENTRY_BYTES, sizeof entry);
    if (entry[1] > bound || entry[0] > size || entry[1] > size - entry[0]) return 0;
    if (!read_all(file, encoded, entry[1], (off_t)entry[0])) return 0;
    if (!place_unit(batch, worker, origin, touches + i, same, encoded, entry[1])) return 0;
  }
  return 1;
}

static int read_group(void *job, Worker *worker, int64_t group) {
  const Batch *batch = job;
  const Array *array = batch->array;
  const Touch *touches = batch->touches + batch->groups[group];
  int64_t index[MAX_DIMS], origin[MAX_DIMS], rest = touches->file;
  char key[KEY_BYTES];
  for (int d = array->ndim - 1; d >= 0; d--) {
    index[d] = rest % batch->grid[d];
    origin[d] = index[d] * array->stored[d];
    rest /= batch->grid[d];
  }
  format_key(array, index, key);
  int file = openat(array->directory, key, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  int done = read_units(batch, worker, file, origin, touches, batch->groups[group + 1] - batch->groups[group]);
  close(file);
  return done;
}

static int read_batch(Batch *batch, int64_t n, int threads) {
  int64_t total = 0, groups = 0;
  for (int64_t i = 0; i < n; i++) total += list_touches(batch, i, NULL);
  batch->touches = malloc((size_t)total * sizeof *batch->touches);
  batch->groups = malloc((size_t)(total + 1) * sizeof *batch->groups);
  if (!batch->touches || !batch->groups) return -1;
  for (int64_t i = 0, at = 0; i < n; i++) at += list_touches(batch, i, batch->touches + at);
  qsort(batch->touches, (size_t)total, sizeof *batch->touches, compare);
  for (int64_t i = 0; i < total; i++)
    if (!i || batch->touches[i].file != batch->touches[i - 1].file) batch->groups[groups++] = i;
  batch->groups[groups] = total;
  return run(batch->array, read_group, batch, groups, threads);
}

/* n boxes of the shape count, one after another in out; starts: n x ndim. All chunks must be stored. 0, or -1. */
int floor_many(Array *array, const int64_t *shape, int64_t n, const int64_t *starts, const int64_t *count, int threads,
               char *out) {
  static const int64_t ones[MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
  Batch batch = {.array = array, .boxes = malloc((size_t)n * sizeof *batch.boxes)};
  size_t box_bytes = (size_t)array->itemsize;
  for (int d = 0; d < array->ndim; d++) {
    batch.grid[d] = (shape[d] + array->stored[d] - 1) / array->stored[d];
    box_bytes *= (size_t)count[d];
  }
  int status = -1;
  if (batch.boxes) {
    for (int64_t i = 0; i < n; i++)
      select_box(&batch.boxes[i], array, starts + i * array->ndim, count, ones, out + (size_t)i * box_bytes);
    status = read_batch(&batch, n, threads);
  }
  free(batch.boxes);
  free(batch.touches);
  free(batch.groups);
  return status;
}
