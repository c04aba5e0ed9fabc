#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "draft.h"

#include "files.h"

#if SZ_HAVE_FILES
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "status.h"

enum { SUFFIX = 8 /* ".partial" */, ATTEMPTS = 64, PARTS = 256, MOST = 1 << 30 };

/* Makes the directory of path[0 .. n) and those above it; a directory that is there already is no error. */
static int make_parents(char *path, size_t n) {
  while (n > 0 && path[n - 1] != '/') n--;
  if (n < 2) return SZ_OK;
  path[n - 1] = '\0';
  int made = mkdir(path, 0777);
  if (made != 0 && errno == ENOENT && make_parents(path, n - 1) == SZ_OK) made = mkdir(path, 0777);
  path[n - 1] = '/';
  return made == 0 || errno == EEXIST ? SZ_OK : SZ_IO;
}

/* Syncs the directory of path and those above it, as far up as `make_parents` may have made them for a chunk's key. */
static int sync_directories(char *path, int levels) {
  size_t n = strlen(path);
  for (; levels > 0; levels--) {
    while (n > 0 && path[n - 1] != '/') n--;
    if (n < 2) break;
    path[--n] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    path[n] = '/';
    if (fd < 0) return SZ_IO;
    const int done = fsync(fd), error = errno;
    close(fd);
    errno = error;
    if (done != 0 && error != EINVAL) return SZ_IO; /* EINVAL: a file system that syncs no directories */
  }
  return SZ_OK;
}

/* The size of the open file, or -1 when the path names it no more. */
static off_t current_size(const sz_draft *draft) {
  struct stat open_file, named;
  if (fstat(draft->fd, &open_file) != 0 || lstat(draft->path, &named) != 0 || open_file.st_ino != named.st_ino ||
      open_file.st_dev != named.st_dev)
    return -1;
  return open_file.st_size;
}

static int lock(int fd) {
  int done;
  do done = flock(fd, LOCK_EX);
  while (done != 0 && errno == EINTR);
  return done;
}

int sz_draft_open(sz_draft *draft) {
  for (int attempt = 0; attempt < ATTEMPTS * ATTEMPTS; attempt++) {
    do draft->fd = open(draft->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0666);
    while (draft->fd < 0 && errno == EINTR);
    if (draft->fd < 0) {
      /* another writer may take the empty directory away in between: hence the attempts */
      if (errno != ENOENT || attempt >= ATTEMPTS || make_parents(draft->path, strlen(draft->path)) != SZ_OK) return SZ_IO;
      continue;
    }
    if (lock(draft->fd) != 0) break;
    const off_t size = current_size(draft);
    if (size > 0 && ftruncate(draft->fd, 0) != 0) break; /* left behind by a writer that was killed */
    if (size >= 0) return SZ_OK;
    close(draft->fd); /* published or removed while we waited: the next draft is another file */
  }
  const int error = errno;
  if (draft->fd >= 0) close(draft->fd);
  draft->fd = -1;
  errno = error;
  return SZ_IO;
}

void sz_draft_drop(sz_draft *draft) {
  const int error = errno;
  if (draft->fd < 0) return;
  unlink(draft->path);
  close(draft->fd);
  draft->fd = -1;
  errno = error;
}

static int write_parts(int fd, const sz_part *parts, size_t n) {
  struct iovec vectors[PARTS];
  size_t at = 0, skip = 0; /* the part to go on with, and its bytes that are written */
  while (at < n) {
    int k = 0;
    size_t total = 0;
    for (size_t i = at; i < n && k < PARTS && total < MOST; i++, k++) {
      const size_t done = i == at ? skip : 0;
      vectors[k].iov_base = (void *)(uintptr_t)(parts[i].data + done);
      vectors[k].iov_len = parts[i].n - done < MOST ? parts[i].n - done : MOST;
      total += vectors[k].iov_len;
    }
    ssize_t written = total > 0 ? writev(fd, vectors, k) : 0;
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SZ_IO;
    if (total == 0) return SZ_OK;
    skip += (size_t)written;
    while (at < n && skip >= parts[at].n) skip -= parts[at++].n;
  }
  return SZ_OK;
}

int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n, int durable) {
  const size_t length = strlen(draft->path) - SUFFIX;
  char object[PATH_MAX];
  if (length >= sizeof object) {
    errno = ENAMETOOLONG;
    sz_draft_drop(draft);
    return SZ_IO;
  }
  memcpy(object, draft->path, length);
  object[length] = '\0';
  if (write_parts(draft->fd, parts, n) != SZ_OK || (durable && fsync(draft->fd) != 0) ||
      rename(draft->path, object) != 0) {
    sz_draft_drop(draft);
    return SZ_IO;
  }
  const int closed = close(draft->fd); /* network file systems report a full disk here, too late to undo */
  draft->fd = -1;
  if (closed != 0 && errno != EINTR) return SZ_IO;
  return durable ? sync_directories(object, durable) : SZ_OK;
}

int sz_draft_delete(sz_draft *draft, int durable) {
  const size_t length = strlen(draft->path) - SUFFIX;
  draft->path[length] = '\0';
  const int gone = unlink(draft->path) == 0 || errno == ENOENT, error = errno;
  draft->path[length] = '.';
  sz_draft_drop(draft);
  errno = error;
  if (!gone) return SZ_IO;
  return durable ? sync_directories(draft->path, durable) : SZ_OK;
}
#endif
