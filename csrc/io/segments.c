#include "io/posix.h"

#include "io/segments.h"
#include "io/file_copy.h"
#include "memory/page_alias.h"

#if SZ_HAVE_FILES
#include <string.h>
#include <sys/uio.h>

enum { VECTORS = 256, LARGEST_TRANSFER = 16 << 20 };

/* Write segments in memory from number *at on, as many as one call takes, and advance *at and *done. *done
 * bytes of the first are already written. */
static int write_some(int fd, const sz_segment *segments, size_t n, size_t *at, size_t *done) {
  struct iovec vectors[VECTORS];
  int k = 0;
  size_t total = 0, skip = *done;
  for (size_t i = *at; i < n && k < VECTORS && segments[i].data != NULL; i++, skip = 0) {
    if (total >= LARGEST_TRANSFER) break;
    const size_t left = segments[i].n - skip;
    if (left == 0) continue;
    vectors[k].iov_base = (void *)(uintptr_t)(segments[i].data + skip);
    vectors[k].iov_len = left < LARGEST_TRANSFER ? left : LARGEST_TRANSFER;
    total += vectors[k++].iov_len;
  }
  const ssize_t written = k > 0 ? writev(fd, vectors, k) : 0;
  if (written < 0 && errno == EINTR) return SZ_OK;
  if (written < 0 || (k > 0 && written == 0)) {
    if (written == 0) errno = EIO;
    return SZ_IO;
  }
  *done += (size_t)written;
  for (; *at < n && segments[*at].data != NULL && *done >= segments[*at].n; ++*at) *done -= segments[*at].n;
  return SZ_OK;
}

static int write_each(int fd, const sz_segment *segments, size_t n, int source_fd, const sz_pause *pause) {
  size_t at = 0, done = 0; /* the next segment, and how many of its bytes are written */
  int status = SZ_OK;
  while (at < n && status == SZ_OK) {
    const sz_segment *segment = &segments[at];
    if (segment->data != NULL) {
      status = write_some(fd, segments, n, &at, &done);
      if (status == SZ_OK && at < n && sz_look(pause) != SZ_OK) {
        errno = ECANCELED;
        status = SZ_IO;
      }
      continue;
    }
    status = sz_copy_range(source_fd, segment->offset, fd, segment->n, pause);
    at++;
  }
  return status;
}

/* Return how many zeros to leave out at the end: whole pages, or all n bytes. */
static size_t zeros_at_end(const char *data, size_t n) {
  static const char zeros[SZ_PAGE];
  size_t count = 0;
  for (size_t step; count < n; count += step) {
    step = n - count < SZ_PAGE ? n - count : SZ_PAGE;
    if (data[n - count - 1] != 0 || memcmp(data + n - count - step, zeros, step) != 0) break;
  }
  return count;
}

int sz_write_segments(int fd, const sz_segment *segments, size_t n, int source_fd, int holes,
                      const sz_pause *pause) {
  enum { WORTH_IT = 4 * SZ_PAGE };
  sz_segment last = n > 0 ? segments[n - 1] : (sz_segment){0};
  const size_t zeros = holes && last.data != NULL ? zeros_at_end(last.data, last.n) : 0;
  if (zeros < WORTH_IT) return write_each(fd, segments, n, source_fd, pause);
  size_t size = 0;
  for (size_t i = 0; i < n; i++) size += segments[i].n;
  last.n -= zeros;
  if (write_each(fd, segments, n - 1, source_fd, pause) != SZ_OK) return SZ_IO;
  if (write_each(fd, &last, 1, source_fd, pause) != SZ_OK) return SZ_IO;
  while (ftruncate(fd, (off_t)size) != 0)
    if (errno != EINTR) return SZ_IO;
  return SZ_OK;
}
#else
int sz_write_segments(int fd, const sz_segment *segments, size_t n, int source_fd, int holes,
                      const sz_pause *pause) {
  (void)fd, (void)segments, (void)n, (void)source_fd, (void)holes, (void)pause;
  return sz_refuse();
}
#endif
