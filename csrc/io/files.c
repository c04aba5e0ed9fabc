#include "io/posix.h"

#if SZ_HAVE_FILES
#include "memory/page_alias.h"

enum { MOST_HOLES = 1024 };
enum { LARGEST_TRANSFER = 1 << 30, DETOUR = 32 << 10, WORTH_A_DETOUR = 2048 };

#if defined(__APPLE__)
#define MTIME(s) ((s).st_mtimespec)
#define CTIME(s) ((s).st_ctimespec)
#else
#define MTIME(s) ((s).st_mtim)
#define CTIME(s) ((s).st_ctim)
#endif

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

void sz_close_directory(int directory) { sz_close_quietly(directory); }

/* Return the status for the errno of a path that cannot be opened or has no status. */
static int status_of(int error) { return sz_is_missing(error) || error == ENAMETOOLONG ? SZ_MISSING : SZ_IO; }

/* SZ_OK and a descriptor, SZ_MISSING or SZ_IO. */
static int open_at(int directory, const char *path, int *fd) {
  if (directory == SZ_NO_DIRECTORY) directory = AT_FDCWD;
  do *fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (*fd < 0 && errno == EINTR);
  return *fd >= 0 ? SZ_OK : status_of(errno);
}

int sz_open(int directory, const char *path, sz_file *file) {
  int fd;
  const int opened = open_at(directory, path, &fd);
  return opened == SZ_OK ? sz_adopt(fd, file) : opened;
}

int sz_adopt(int fd, sz_file *file) {
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(fd, errno);
  if (S_ISDIR(status.st_mode)) {
    close(fd);
    return SZ_MISSING;
  }
  if (!S_ISREG(status.st_mode)) return fail(fd, EINVAL);
  file->fd = fd;
  file->base = 0;
  file->size = (int64_t)status.st_size;
  file->device = (uint64_t)status.st_dev;
  file->inode = (uint64_t)status.st_ino;
  file->mtime_ns = (int64_t)MTIME(status).tv_sec * 1000000000 + (int64_t)MTIME(status).tv_nsec;
  file->ctime_ns = (int64_t)CTIME(status).tv_sec * 1000000000 + (int64_t)CTIME(status).tv_nsec;
  file->owner = (sz_owner){status.st_mode, status.st_uid, status.st_gid};
  return SZ_OK;
}

int sz_keep_owner(int fd, sz_owner now, sz_owner wanted) {
  uint32_t mode = wanted.mode & 0777;
  if ((now.uid != wanted.uid || now.gid != wanted.gid) && fchown(fd, wanted.uid, wanted.gid) != 0 &&
      now.gid != wanted.gid && fchown(fd, (uid_t)-1, wanted.gid) != 0)
    mode = (mode & 0707) | ((mode & 07) << 3);
  if (mode == (now.mode & 0777) || fchmod(fd, (mode_t)mode) == 0) return SZ_OK;
  return errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ? SZ_OK : SZ_IO; /* it has none */
}

/* Read through a buffer that aliases neither side (page_alias.h): four times as fast. */
static ssize_t read_around(int fd, char *dst, size_t n, int64_t offset) {
  char buffer[DETOUR + SZ_PAGE];
  char *const by = buffer + (((uintptr_t)offset + 64 - (uintptr_t)buffer) & (SZ_PAGE - 1));
  const ssize_t got = pread(fd, by, n < DETOUR ? n : DETOUR, (off_t)offset);
  if (got > 0) memcpy(dst, by, (size_t)got);
  return got;
}

int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset) {
  offset += file->base;
  while (n > 0) {
    const size_t wanted = n < LARGEST_TRANSFER ? n : LARGEST_TRANSFER;
    const int around = n >= WORTH_A_DETOUR && sz_page_alias((uintptr_t)dst, (uintptr_t)offset);
    const ssize_t got =
        around ? read_around(file->fd, dst, n, offset) : pread(file->fd, dst, wanted, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SZ_IO;
    if (got == 0) return SZ_TRUNCATED;
    dst += got;
    offset += got;
    n -= (size_t)got;
  }
  return SZ_OK;
}

int64_t sz_holes(const sz_file *file, int64_t enough) {
  int64_t holes = 0;
#if defined(SEEK_HOLE) && defined(SEEK_DATA)
  const int error = errno;
  const int64_t end = file->base + file->size;
  int64_t at = file->base;
  for (int i = 0; i < MOST_HOLES && at < end && holes <= enough; i++) {
    const off_t hole = lseek(file->fd, (off_t)at, SEEK_HOLE);
    if (hole < 0 || hole >= end) break;
    const off_t data = lseek(file->fd, hole, SEEK_DATA);
    if (data < 0 && errno != ENXIO) break; /* ENXIO: the hole extends to the end */
    at = data < 0 || data > end ? end : (int64_t)data;
    holes += at - hole;
  }
  errno = error;
#else
  (void)file, (void)enough;
#endif
  return holes;
}

void sz_close(sz_file *file) {
  sz_close_quietly(file->fd);
  file->fd = -1;
}

int sz_size(const char *path, int64_t *size) {
  struct stat status;
  if (stat(path, &status) != 0) return status_of(errno);
  if (S_ISDIR(status.st_mode)) return SZ_MISSING;
  *size = (int64_t)status.st_size;
  return S_ISREG(status.st_mode) ? SZ_OK : SZ_IO;
}

int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size) {
  int fd;
  const int opened = open_at(directory, path, &fd);
  if (opened != SZ_OK) return opened;
  ssize_t got;
  do got = pread(fd, dst, room, 0);
  while (got < 0 && errno == EINTR);
  sz_close_quietly(fd);
  if (got < 0) return errno == EISDIR ? SZ_MISSING : SZ_IO;
  *size = (size_t)got;
  return SZ_OK;
}
#else
int sz_open_directory(const char *path) {
  (void)path;
  return SZ_NO_DIRECTORY;
}

void sz_close_directory(int directory) { (void)directory; }

int sz_open(int directory, const char *path, sz_file *file) {
  (void)directory, (void)path, (void)file;
  return sz_refuse();
}

int sz_adopt(int fd, sz_file *file) {
  (void)fd, (void)file;
  return sz_refuse();
}

int sz_keep_owner(int fd, sz_owner now, sz_owner wanted) {
  (void)fd, (void)now, (void)wanted;
  return sz_refuse();
}

int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset) {
  (void)file, (void)dst, (void)n, (void)offset;
  return sz_refuse();
}

int64_t sz_holes(const sz_file *file, int64_t enough) {
  (void)file, (void)enough;
  return 0;
}

void sz_close(sz_file *file) { (void)file; }

int sz_size(const char *path, int64_t *size) {
  (void)path, (void)size;
  return sz_refuse();
}

int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size) {
  (void)directory, (void)path, (void)dst, (void)room, (void)size;
  return sz_refuse();
}
#endif
