#include "io/posix.h"

#include "io/directories.h"
#include "io/temporary_file.h"

size_t sz_directory_of(const char *path, size_t n) {
  while (n > 0 && path[n - 1] != '/') n--;
  while (n > 1 && path[n - 1] == '/') n--;
  return n;
}

#if SZ_HAVE_FILES
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#if defined(__linux__)
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

enum { PATH_BYTES = 4096, MOST_LINKS = 40 };

#if defined(O_PATH)
#define ENTER O_PATH /* needs no permission to list */
#elif defined(O_SEARCH)
#define ENTER O_SEARCH
#else
#define ENTER O_RDONLY
#endif

int sz_sync_file(int fd) {
  int done;
  do done = fsync(fd);
  while (done != 0 && errno == EINTR);
  return done == 0 ? SZ_OK : SZ_IO;
}

int sz_sync_directory(char *path, size_t n) {
  for (;; n = sz_directory_of(path, n)) {
    const char kept = path[n];
    path[n] = '\0';
    int fd;
    do fd = open(n > 0 ? path : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    while (fd < 0 && errno == EINTR);
    path[n] = kept;
    if (fd < 0 && errno == ENOENT && n > 1) continue;
    if (fd < 0) return SZ_IO;
    const int done = sz_sync_file(fd);
    sz_close_quietly(fd);
    return done == SZ_OK || errno == EINVAL ? SZ_OK : SZ_IO; /* EINVAL: not supported for directories */
  }
}

/* Make one directory. 1: made; 0: it exists; SZ_IO with errno. */
static int make_one(char *path, size_t n, int durable) {
  const char kept = path[n];
  path[n] = '\0';
  const int made = mkdir(path, 0777);
  path[n] = kept;
  if (made != 0) return errno == EEXIST ? 0 : SZ_IO;
  return durable && sz_sync_directory(path, sz_directory_of(path, n)) != SZ_OK ? SZ_IO : 1;
}

int sz_make_directory(char *path, size_t n, int durable) {
  size_t at = n;
  while (make_one(path, at, durable) < 0) { /* go up to the first that exists */
    const size_t above = sz_directory_of(path, at);
    if (errno != ENOENT || above == 0 || above == at) return SZ_IO;
    at = above;
  }
  while (at < n) { /* and down again */
    while (at < n && path[at] == '/') at++;
    while (at < n && path[at] != '/') at++;
    if (make_one(path, at, durable) < 0) return SZ_IO;
  }
  return SZ_OK;
}

int sz_remove_directory(int at, const char *name) {
  if (!sz_is_temporary(name)) return unlinkat(at, name, AT_REMOVEDIR);
  const int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return -1;
  const int removed = flock(fd, LOCK_EX | LOCK_NB) == 0 ? unlinkat(at, name, AT_REMOVEDIR) : -1;
  sz_close_quietly(fd);
  return removed;
}

/* Return whether the file system is a type that is known to be on this machine. */
#if defined(__linux__)
static int is_local(int directory) {
  static const unsigned long known[] = {TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                        BTRFS_SUPER_MAGIC};
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

/* ------------------------------------------------------------ beneath a root */

/* A walk down from the root. */
typedef struct {
  const char *path; /* the caller's; its first `root` bytes name the root */
  size_t root;
  char todo[2 * PATH_BYTES]; /* names still to walk, from `next` on */
  char done[PATH_BYTES];     /* names walked, relative to the root; none is a link */
  char *next;
  int at, links; /* the open directory that the walk has reached; the number of links followed */
} walk;

static int fail(walk *w, int error) {
  sz_close_quietly(w->at);
  w->at = -1;
  errno = error;
  return -1;
}

/* Go back to the root, and walk first[0 .. n) before the names that are left. */
static int restart(walk *w, const char *first, size_t n) {
  char root[PATH_BYTES];
  const size_t rest = strlen(w->next);
  if (n + 1 + rest >= sizeof w->todo || w->root >= sizeof root) return fail(w, ENAMETOOLONG);
  memmove(w->todo + n + 1, w->next, rest + 1);
  memcpy(w->todo, first, n);
  w->todo[n] = '/';
  w->next = w->todo;
  w->done[0] = '\0';
  memcpy(root, w->path, w->root);
  root[w->root] = '\0';
  sz_close_quietly(w->at);
  w->at = open(root, ENTER | O_DIRECTORY | O_CLOEXEC);
  return w->at < 0 ? -1 : 0;
}

/* Return the length of root[0 .. n), without slashes at its end, if the absolute link begins with it;
 * otherwise 0. */
static size_t beneath(const char *link, const char *root, size_t n) {
  while (n > 1 && root[n - 1] == '/') n--;
  if (n == 1 && root[0] == '/') return 1;
  return strncmp(link, root, n) == 0 && (link[n] == '/' || link[n] == '\0') ? n : 0;
}

/* As `beneath`, for the root's path as given and with its links resolved. */
static size_t beneath_root(const walk *w, const char *link) {
  char root[PATH_BYTES];
  size_t n = beneath(link, w->path, w->root);
  if (n > 0) return n;
  memcpy(root, w->path, w->root); /* it fits: `restart` has checked */
  root[w->root] = '\0';
  char *real = realpath(root, NULL);
  if (real != NULL) n = beneath(link, real, strlen(real));
  free(real);
  return n;
}

/* Continue where link `name` leads to. If it is not a link, fail with `error`. */
static int follow(walk *w, const char *name, int error) {
  char link[PATH_BYTES], first[2 * PATH_BYTES];
  const ssize_t n = readlinkat(w->at, name, link, sizeof link);
  if (n < 0) return fail(w, errno == EINVAL ? error : errno); /* EINVAL: not a link */
  if ((size_t)n >= sizeof link) return fail(w, ENAMETOOLONG);
  link[n] = '\0';
  if (++w->links > MOST_LINKS) return fail(w, ELOOP);
  size_t skip = 0, before = 0;
  if (link[0] == '/') {
    skip = beneath_root(w, link);
    if (skip == 0) return fail(w, EXDEV);
  } else {
    before = strlen(w->done);
    memcpy(first, w->done, before);
    first[before++] = '/';
  }
  memcpy(first + before, link + skip, (size_t)n - skip + 1);
  return restart(w, first, strlen(first));
}

/* Walk "..": restart with all names walked except the last. */
static int go_up(walk *w) {
  char first[PATH_BYTES];
  const size_t n = sz_directory_of(w->done, strlen(w->done));
  if (w->done[0] == '\0') return fail(w, EXDEV);
  memcpy(first, w->done, n);
  return restart(w, first, n);
}

static int flags_of(int how) {
  switch (how) {
    case SZ_BENEATH_FILE: return O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
    case SZ_BENEATH_LIST: return O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
#if defined(O_PATH)
    case SZ_BENEATH_STATUS: return O_PATH | O_CLOEXEC | O_NOFOLLOW; /* opens a link itself */
#else
    case SZ_BENEATH_STATUS: return O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
#endif
    default: return ENTER | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  }
}

static int is_link(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISLNK(status.st_mode);
}

static int make_here(int at, const char *name, int how) {
  if (mkdirat(at, name, 0777) != 0) return errno == EEXIST ? SZ_OK : SZ_IO;
  if (how != SZ_BENEATH_MAKE_DURABLE) return SZ_OK;
  const int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int done = fd < 0 ? SZ_IO : sz_sync_file(fd);
  sz_close_quietly(fd);
  return done == SZ_OK || errno == EINVAL ? SZ_OK : SZ_IO;
}

/* Enter the directory `name`, or open it as `how` says if it is the last name. -2: walk on. */
static int step(walk *w, char *name, int last, int how) {
  const int flags = last ? flags_of(how) : flags_of(SZ_BENEATH_ENTER);
  int fd;
  do fd = openat(w->at, name, flags);
  while (fd < 0 && errno == EINTR);
  if (fd < 0 && errno == ENOENT && how >= SZ_BENEATH_MAKE && make_here(w->at, name, how) == SZ_OK)
    fd = openat(w->at, name, flags);
  if (fd >= 0 && last && how == SZ_BENEATH_STATUS && is_link(fd)) {
    close(fd);
    fd = -1;
    errno = ELOOP;
  }
  if (fd < 0) {
    return sz_may_be_link(errno) && follow(w, name, errno) == 0 ? -2 : fail(w, errno);
  }
  sz_close_quietly(w->at);
  w->at = fd;
  const size_t n = strlen(w->done), more = strlen(name);
  if (last) return fd;
  if (n + more + 2 > sizeof w->done) return fail(w, ENAMETOOLONG);
  w->done[n] = '/';
  memcpy(w->done + n + (n > 0), name, more + 1);
  return -2;
}

static int remove_one(char *path, size_t root, int find, size_t n) {
  const size_t above = sz_directory_of(path, n);
  const char kept = path[n], after = path[above];
  int at = AT_FDCWD;
  path[n] = '\0';
  if (find) {
    path[above] = '\0';
    at = sz_open_beneath(path, root, SZ_BENEATH_ENTER);
    path[above] = after;
  }
  const int removed = at == -1 ? -1 : sz_remove_directory(at, find ? strrchr(path, '/') + 1 : path);
  if (find) sz_close_quietly(at);
  path[n] = kept;
  return removed;
}

size_t sz_prune(char *path, size_t root, int find) {
  size_t n = sz_directory_of(path, strlen(path));
  for (; n > root; n = sz_directory_of(path, n)) {
    const int gone = remove_one(path, root, find, n) == 0 || errno == ENOENT;
    if (!gone && errno != ENOTDIR && errno != ENAMETOOLONG) break; /* such a name never existed */
  }
  return n;
}

int sz_open_beneath(const char *path, size_t root, int how) {
  walk w = {.path = path, .root = root, .at = -1};
  w.next = w.todo;
  if (restart(&w, path + root, strlen(path + root)) != 0) return -1;
  for (;;) {
    char name[PATH_BYTES];
    w.next += strspn(w.next, "/");
    const size_t n = strcspn(w.next, "/");
    if (n == 0 && how == SZ_BENEATH_LIST) return step(&w, strcpy(name, "."), 1, how);
    if (n == 0) return w.at; /* no names: the root */
    if (n >= sizeof name) return fail(&w, ENAMETOOLONG);
    memcpy(name, w.next, n);
    name[n] = '\0';
    w.next += n;
    const int last = w.next[strspn(w.next, "/")] == '\0';
    int fd = -2;
    if (strcmp(name, "..") == 0) {
      if (go_up(&w) != 0) return -1;
    } else if (strcmp(name, ".") != 0) {
      fd = step(&w, name, last, how);
    }
    if (fd != -2) return fd;
  }
}
#else
uint64_t sz_local_device(int directory) {
  (void)directory;
  return 0;
}

int sz_sync_file(int fd) {
  (void)fd;
  return sz_refuse();
}

int sz_sync_directory(char *path, size_t n) {
  (void)path, (void)n;
  return sz_refuse();
}

int sz_make_directory(char *path, size_t n, int durable) {
  (void)path, (void)n, (void)durable;
  return sz_refuse();
}

int sz_remove_directory(int at, const char *name) {
  (void)at, (void)name;
  sz_refuse();
  return -1;
}

size_t sz_prune(char *path, size_t root, int find) {
  (void)root, (void)find;
  return sz_directory_of(path, 0);
}

int sz_open_beneath(const char *path, size_t root, int how) {
  (void)path, (void)root, (void)how;
  sz_refuse();
  return -1;
}
#endif
