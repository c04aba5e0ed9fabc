#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* ftruncate and writev also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "io/parts.h"

#include <errno.h>

#include "io/file_copy.h"
#include "io/files.h"
#include "memory/pages.h"
#include "status.h"

#if SZ_HAVE_FILES
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS = 256, LARGEST_TRANSFER = 16 << 20 };

/* Writes the parts in memory from number *at on, up to one that is not, as many as one call takes. */
static int write_some(int fd, const sz_part *parts, size_t n, size_t *at, size_t *done) {
  struct iovec vectors[PARTS];
  int k = 0;
  size_t total = 0, skip = *done;
  for (size_t i = *at; i < n && k < PARTS && parts[i].data != NULL; i++, skip = 0) {
    if (total >= LARGEST_TRANSFER) break;
    const size_t left = parts[i].n - skip;
    if (left == 0) continue;
    vectors[k].iov_base = (void *)(uintptr_t)(parts[i].data + skip);
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
  for (; *at < n && parts[*at].data != NULL && *done >= parts[*at].n; ++*at) *done -= parts[*at].n;
  return SZ_OK;
}

static int write_parts(int fd, const sz_part *parts, size_t n, int kept, const sz_pause *pause) {
  size_t at = 0, done = 0; /* the part to go on with, and how much of it is written */
  int status = SZ_OK;
  while (at < n && status == SZ_OK) {
    const sz_part *part = &parts[at];
    if (part->data != NULL) {
      status = write_some(fd, parts, n, &at, &done);
      if (status == SZ_OK && at < n && sz_look(pause) != SZ_OK) {
        errno = ECANCELED;
        status = SZ_IO;
      }
      continue;
    }
    status = sz_copy_range(kept, part->offset, fd, part->n, pause);
    at++;
  }
  return status;
}

/* How many zeros there are at the end, found page by page. */
static size_t zeros_at_end(const char *data, size_t n) {
  static const char zeros[SZ_PAGE];
  size_t count = 0;
  for (size_t step; count < n; count += step) {
    step = n - count < SZ_PAGE ? n - count : SZ_PAGE;
    if (data[n - count - 1] != 0 || memcmp(data + n - count - step, zeros, step) != 0) break;
  }
  return count;
}

int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, int holes, const sz_pause *pause) {
  enum { WORTH_IT = 4 * SZ_PAGE };
  sz_part last = n > 0 ? parts[n - 1] : (sz_part){0};
  const size_t zeros = holes && last.data != NULL ? zeros_at_end(last.data, last.n) : 0;
  if (zeros < WORTH_IT) return write_parts(fd, parts, n, kept, pause);
  size_t size = 0;
  for (size_t i = 0; i < n; i++) size += parts[i].n;
  last.n -= zeros;
  if (write_parts(fd, parts, n - 1, kept, pause) != SZ_OK) return SZ_IO;
  if (write_parts(fd, &last, 1, kept, pause) != SZ_OK) return SZ_IO;
  while (ftruncate(fd, (off_t)size) != 0)
    if (errno != EINTR) return SZ_IO;
  return SZ_OK;
}
#else
int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, int holes, const sz_pause *pause) {
  (void)fd, (void)parts, (void)n, (void)kept, (void)holes, (void)pause;
  errno = ENOSYS;
  return SZ_IO;
}
#endif
