/* Opening, selections, the copy between a unit and the caller's memory, and threads. */
#include "floor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not by malloc: 16 bytes behind a page's beginning, AMD's processors read files at a tenth of their speed. */
char *reserve(Scratch *scratch, size_t size) {
  if (size > scratch->capacity) {
    void *memory = NULL;
    free(scratch->data);
    scratch->data = posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
    scratch->capacity = scratch->data ? size : 0;
  }
  return scratch->data;
}

/* ---- Selections ---- */

void select_box(Selection *selection, Array *array, const int64_t *start, const int64_t *count, const int64_t *step,
                char *memory) {
  *selection = (Selection){.array = array, .start = start, .count = count, .step = step, .memory = memory, .files = 1};
  int64_t stride = array->itemsize;
  for (int d = array->ndim - 1; d >= 0; d--) {
    selection->stride[d] = stride;
    stride *= count[d];
    selection->first[d] = start[d] / array->stored[d];
    selection->grid[d] = count[d] ? (start[d] + (count[d] - 1) * step[d]) / array->stored[d] - selection->first[d] + 1 : 0;
    selection->files *= selection->grid[d];
  }
}

void locate(const Selection *selection, int64_t i, int64_t *index, int64_t *origin) {
  for (int d = selection->array->ndim - 1; d >= 0; d--) {
    index[d] = selection->first[d] + i % selection->grid[d];
    origin[d] = index[d] * selection->array->stored[d];
    i /= selection->grid[d];
  }
}

void unit_origin(const Array *array, const int64_t *origin, int64_t i, int64_t *unit) {
  for (int d = array->ndim - 1; d >= 0; d--) {
    int64_t across = array->stored[d] / array->unit[d];
    unit[d] = origin[d] + i % across * array->unit[d];
    i /= across;
  }
}

int intersect(const Selection *selection, const int64_t *origin, const int64_t *shape, Part *part) {
  for (int d = 0; d < selection->array->ndim; d++) {
    int64_t start = selection->start[d], step = selection->step[d];
    int64_t low = origin[d] <= start ? 0 : (origin[d] - start + step - 1) / step;
    int64_t end = origin[d] + shape[d] <= start ? 0 : (origin[d] + shape[d] - 1 - start) / step + 1;
    if (end > selection->count[d]) end = selection->count[d];
    if (end <= low) return 0;
    part->count[d] = end - low;
    part->inside[d] = start + low * step - origin[d];
    part->place[d] = low;
  }
  return 1;
}

/* ---- The copy into place ---- */

#define COPY_ROW(type) \
  for (int64_t i = 0; i < n; i++) *(type *)(to + i * to_step) = *(const type *)(from + i * from_step)

static void copy_row(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n, int64_t itemsize) {
  if (to_step == itemsize && from_step == itemsize) memcpy(to, from, (size_t)(n * itemsize));
  else if (itemsize == 1) COPY_ROW(uint8_t);
  else if (itemsize == 2) COPY_ROW(uint16_t);
  else if (itemsize == 4) COPY_ROW(uint32_t);
  else COPY_ROW(uint64_t);
}

static void copy_box(int ndim, const int64_t *count, int64_t itemsize, char *to, const int64_t *to_stride,
                     const char *from, const int64_t *from_stride) {
  int last = ndim - 1;
  int64_t at[MAX_DIMS] = {0}, to_step = to_stride[last], from_step = from_stride[last], n = count[last];
  /* Axes behind which nothing is left out on either side are one row. */
  while (last && to_stride[last - 1] == n * to_step && from_stride[last - 1] == n * from_step) n *= count[--last];
  for (;;) {
    copy_row(to, to_step, from, from_step, n, itemsize);
    int d = last - 1;
    for (; d >= 0; d--) {
      to += to_stride[d];
      from += from_stride[d];
      if (++at[d] < count[d]) break;
      to -= at[d] * to_stride[d];
      from -= at[d] * from_stride[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

/* Offsets of a part in the unit and in the memory, and the part's strides in the unit. */
static void offsets(const Selection *selection, const Part *part, int64_t *in_unit, int64_t *in_memory,
                    int64_t *unit_stride) {
  const Array *array = selection->array;
  int64_t stride = array->itemsize;
  *in_unit = *in_memory = 0;
  for (int d = array->ndim - 1; d >= 0; d--) {
    *in_unit += part->inside[d] * stride;
    *in_memory += part->place[d] * selection->stride[d];
    unit_stride[d] = stride * selection->step[d];
    stride *= array->unit[d];
  }
}

void scatter(const Selection *selection, const Part *part, const char *unit) {
  int64_t in_unit, in_memory, stride[MAX_DIMS];
  offsets(selection, part, &in_unit, &in_memory, stride);
  copy_box(selection->array->ndim, part->count, selection->array->itemsize, selection->memory + in_memory,
           selection->stride, unit + in_unit, stride);
}

void gather(const Selection *selection, const Part *part, char *unit) {
  int64_t in_unit, in_memory, stride[MAX_DIMS];
  offsets(selection, part, &in_unit, &in_memory, stride);
  copy_box(selection->array->ndim, part->count, selection->array->itemsize, unit + in_unit, stride,
           selection->memory + in_memory, selection->stride);
}

/* ---- Files ---- */

void format_key(const Array *array, const int64_t *index, char *key) {
  int at = sprintf(key, "c");
  for (int d = 0; d < array->ndim; d++) at += snprintf(key + at, KEY_BYTES - (size_t)at, "/%lld", (long long)index[d]);
}

int read_all(int file, char *to, size_t size, off_t offset) {
  while (size) {
    ssize_t got = pread(file, to, size, offset);
    if (got <= 0) return 0;
    to += got;
    offset += got;
    size -= (size_t)got;
  }
  return 1;
}

/* ---- Threads ---- */

typedef struct {
  Task task;
  void *job;
  int64_t n;
  atomic_long next;
  atomic_int failed;
} Queue;

typedef struct {
  Queue *queue;
  Worker *worker;
} Share;

static void *work(void *argument) {
  Share *share = argument;
  Queue *queue = share->queue;
  int64_t i;
  while ((i = atomic_fetch_add(&queue->next, 1)) < queue->n)
    if (!queue->task(queue->job, share->worker, i)) atomic_store(&queue->failed, 1);
  return NULL;
}

int run(Array *array, Task task, void *job, int64_t n, int threads) {
  Queue queue = {.task = task, .job = job, .n = n};
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if (threads > n) threads = n ? (int)n : 1;
  pthread_t helpers[MAX_THREADS];
  Share shares[MAX_THREADS];
  int started = 1;
  for (int i = 0; i < threads; i++) shares[i] = (Share){&queue, &array->workers[i]};
  while (started < threads && !pthread_create(&helpers[started], NULL, work, &shares[started])) started++;
  work(&shares[0]);
  for (int i = 1; i < started; i++) pthread_join(helpers[i], NULL);
  return queue.failed ? -1 : 0;
}
