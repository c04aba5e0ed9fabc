#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* flock and O_NOFOLLOW also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "draft.h"

#include <errno.h>

#include "files.h"
#include "status.h"

#if SZ_HAVE_FILES
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

enum { PATH_BYTES = 4096, NAME_BYTES = 255, KEPT_BYTES = 200, SUFFIX_BYTES = 8 /* ".partial" */ };
enum { ATTEMPTS = 256 };
enum { FIRST_PAUSE = 20000, LONGEST_PAUSE = 1000000, PATIENCE = 50000000 }; /* nanoseconds */

/* ------------------------------------------------------------ names and directories */

/* How much of path[0 .. n) is the directory it is in; 0 for the current one. */
static size_t directory_of(const char *path, size_t n) {
  while (n > 0 && path[n - 1] != '/') n--;
  while (n > 1 && path[n - 1] == '/') n--;
  return n;
}

static uint64_t hash_name(const char *name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
  return hash;
}

/* The path of the draft, into PATH_BYTES. */
static int name_draft(const char *object, char *path) {
  const char *slash = strrchr(object, '/'), *name = slash == NULL ? object : slash + 1;
  const size_t n = strlen(name), before = (size_t)(name - object);
  if (before + n + SUFFIX_BYTES >= PATH_BYTES) {
    errno = ENAMETOOLONG;
    return SZ_IO;
  }
  memcpy(path, object, before + n);
  if (n + SUFFIX_BYTES <= NAME_BYTES) {
    memcpy(path + before + n, ".partial", SUFFIX_BYTES + 1);
    return SZ_OK;
  }
  size_t kept = KEPT_BYTES;
  while (kept > 0 && ((unsigned char)name[kept] & 0xc0) == 0x80) kept--;
  snprintf(path + before + kept, NAME_BYTES + 1 - kept, ".%016llx.partial", (unsigned long long)hash_name(name));
  return SZ_OK;
}

static int sync_file(int fd) {
  int done;
  do done = fsync(fd);
  while (done != 0 && errno == EINTR);
  return done == 0 ? SZ_OK : SZ_IO;
}

/* Syncs the directory path[0 .. n), or the first above it that is still there; path is changed for the moment only. */
static int sync_directory(char *path, size_t n) {
  const char kept = path[n];
  path[n] = '\0';
  int fd;
  do fd = open(n > 0 ? path : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  while (fd < 0 && errno == EINTR);
  path[n] = kept;
  if (fd < 0 && errno == ENOENT && n > 1) return sync_directory(path, directory_of(path, n));
  if (fd < 0) return SZ_IO;
  const int done = sync_file(fd), error = errno;
  close(fd);
  errno = error;
  return done == SZ_OK || error == EINVAL ? SZ_OK : SZ_IO; /* EINVAL: a file system that syncs no directories */
}

/* Makes the directory path[0 .. n) and, where they are missing, those above it. */
static int make_directory(char *path, size_t n, int durable) {
  const char kept = path[n];
  path[n] = '\0';
  int made = mkdir(path, 0777), error = made == 0 ? 0 : errno;
  if (error == ENOENT) {
    const size_t above = directory_of(path, n);
    if (above > 0 && make_directory(path, above, durable) == SZ_OK) made = mkdir(path, 0777);
    error = made == 0 ? 0 : errno;
  }
  path[n] = kept;
  errno = error;
  if (made == 0 && durable) return sync_directory(path, directory_of(path, n));
  return made == 0 || error == EEXIST ? SZ_OK : SZ_IO;
}

/* Removes the directories above path that are empty, up to the store's own; with `sync`, syncs the first that stays. */
static int prune(const sz_draft *draft, char *path, int sync) {
  size_t n = directory_of(path, strlen(path));
  while (n > draft->root) {
    const char kept = path[n];
    path[n] = '\0';
    const int gone = rmdir(path) == 0 || errno == ENOENT;
    path[n] = kept;
    if (!gone) break;
    n = directory_of(path, n);
  }
  return sync ? sync_directory(path, n) : SZ_OK;
}

/* ------------------------------------------------------------ the lock */

/* Whether a file system is one of those known to be of this machine. */
#if defined(__linux__)
static int is_local(int directory) {
  static const unsigned long known[] = {TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC};
  struct statfs status;
  if (fstatfs(directory, &status) != 0) return 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if ((unsigned long)status.f_type == known[i]) return 1;
  return 0;
}
#else
static int is_local(int directory) { return directory == SZ_NO_DIRECTORY; } /* none is known */
#endif

uint64_t sz_local_device(int directory) {
  struct stat status;
  if (directory == SZ_NO_DIRECTORY || !is_local(directory) || fstat(directory, &status) != 0) return 0;
  return (uint64_t)status.st_dev;
}

static int place(const sz_draft *draft) { return draft->directory == SZ_NO_DIRECTORY ? AT_FDCWD : draft->directory; }

/* Makes the draft; errno EEXIST where there is one. Another writer may take the directory away, empty as it is, between
 * its making and that of the draft: hence the attempts. */
static int make_file(sz_draft *draft, char *path) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    const int fd = openat(place(draft), path + draft->within, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return fd;
    if (errno == EINTR) continue;
    const size_t above = directory_of(path, strlen(path));
    if (errno != ENOENT || above == 0) return -1;
    draft->directory = SZ_NO_DIRECTORY, draft->within = 0; /* that directory may have been removed and made anew */
    if (make_directory(path, above, draft->durable) != SZ_OK && errno != ENOENT) return -1;
    errno = ENOENT;
  }
  return -1;
}

