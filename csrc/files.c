#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* pread, O_CLOEXEC and st_mtim also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "files.h"

#if SZ_HAVE_FILES
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "status.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 180, LARGEST_TRANSFER = 1 << 30 };

#if defined(__APPLE__)
#define MTIME(s) ((s).st_mtimespec)
#else
#define MTIME(s) ((s).st_mtim)
#endif

/* Closes without losing the errno of what went wrong before. */
static void close_quietly(int fd) {
  const int error = errno;
  close(fd);
  errno = error;
}

static int fail(int fd, int error) {
  close(fd);
  errno = error;
  return SZ_IO;
}

int sz_open_directory(const char *path) {
  int fd;
  do fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  while (fd < 0 && errno == EINTR);
  return fd < 0 ? SZ_NO_DIRECTORY : fd;
}

void sz_close_directory(int directory) {
  if (directory != SZ_NO_DIRECTORY) close_quietly(directory);
}

/* SZ_OK and a descriptor, SZ_MISSING or SZ_IO. */
static int open_at(int directory, const char *path, int *fd) {
  if (directory == SZ_NO_DIRECTORY) directory = AT_FDCWD;
  do *fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (*fd < 0 && errno == EINTR);
  if (*fd >= 0) return SZ_OK;
  return errno == ENOENT || errno == ENOTDIR ? SZ_MISSING : SZ_IO;
}

int sz_open(int directory, const char *path, sz_file *file) {
  int fd;
  const int opened = open_at(directory, path, &fd);
  if (opened != SZ_OK) return opened;
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(fd, errno);
  if (S_ISDIR(status.st_mode)) {
    close(fd);
    return SZ_MISSING;
  }
  if (!S_ISREG(status.st_mode)) return fail(fd, EINVAL);
  file->fd = fd;
  file->size = (int64_t)status.st_size;
  file->device = (uint64_t)status.st_dev;
  file->inode = (uint64_t)status.st_ino;
  file->mtime_ns = (int64_t)MTIME(status).tv_sec * 1000000000 + (int64_t)MTIME(status).tv_nsec;
  return SZ_OK;
}

int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset) {
  while (n > 0) {
    const size_t wanted = n < LARGEST_TRANSFER ? n : LARGEST_TRANSFER;
    const ssize_t got = pread(file->fd, dst, wanted, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SZ_IO;
    if (got == 0) return SZ_TRUNCATED;
    dst += got;
    offset += got;
    n -= (size_t)got;
  }
  return SZ_OK;
}

void sz_close(sz_file *file) {
  if (file->fd >= 0) close_quietly(file->fd);
  file->fd = -1;
}

int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size) {
  int fd;
  const int opened = open_at(directory, path, &fd);
  if (opened != SZ_OK) return opened;
  ssize_t got;
  do got = pread(fd, dst, room, 0);
  while (got < 0 && errno == EINTR);
  close_quietly(fd);
  if (got < 0) return errno == EISDIR ? SZ_MISSING : SZ_IO;
  *size = (size_t)got;
  return SZ_OK;
}

/* Syncs the directory that holds path[0 .. length); path is changed for the moment only. */
static int sync_parent(char *path, size_t length) {
  while (length > 0 && path[length - 1] != '/') length--;
  const char kept = path[length];
  path[length] = '\0';
  int fd;
  do fd = open(length > 0 ? path : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  while (fd < 0 && errno == EINTR);
  path[length] = kept;
  if (fd < 0) return SZ_IO;
  int done;
  do done = fsync(fd);
  while (done != 0 && errno == EINTR);
  if (done != 0 && errno != EINVAL) return fail(fd, errno); /* EINVAL: a file system that syncs no directories */
  close(fd);
  return SZ_OK;
}

/* Makes the directory path[0 .. length) and, where they are missing, those above it. */
static int make_directory(char *path, size_t length, int durable) {
  const char kept = path[length];
  path[length] = '\0';
  int made = mkdir(path, 0777), error = made == 0 ? 0 : errno;
  if (error == ENOENT) {
    size_t above = length;
    while (above > 0 && path[above - 1] != '/') above--;
    while (above > 0 && path[above - 1] == '/') above--;
    if (above > 0 && make_directory(path, above, durable) == SZ_OK) made = mkdir(path, 0777);
    error = made == 0 ? 0 : errno;
  }
  path[length] = kept;
  errno = error;
  if (made == 0 && durable) return sync_parent(path, length);
  return made == 0 || error == EEXIST ? SZ_OK : SZ_IO;
}

/* A name beside path that nobody else uses: process, count and time make it unlike all others, O_EXCL makes it sure.
 * A long name is cut, as the suffix must fit in as well. */
static int name_temporary(const char *path, char *temporary, size_t *directory) {
  static int64_t count = 0;
  const char *slash = strrchr(path, '/');
  *directory = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  size_t kept = strlen(path);
  if (kept - *directory > NAME_BYTES) {
    kept = *directory + NAME_BYTES;
    while (kept > *directory && ((unsigned char)path[kept] & 0xc0) == 0x80) kept--; /* no half of a UTF-8 character */
  }
  if (kept + 64 > PATH_BYTES) {
    errno = ENAMETOOLONG;
    return SZ_IO;
  }
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return SZ_IO;
  memcpy(temporary, path, kept);
  snprintf(temporary + kept, 64, ".%lx-%llx-%lx.partial", (unsigned long)getpid(),
           (unsigned long long)sz_draw(&count), (unsigned long)now.tv_nsec);
  return SZ_OK;
}

/* Opens a new temporary file, making the directories first where there are none. Another process may take an empty one
 * away in between, or use the same name: hence the attempts. */
static int open_temporary(const char *path, char *temporary, int durable, int *fd) {
  for (int attempt = 0; attempt < 16; attempt++) {
    size_t directory;
    if (name_temporary(path, temporary, &directory) != SZ_OK) return SZ_IO;
    do *fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
    while (*fd < 0 && errno == EINTR);
    if (*fd >= 0) return SZ_OK;
    if (errno != ENOENT && errno != EEXIST) return SZ_IO;
    if (errno == ENOENT && (directory < 2 || make_directory(temporary, directory - 1, durable) != SZ_OK)) return SZ_IO;
  }
  return SZ_IO;
}

static int write_all(int fd, const char *data, size_t n) {
  while (n > 0) {
    const ssize_t done = write(fd, data, n < LARGEST_TRANSFER ? n : LARGEST_TRANSFER);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SZ_IO;
    data += done;
    n -= (size_t)done;
  }
  return SZ_OK;
}

/* Writes and closes. */
static int finish(int fd, const char *data, size_t n, int durable) {
  if (write_all(fd, data, n) != SZ_OK) return fail(fd, errno);
  if (durable) {
    int done;
    do done = fsync(fd);
    while (done != 0 && errno == EINTR);
    if (done != 0) return fail(fd, errno);
  }
  /* Network file systems report a full disk here. After EINTR the descriptor is gone all the same. */
  return close(fd) == 0 || errno == EINTR ? SZ_OK : SZ_IO;
}

int sz_write_atomic(const char *path, const char *data, size_t n, int durable) {
  char temporary[PATH_BYTES];
  int fd;
  if (open_temporary(path, temporary, durable, &fd) != SZ_OK) return SZ_IO;
  if (finish(fd, data, n, durable) != SZ_OK || rename(temporary, path) != 0) {
    const int error = errno;
    unlink(temporary);
    errno = error;
    return SZ_IO;
  }
  return durable ? sync_parent(temporary, strlen(temporary)) : SZ_OK;
}
#endif
