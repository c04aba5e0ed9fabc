/* Loaded before the C library: asks a function about each call to the file system, which may let it fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Of a call and the path or, without one, the descriptor that it is about: an errno, 0 to let it pass, or -n to have it read or
 * write n bytes at most. */
typedef int (*decide_t)(const char *name, const char *path, int fd);
static decide_t decide;
static _Thread_local int inside; /* what the function itself calls is not asked about */

void faults_set(decide_t function) { decide = function; }

static int asked(const char *name, const char *path, int fd) {
  if (decide == NULL || inside) return 0;
  const int error = errno;
  inside = 1;
  const int answer = decide(name, path == NULL ? "" : path, fd);
  inside = 0;
  errno = answer > 0 ? answer : error;
  return answer;
}

#define FAILING(result, name, parameters, arguments, path, fd)                                  \
  result name parameters {                                                                      \
    static __typeof__(name) *next;                                                              \
    if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                       \
    return asked(#name, path, fd) > 0 ? -1 : next arguments;                                    \
  }

#define MOVING(result, name, parameters, arguments, fd, n)                                      \
  result name parameters {                                                                      \
    static __typeof__(name) *next;                                                              \
    if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                       \
    const int answer = asked(#name, NULL, fd);                                                  \
    if (answer < 0 && (size_t)-answer < n) n = (size_t)-answer;                                 \
    return answer > 0 ? -1 : next arguments;                                                    \
  }

MOVING(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), fd, n)
MOVING(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at), fd, n)
MOVING(ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at), fd, n)
MOVING(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), fd, n)
MOVING(ssize_t, copy_file_range, (int fd, off64_t *at, int to, off64_t *there, size_t n, unsigned flags),
       (fd, at, to, there, n, flags), fd, n)

ssize_t writev(int fd, const struct iovec *vectors, int n) {
  static ssize_t (*next)(int, const struct iovec *, int);
  if (next == NULL) next = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
  const int answer = asked("writev", NULL, fd);
  if (answer > 0) return -1;
  if (answer == 0) return next(fd, vectors, n);
  const struct iovec first = {vectors->iov_base, vectors->iov_len < (size_t)-answer ? vectors->iov_len : (size_t)-answer};
  return next(fd, &first, 1);
}

FAILING(int, flock, (int fd, int how), (fd, how), NULL, fd)
FAILING(int, fstat, (int fd, struct stat *to), (fd, to), NULL, fd)
FAILING(int, fstat64, (int fd, struct stat64 *to), (fd, to), NULL, fd)
FAILING(int, fstatat, (int at, const char *path, struct stat *to, int flags), (at, path, to, flags), path, at)
FAILING(int, fstatat64, (int at, const char *path, struct stat64 *to, int flags), (at, path, to, flags), path, at)
FAILING(int, ftruncate, (int fd, off_t n), (fd, n), NULL, fd)
FAILING(int, ftruncate64, (int fd, off64_t n), (fd, n), NULL, fd)
FAILING(int, fsync, (int fd), (fd), NULL, fd)
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode), NULL, fd)
FAILING(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), NULL, fd)
FAILING(int, mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
FAILING(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), path, at)
FAILING(int, renameat, (int from, const char *path, int to, const char *other), (from, path, to, other), path, from)
FAILING(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), path, at)
FAILING(ssize_t, readlinkat, (int at, const char *path, char *to, size_t n), (at, path, to, n), path, at)

static int mode_of(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, int) : 0; }

#define OPENING(name)                                                                           \
  int name(const char *path, int flags, ...) {                                                  \
    static int (*next)(const char *, int, ...);                                                 \
    va_list rest;                                                                               \
    if (next == NULL) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);          \
    va_start(rest, flags);                                                                      \
    const int mode = mode_of(flags, rest);                                                      \
    va_end(rest);                                                                               \
    if (asked(flags & O_CREAT ? "create" : "open", path, AT_FDCWD) > 0) return -1;              \
    return next(path, flags, mode);                                                             \
  }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name)                                                                        \
  int name(int at, const char *path, int flags, ...) {                                          \
    static int (*next)(int, const char *, int, ...);                                            \
    va_list rest;                                                                               \
    if (next == NULL) next = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, #name);     \
    va_start(rest, flags);                                                                      \
    const int mode = mode_of(flags, rest);                                                      \
    va_end(rest);                                                                               \
    if (asked(flags & O_CREAT ? "create" : "open", path, at) > 0) return -1;                    \
    return next(at, path, flags, mode);                                                         \
  }
OPENING_AT(openat)
OPENING_AT(openat64)