/* Opens what others have made, for reading only where it is another user's: enough to lock it. */
static int open_file(const sz_draft *draft, const char *path) {
  const int flags = O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
  int fd;
  do fd = openat(place(draft), path + draft->within, O_RDWR | flags);
  while (fd < 0 && errno == EINTR);
  return fd < 0 && errno == EACCES ? openat(place(draft), path + draft->within, O_RDONLY | flags) : fd;
}

/* Not a lock that the kernel waits for: the threads that help a job get no signals, and must see when it has failed. */
static int lock_file(int fd) {
  struct timespec pause = {0, FIRST_PAUSE};
  for (long waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += pause.tv_nsec) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return SZ_IO;
    if (waited > PATIENCE) errno = EINTR;
    if (errno == EINTR || nanosleep(&pause, NULL) != 0) return SZ_IO;
    if (pause.tv_nsec < LONGEST_PAUSE) pause.tv_nsec *= 2;
  }
  return SZ_OK;
}

/* Whether the name still leads to the open file, whose status is filled in. */
static int is_current(const sz_draft *draft, int fd, const char *path, struct stat *status) {
  struct stat named;
  return fstat(fd, status) == 0 && fstatat(place(draft), path + draft->within, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         status->st_ino == named.st_ino && status->st_dev == named.st_dev;
}

/* Whether the draft that we have made is still there, now that it is locked. */
static int is_own(sz_draft *draft, int fd, const char *path) {
  struct stat status;
  if (draft->local == 0) return is_current(draft, fd, path, &status);
  if (fstat(fd, &status) != 0) return 0;
  if ((uint64_t)status.st_dev == draft->local) return status.st_nlink == 1;
  draft->local = 0; /* another file system is mounted further down */
  return is_current(draft, fd, path, &status);
}

/* Waits for the writer whose draft is there. Removes what is still there then: a killed one has left it behind. */
static int outwait(const sz_draft *draft, const char *path) {
  struct stat status;
  const int fd = open_file(draft, path);
  if (fd < 0) return errno == ENOENT ? SZ_OK : SZ_IO;
  int done = lock_file(fd);
  if (done == SZ_OK && is_current(draft, fd, path, &status)) {
    errno = EINVAL;
    done = S_ISREG(status.st_mode) && unlinkat(place(draft), path + draft->within, 0) == 0 ? SZ_OK : SZ_IO;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return done;
}

/* Makes and locks a draft, once. 1: it is ours; 0: there was one, or ours has been removed before it was locked; SZ_IO. */
static int take_file(sz_draft *draft, char *path) {
  const int fd = make_file(draft, path);
  if (fd < 0) return errno == EEXIST && outwait(draft, path) == SZ_OK ? 0 : SZ_IO;
  const int locked = lock_file(fd);
  if (locked == SZ_OK && is_own(draft, fd, path)) {
    draft->fd = fd;
    return 1;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return locked == SZ_OK ? 0 : SZ_IO;
}

int sz_draft_open(sz_draft *draft) {
  char path[PATH_BYTES];
  int taken;
  draft->fd = -1;
  if (name_draft(draft->object, path) != SZ_OK) return SZ_IO;
  do taken = take_file(draft, path);
  while (taken == 0);
  if (taken == 1) return SZ_OK;
  const int error = errno;
  prune(draft, path, 0); /* what was made for it */
  errno = error;
  return SZ_IO;
}

/* ------------------------------------------------------------ its end */

/* Removes the draft, and what is empty then. The name is that of the open file as long as we hold its lock. */
static int end(sz_draft *draft, int sync) {
  char path[PATH_BYTES];
  if (name_draft(draft->object, path) != SZ_OK) return SZ_IO;
  unlinkat(place(draft), path + draft->within, 0);
  close(draft->fd);
  draft->fd = -1;
  return prune(draft, path, sync);
}

void sz_draft_drop(sz_draft *draft) {
  const int error = errno;
  if (draft->fd >= 0) end(draft, 0);
  errno = error;
}

/* Learns what a file system says only when a descriptor is closed; the last one is kept for its lock. */
static int close_copy(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 && (close(copy) == 0 || errno == EINTR) ? SZ_OK : SZ_IO;
}

/* Makes sure that what has been written is in the file. */
static int settle(const sz_draft *draft) {
  if (draft->durable) return sync_file(draft->fd);
  return draft->local != 0 ? SZ_OK : close_copy(draft->fd);
}

int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n) {
  char path[PATH_BYTES];
  if (sz_write_parts(draft->fd, parts, n, draft->kept, draft->relay, draft->local != 0) != SZ_OK || settle(draft) != SZ_OK || name_draft(draft->object, path) != SZ_OK ||
      renameat(place(draft), path + draft->within, place(draft), draft->object + draft->within) != 0) {
    sz_draft_drop(draft);
    return SZ_IO;
  }
  close(draft->fd);
  draft->fd = -1;
  return draft->durable ? sync_directory(path, directory_of(path, strlen(path))) : SZ_OK;
}

static int is_missing(const sz_draft *draft, const char *path) {
  struct stat status;
  return fstatat(place(draft), path + draft->within, &status, AT_SYMLINK_NOFOLLOW) != 0 &&
         (errno == ENOENT || errno == ENOTDIR);
}

static int is_directory(const sz_draft *draft, const char *path) {
  struct stat status;
  return fstatat(place(draft), path + draft->within, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

int sz_draft_delete(sz_draft *draft) {
  if (unlinkat(place(draft), draft->object + draft->within, 0) == 0 || errno == ENOENT ||
      is_directory(draft, draft->object))
    return end(draft, draft->durable);
  sz_draft_drop(draft);
  return SZ_IO;
}

int sz_remove(sz_draft *draft) {
  char path[PATH_BYTES];
  draft->fd = -1;
  if (name_draft(draft->object, path) != SZ_OK) return SZ_IO;
  if (is_missing(draft, draft->object) && is_missing(draft, path)) return SZ_OK;
  const int opened = sz_draft_open(draft);
  return opened == SZ_OK ? sz_draft_delete(draft) : opened;
}
#else
static int refuse(void) {
  errno = ENOSYS;
  return SZ_IO;
}

uint64_t sz_local_device(int directory) {
  (void)directory;
  return 0;
}

int sz_draft_open(sz_draft *draft) {
  draft->fd = -1;
  return refuse();
}

int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n) {
  (void)draft, (void)parts, (void)n;
  return refuse();
}

int sz_draft_delete(sz_draft *draft) {
  (void)draft;
  return refuse();
}

void sz_draft_drop(sz_draft *draft) { (void)draft; }

int sz_remove(sz_draft *draft) { return sz_draft_open(draft); }
#endif
