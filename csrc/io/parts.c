#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* ftruncate and writev also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "io/parts.h"

#include <errno.h>

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

static int write_parts(int fd, const sz_part *parts, size_t n, int kept, sz_relay *relay,
                       const sz_pause *pause) {
  sz_relay own;            /* where no other is given, from the first part on that needs one */
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
    if (relay == NULL && (status = sz_relay_begin(&own)) == SZ_OK) relay = &own;
    if (status == SZ_OK) status = sz_relay_copy(relay, kept, part->offset, fd, part->n, pause);
    at++;
  }
  if (relay == &own) sz_relay_free(&own);
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

int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, sz_relay *relay, int holes,
                   const sz_pause *pause) {
  enum { WORTH_IT = 4 * SZ_PAGE };
  sz_part last = n > 0 ? parts[n - 1] : (sz_part){0};
  const size_t zeros = holes && last.data != NULL ? zeros_at_end(last.data, last.n) : 0;
  if (zeros < WORTH_IT) return write_parts(fd, parts, n, kept, relay, pause);
  size_t size = 0;
  for (size_t i = 0; i < n; i++) size += parts[i].n;
  last.n -= zeros;
  if (write_parts(fd, parts, n - 1, kept, relay, pause) != SZ_OK) return SZ_IO;
  if (write_parts(fd, &last, 1, kept, relay, pause) != SZ_OK) return SZ_IO;
  while (ftruncate(fd, (off_t)size) != 0)
    if (errno != EINTR) return SZ_IO;
  return SZ_OK;
}
/* By way of our own memory, if the system can't do it between these two files. */
static int copy_through(int from, int to, size_t most, size_t *copied) {
  char buffer[64 << 10];
  ssize_t got;
  do got = read(from, buffer, most < sizeof buffer ? most : sizeof buffer);
  while (got < 0 && errno == EINTR);
  if (got < 0) return SZ_IO;
  const sz_part part = {buffer, (size_t)got, 0};
  *copied = (size_t)got;
  return got == 0 ? SZ_OK : write_parts(to, &part, 1, -1, NULL, NULL);
}

int sz_copy_next(int from, int to, size_t most, size_t *copied) {
#if defined(__linux__)
  const ssize_t done = copy_file_range(from, NULL, to, NULL, most, 0);
  if (done > 0) {
    *copied = (size_t)done;
    return SZ_OK;
  } /* what is really wrong, reading and writing tell; and some files seem to have no end, or to be empty */
#endif
  return copy_through(from, to, most, copied);
}
#else
int sz_copy_next(int from, int to, size_t most, size_t *copied) {
  (void)from, (void)to, (void)most, (void)copied;
  errno = ENOSYS;
  return SZ_IO;
}

int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, sz_relay *relay, int holes,
                   const sz_pause *pause) {
  (void)fd, (void)parts, (void)n, (void)kept, (void)relay, (void)holes, (void)pause;
  errno = ENOSYS;
  return SZ_IO;
}
#endif
