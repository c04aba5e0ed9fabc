#include "io/replacement_lock.h"

#include <string.h>

#if SZ_HAVE_FILES
enum { ATTEMPTS = 256 };

/* Look names up from the object's own directory, which is found without leaving the root. */
static int open_parent(sz_replacement *r, char *path, int how) {
  const size_t n = sz_directory_of(path, strlen(path));
  const char kept = path[n];
  path[n] = '\0';
  const int fd = sz_open_beneath(path, r->root, how);
  path[n] = kept;
  if (fd < 0) return SZ_IO;
  sz_close_quietly(r->parent);
  r->parent = r->directory = fd;
  r->within = (size_t)(strrchr(path, '/') - path) + 1;
  return SZ_OK;
}

/* Make the object's directory. errno ENOENT: another writer removed it again. */
static int make_parent(sz_replacement *r, char *path) {
  if (r->beneath) {
    const int how = r->durable ? SZ_BENEATH_MAKE_DURABLE : SZ_BENEATH_MAKE;
    if (open_parent(r, path, how) == SZ_OK) return SZ_OK;
    return errno == ENOENT ? sz_make_directory(path, r->root, r->durable) : SZ_IO;
  }
  r->directory = SZ_NO_DIRECTORY, r->within = 0; /* the directory may have been replaced */
  return sz_make_directory(path, sz_directory_of(path, strlen(path)), r->durable);
}

/* ------------------------------------------------------------ the lock */

/* Create the temporary file; errno is EEXIST if there is one. Several attempts, because another writer may
 * remove the empty directory before the file is created in it. */
static int make_file(sz_replacement *r, char *path) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    int fd = -1;
    errno = ENOENT;
    if (!r->beneath || r->parent >= 0) fd = sz_replacement_open_here(r, path, O_RDWR | O_CREAT | O_EXCL);
    if (fd >= 0) return fd;
    if (errno == EINTR) continue;
    if (errno != ENOENT || sz_directory_of(path, strlen(path)) == 0) return -1;
    if (make_parent(r, path) != SZ_OK && errno != ENOENT) return -1;
    errno = ENOENT;
  }
  return -1;
}

/* Open a file that another writer has created. A file of another user is opened only for reading, which is
 * enough to lock it. */
static int open_file(const sz_replacement *r, const char *path, int mode) {
  int fd;
  do fd = sz_replacement_open_here(r, path, mode | O_NOCTTY | O_NONBLOCK);
  while (fd < 0 && errno == EINTR);
  return fd < 0 && errno == EACCES && mode == O_RDWR ? open_file(r, path, O_RDONLY) : fd;
}

/* Return whether this writer's temporary file still exists now that it is locked, or -1 with errno. */
static int is_own(sz_replacement *r, int fd, const char *path) {
  struct stat status;
  int own;
  if (r->local == 0) {
    own = sz_replacement_is_current(r, path, fd, &status);
  } else if (fstat(fd, &status) != 0) {
    own = -1;
  } else if ((uint64_t)status.st_dev == r->local) {
    own = status.st_nlink == 1;
  } else {
    r->local = 0; /* another file system is mounted below the root */
    return is_own(r, fd, path);
  }
  if (own == 1) r->owner = (sz_owner){status.st_mode, status.st_uid, status.st_gid};
  return own;
}

/* Lock the temporary file that was just created. 1: locked; 0: another writer removed it first; SZ_IO: it is
 * removed, or another writer holds a lock on it and will remove it. */
static int lock_own(sz_replacement *r, int fd, const char *path) {
  struct stat status;
  int own = sz_lock_file(fd, 1);
  if (own == SZ_OK) own = is_own(r, fd, path);
  if (own == 1) {
    r->fd = fd;
    return 1;
  }
  const int error = errno;
  if (own < 0 && error != EINTR && sz_replacement_is_current(r, path, fd, &status) != 0)
    unlinkat(sz_replacement_at(r), path + r->within, 0); /* flock fails, so no other writer holds a lock */
  close(fd);
  errno = error;
  return own < 0 ? SZ_IO : 0;
}

/* Take the lock on the directory that stands at the name of the temporary file, and use the second name. As
 * `take_file`. */
static int take_second(sz_replacement *r, char *path) {
  struct stat status;
  const int lock = sz_replacement_open_here(r, path, O_RDONLY | O_DIRECTORY);
  if (lock < 0) return sz_is_missing(errno) ? 0 : SZ_IO;
  int taken = sz_lock_file(lock, 1);
  if (taken == SZ_OK) taken = sz_replacement_is_current(r, path, lock, &status);
  if (taken == 1) {
    taken = sz_name_temporary(r->object, 1, path);
    if (taken == SZ_OK) taken = sz_remove_abandoned(sz_replacement_at(r), path + r->within, 1);
    if (taken >= 0) {
      const int fd = make_file(r, path);
      taken = fd < 0 ? SZ_IO : lock_own(r, fd, path);
    }
  }
  if (taken == 1) {
    r->lock = lock, r->second = 1;
    return 1;
  }
  sz_close_quietly(lock);
  sz_name_temporary(r->object, 0, path);
  return taken < 0 ? SZ_IO : 0;
}

