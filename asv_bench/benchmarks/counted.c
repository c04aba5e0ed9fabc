/* Loaded before the C library: counts what a process allocates and asks of the file system, and tells callgrind when. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif

static atomic_llong allocations, file_calls;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

#define ALLOCATING(name, parameters, call) \
  void *name parameters {                  \
    ++allocations;                         \
    return call;                           \
  }
ALLOCATING(malloc, (size_t n), __libc_malloc(n))
ALLOCATING(calloc, (size_t n, size_t size), __libc_calloc(n, size))
ALLOCATING(realloc, (void *old, size_t n), __libc_realloc(old, n))
ALLOCATING(aligned_alloc, (size_t alignment, size_t n), __libc_memalign(alignment, n))
int posix_memalign(void **to, size_t alignment, size_t n) {
  ++allocations;
  *to = __libc_memalign(alignment, n);
  return *to == NULL ? 12 /* ENOMEM */ : 0;
}

#define COUNTED(result, name, parameters, arguments) \
  result name parameters {                           \
    static __typeof__(name) *next;                   \
    if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
    ++file_calls;                                    \
    return next arguments;                           \
  }

COUNTED(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
COUNTED(ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))
COUNTED(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
COUNTED(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
COUNTED(int, close, (int fd), (fd))
COUNTED(int, fstat, (int fd, struct stat *to), (fd, to))
COUNTED(int, fstat64, (int fd, struct stat64 *to), (fd, to))
COUNTED(int, stat, (const char *path, struct stat *to), (path, to))
COUNTED(int, stat64, (const char *path, struct stat64 *to), (path, to))
COUNTED(int, rename, (const char *from, const char *to), (from, to))

#define OPENING(name)                                                        \
  int name(int directory, const char *path, int flags, ...) {                \
    static int (*next)(int, const char *, int, ...);                         \
    int mode = 0;                                                            \
    va_list rest;                                                            \
    if (next == NULL) next = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    va_start(rest, flags);                                                   \
    if (flags & O_CREAT) mode = va_arg(rest, int);                           \
    va_end(rest);                                                            \
    ++file_calls;                                                            \
    return next(directory, path, flags, mode);                               \
  }
OPENING(openat)
OPENING(openat64)

/* What has been counted so far. */
void counted(long long *to) {
  to[0] = allocations;
  to[1] = file_calls;
}

/* Whether callgrind was told to begin, or to write down what it has counted since and to end. */
int counted_begin(void) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  return 1;
#else
  return 0;
#endif
}

void counted_end(const char *name) {
#ifdef CALLGRIND_START_INSTRUMENTATION
  CALLGRIND_DUMP_STATS_AT(name);
  CALLGRIND_STOP_INSTRUMENTATION;
#else
  (void)name;
#endif
}
