#include "io/posix.h"

#include "io/temporary_file.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 255, KEPT_BYTES = 200, SUFFIX_BYTES = 8 /* ".partial" */, DIGEST_BYTES = 28 };

int sz_is_temporary(const char *name) {
  const size_t n = strlen(name);
  return n >= SUFFIX_BYTES && memcmp(name + n - SUFFIX_BYTES, ".partial", SUFFIX_BYTES) == 0;
}

static uint64_t hash_name(const char *name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
  return hash;
}

int sz_name_temporary(const char *object, int second, char *path) {
  const size_t all = strlen(object);
  size_t before = all;
  while (before > 0 && object[before - 1] != '/') before--;
  const char *name = object + before;
  const size_t n = all - before;
  size_t kept = n < KEPT_BYTES ? n : KEPT_BYTES;
  if (before + n + SUFFIX_BYTES >= SZ_PATH_BYTES || before + kept + DIGEST_BYTES >= SZ_PATH_BYTES) {
    errno = ENAMETOOLONG;
    return SZ_IO;
  }
  if (n + SUFFIX_BYTES <= NAME_BYTES && !second) {
    memcpy(path, object, before + n);
    memcpy(path + before + n, ".partial", SUFFIX_BYTES + 1);
    return SZ_OK;
  }
  memcpy(path, object, before + kept);
  while (kept < n && kept > 0 && ((unsigned char)name[kept] & 0xc0) == 0x80) kept--;
  const char *end = n + SUFFIX_BYTES > NAME_BYTES && second ? ".2.partial" : ".partial";
  snprintf(path + before + kept, DIGEST_BYTES, ".%016llx%s", (unsigned long long)hash_name(name), end);
  return SZ_OK;
}

#if SZ_HAVE_FILES
#include <sys/file.h>
#include <time.h>

enum { FIRST_SLEEP = 20000, LONGEST_SLEEP = 1000000, WAIT_LIMIT = 50000000 }; /* nanoseconds */

/* This polls instead of waiting in the kernel. Helper threads of a job get no signals, but must notice that
 * the job has failed. */
int sz_lock_file(int fd, int wait) {
  struct timespec sleep_time = {0, FIRST_SLEEP};
  for (long waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += sleep_time.tv_nsec) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK || !wait) return SZ_IO;
    if (waited > WAIT_LIMIT) errno = EINTR;
    if (errno == EINTR || nanosleep(&sleep_time, NULL) != 0) return SZ_IO;
    if (sleep_time.tv_nsec < LONGEST_SLEEP) sleep_time.tv_nsec *= 2;
  }
  return SZ_OK;
}

int sz_is_current(int at, const char *name, int fd, struct stat *status) {
  struct stat named;
  if (fstat(fd, status) != 0) return -1;
  if (fstatat(at, name, &named, AT_SYMLINK_NOFOLLOW) != 0) return sz_is_missing(errno) ? 0 : -1;
  return status->st_ino == named.st_ino && status->st_dev == named.st_dev;
}

static int remove_name(int at, const char *name) {
  if (unlinkat(at, name, 0) == 0) return 1;
  return sz_is_missing(errno) ? 0 : SZ_IO;
}

static int open_as(int at, const char *name, int mode) {
  int fd;
  do fd = openat(at, name, mode | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* Open a temporary file in order to lock it, for writing if possible: network file systems lock no others.
 * A descriptor, or -1; errno is ENOENT if it does not exist. */
static int open_temporary(int at, const char *name) {
  int fd = open_as(at, name, O_RDWR);
  if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EISDIR)) fd = open_as(at, name, O_RDONLY);
  if (fd < 0 && errno == ENOTDIR) errno = ENOENT;
  return fd;
}

int sz_remove_abandoned(int at, const char *name, int wait) {
  struct stat status;
  if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return sz_is_missing(errno) ? 0 : SZ_IO;
  if (S_ISDIR(status.st_mode)) return 0;
  if (!S_ISREG(status.st_mode)) return remove_name(at, name);
  const int fd = open_temporary(at, name);
  if (fd < 0) return errno == ENOENT ? 0 : SZ_IO;
  int done = sz_lock_file(fd, wait);
  if (done == SZ_OK) done = sz_is_current(at, name, fd, &status);
  if (done == 1) done = remove_name(at, name);
  sz_close_quietly(fd);
  return done;
}

int sz_is_abandoned(int at, const char *name) {
  struct stat status;
  const int fd = open_temporary(at, name);
  if (fd < 0) return errno != ENOENT; /* a link or a socket: writers make neither */
  int done = sz_lock_file(fd, 0);
  if (done == SZ_OK) done = sz_is_current(at, name, fd, &status);
  else if (errno == EWOULDBLOCK) done = 0;
  sz_close_quietly(fd);
  return done;
}
#else
int sz_lock_file(int fd, int wait) {
  (void)fd, (void)wait;
  return sz_refuse();
}

int sz_is_current(int at, const char *name, int fd, struct stat *status) {
  (void)at, (void)name, (void)fd, (void)status;
  sz_refuse();
  return -1;
}

int sz_remove_abandoned(int at, const char *name, int wait) {
  (void)at, (void)name, (void)wait;
  return sz_refuse();
}

int sz_is_abandoned(int at, const char *name) {
  (void)at, (void)name;
  sz_refuse();
  return -1;
}
#endif