/* Wait for the writer that owns the temporary file, and remove the file if a killed writer left it. 0: try
 * again; 1: a directory has the name, and the second name was taken; SZ_IO. */
static int wait_for_owner(sz_replacement *r, char *path) {
  struct stat status;
  const int fd = open_file(r, path, O_RDWR);
  if (fd < 0) return errno == ENOENT ? 0 : errno == EISDIR ? take_second(r, path) : SZ_IO;
  int done = sz_lock_file(fd, 1);
  if (done == SZ_OK && (done = sz_replacement_is_current(r, path, fd, &status)) == 1) {
    errno = EINVAL;
    if (S_ISREG(status.st_mode)) done = unlinkat(sz_replacement_at(r), path + r->within, 0);
    done = done == 0 ? 0 : SZ_IO;
  }
  sz_close_quietly(fd);
  return done < 0 ? SZ_IO : 0;
}

/* Lock the object's own file, because the file system is full. This excludes writers that do the same. If
 * another writer could create a temporary file, the object is no longer the locked one. As `take_file`. */
static int lock_object(sz_replacement *r, char *path, int error) {
  struct stat status;
  if (sz_replacement_exists(r, path)) return wait_for_owner(r, path);
  const int fd = open_file(r, r->object, O_RDWR);
  int taken = fd < 0 ? SZ_IO : sz_lock_file(fd, 1);
  if (taken == SZ_IO && fd >= 0 && errno == EINTR) error = EINTR;
  if (taken == SZ_OK) taken = sz_replacement_is_current(r, r->object, fd, &status);
  if (taken == 1 && !S_ISREG(status.st_mode)) taken = SZ_IO;
  if (taken == 1 && sz_replacement_exists(r, path)) taken = 0;
  if (taken == 1) r->lock = fd;
  else if (fd >= 0) close(fd);
  errno = error;
  return taken < 0 ? SZ_IO : taken;
}

/* Try once to create and lock the temporary file. 1: done; 0: there was one, or the new one was removed
 * before it was locked; SZ_IO. */
static int take_file(sz_replacement *r, char *path) {
  const int fd = make_file(r, path);
  if (fd >= 0) return lock_own(r, fd, path);
  if (errno == EEXIST) return wait_for_owner(r, path);
  return sz_is_full(errno) ? lock_object(r, path, errno) : SZ_IO;
}

void sz_replacement_close(sz_replacement *r) {
  sz_close_quietly(r->fd);
  sz_close_quietly(r->lock);
  if (r->beneath && r->parent >= 0) {
    sz_close_quietly(r->parent);
    r->directory = SZ_NO_DIRECTORY, r->within = 0;
  }
  r->fd = r->lock = r->parent = -1;
  r->second = r->ready = 0;
}

int sz_replacement_begin(sz_replacement *r, char *path) {
  r->fd = r->lock = r->parent = -1;
  r->second = r->ready = 0;
  if (sz_name_temporary(r->object, 0, path) != SZ_OK) return SZ_IO;
  if (!r->beneath || open_parent(r, path, SZ_BENEATH_ENTER) == SZ_OK) return SZ_OK;
  return sz_is_missing(errno) ? SZ_OK : SZ_IO;
}

int sz_replacement_open(sz_replacement *r) {
  char path[SZ_PATH_BYTES];
  int taken = sz_replacement_begin(r, path);
  if (taken != SZ_OK) return SZ_IO;
  do taken = take_file(r, path);
  while (taken == 0);
  if (taken == 1) return SZ_OK;
  const int error = errno;
  sz_replacement_prune(r, path, 0); /* directories created for the file */
  sz_replacement_close(r);
  errno = error;
  return SZ_IO;
}

int sz_replacement_make_late(sz_replacement *r, char *path) {
  struct stat status;
  int taken = 0;
  const int fd = make_file(r, path);
  if (fd < 0 && errno != EEXIST) return SZ_IO;
  if (fd >= 0 && (taken = lock_own(r, fd, path)) < 0 && errno != EINTR) return SZ_IO;
  if (taken == 1) taken = sz_replacement_is_current(r, r->object, r->lock, &status);
  if (taken == 1) return SZ_OK;
  errno = EBUSY;
  return SZ_IO;
}

int sz_replacement_prune(const sz_replacement *r, char *path, int sync) {
  const size_t n = sz_prune(path, r->root, r->beneath);
  return sync ? sz_sync_directory(path, n) : SZ_OK;
}

#else
int sz_replacement_open(sz_replacement *r) {
  r->fd = r->lock = -1;
  return sz_refuse();
}

int sz_replacement_begin(sz_replacement *r, char *path) {
  (void)path;
  return sz_replacement_open(r);
}

int sz_replacement_make_late(sz_replacement *r, char *path) {
  (void)path;
  return sz_replacement_open(r);
}

int sz_replacement_prune(const sz_replacement *r, char *path, int sync) {
  (void)r, (void)path, (void)sync;
  return SZ_OK;
}

void sz_replacement_close(sz_replacement *r) { (void)r; }
#endif
