/* Reading rows in the order of chunks: each chunk is decoded once, and its rows are placed, or converted, where they go. */
#include "floor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  Array *array;
  const int64_t *chunks, *places; /* numbers of chunks along axis 0; for each of their rows its place, or -1 */
  char *out;
  float scale; /* 0: rows are copied as they are, otherwise bytes become floats */
} Rows;

static void convert(float *restrict to, const uint8_t *restrict from, size_t n, float scale) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i] * scale;
}

static int read_chunk(void *job, Worker *worker, int64_t i) {
  const Rows *rows = job;
  const Array *array = rows->array;
  int64_t index[MAX_DIMS] = {rows->chunks[i]};
  size_t n = array->unit_bytes / (size_t)array->unit[0];
  char key[KEY_BYTES], *encoded = reserve(&worker->encoded, encoded_bound(array));
  struct stat status;
  format_key(array, index, key);
  int file = openat(array->directory, key, O_RDONLY | O_CLOEXEC), done = 0;
  if (file < 0 || !encoded) return 0;
  if (fstat(file, &status) == 0 && (size_t)status.st_size <= encoded_bound(array))
    done = read_all(file, encoded, (size_t)status.st_size, 0);
  close(file);
  const char *decoded = done ? decode(array, worker, encoded, (size_t)status.st_size) : NULL;
  if (!decoded) return 0;
  for (int64_t row = 0; row < array->unit[0]; row++) {
    int64_t place = rows->places[i * array->unit[0] + row];
    if (place < 0) continue;
    const char *from = decoded + (size_t)row * n;
    if (rows->scale != 0)
      convert((float *)(rows->out + (size_t)place * n * sizeof(float)), (const uint8_t *)from, n, rows->scale);
    else
      memcpy(rows->out + (size_t)place * n, from, n);
  }
  return 1;
}

/* Chunks must span all axes but the first, and be files of their own. 0, or -1. */
int floor_rows(Array *array, int64_t n, const int64_t *chunks, const int64_t *places, float scale, int threads, char *out) {
  Rows rows = {array, chunks, places, out, scale};
  return run(array, read_chunk, &rows, n, threads);
}
