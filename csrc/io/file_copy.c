#include "io/posix.h"

#include "io/file_copy.h"

#if SZ_HAVE_FILES
#include "memory/page_alias.h"

enum { PIECE = 1 << 20, ON_STACK = 64 << 10 };

static int write_all(int fd, const char *data, size_t n) {
  while (n > 0) {
    const ssize_t done = write(fd, data, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SZ_IO;
    data += done;
    n -= (size_t)done;
  }
  return SZ_OK;
}

static int read_all(int fd, char *data, size_t n, int64_t offset) {
  while (n > 0) {
    const ssize_t got = pread(fd, data, n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO; /* the file ends early */
    if (got <= 0) return SZ_IO;
    data += got;
    offset += got;
    n -= (size_t)got;
  }
  return SZ_OK;
}

static int copy_pieces(int from, int64_t offset, int to, size_t n, char *buffer, size_t room,
                       const sz_pause *pause) {
  while (n > 0) {
    const size_t step = n < room ? n : room;
    if (read_all(from, buffer, step, offset) != SZ_OK || write_all(to, buffer, step) != SZ_OK) return SZ_IO;
    offset += (int64_t)step;
    n -= step;
    if (sz_look(pause) != SZ_OK) {
      errno = ECANCELED;
      return SZ_IO;
    }
  }
  return SZ_OK;
}

int sz_copy_range(int from, int64_t offset, int to, size_t n, const sz_pause *pause) {
  char few[ON_STACK];
  const size_t room = n < PIECE ? n : PIECE;
  char *const large = room > sizeof few ? sz_allocate(room) : NULL;
  if (large == NULL) return copy_pieces(from, offset, to, n, few, sizeof few, pause);
  const int status = copy_pieces(from, offset, to, n, large, room, pause), error = errno;
  free(large);
  errno = error;
  return status;
}

int sz_copy_next(int from, int to, size_t most, size_t *copied) {
#if defined(__linux__)
  const ssize_t done = copy_file_range(from, NULL, to, NULL, most, 0);
  if (done > 0) {
    *copied = (size_t)done;
    return SZ_OK;
  } /* otherwise read and write: they report errors, and some special files look empty to copy_file_range */
#endif
  char buffer[ON_STACK];
  ssize_t got;
  do got = read(from, buffer, most < sizeof buffer ? most : sizeof buffer);
  while (got < 0 && errno == EINTR);
  if (got < 0) return SZ_IO;
  *copied = (size_t)got;
  return write_all(to, buffer, (size_t)got);
}
#else
int sz_copy_range(int from, int64_t offset, int to, size_t n, const sz_pause *pause) {
  (void)from, (void)offset, (void)to, (void)n, (void)pause;
  return sz_refuse();
}

int sz_copy_next(int from, int to, size_t most, size_t *copied) {
  (void)from, (void)to, (void)most, (void)copied;
  return sz_refuse();
}
#endif
