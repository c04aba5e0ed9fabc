/* Private to replacement.c and replacement_lock.c: how names are looked up, and the lock on an object. POSIX.
 */
#ifndef SZ_REPLACEMENT_LOCK_H
#define SZ_REPLACEMENT_LOCK_H
#include "io/posix.h"
#include "io/replacement.h"
#include "io/temporary_file.h"

#if SZ_HAVE_FILES
static inline int sz_replacement_at(const sz_replacement *r) {
  return r->directory == SZ_NO_DIRECTORY ? AT_FDCWD : r->directory;
}

/* Open a path, or get its status, from the directory that names are looked up from. */
static inline int sz_replacement_open_here(const sz_replacement *r, const char *path, int flags) {
  return openat(sz_replacement_at(r), path + r->within, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
}

static inline int sz_replacement_status(const sz_replacement *r, const char *path, struct stat *status) {
  return fstatat(sz_replacement_at(r), path + r->within, status, AT_SYMLINK_NOFOLLOW);
}

/* As `sz_is_current`. */
static inline int sz_replacement_is_current(const sz_replacement *r, const char *path, int fd,
                                            struct stat *status) {
  return sz_is_current(sz_replacement_at(r), path + r->within, fd, status);
}

static inline int sz_replacement_exists(const sz_replacement *r, const char *path) {
  struct stat status;
  return sz_replacement_status(r, path, &status) == 0 || !sz_is_missing(errno);
}

static inline int sz_is_full(int error) { return error == ENOSPC || error == EDQUOT; }
#endif

/* Prepare the private fields, and write the temporary file's path into path[SZ_PATH_BYTES]. SZ_OK, or SZ_IO
 * with errno. */
int sz_replacement_begin(sz_replacement *r, char *path);

/* Create the temporary file that could not be created before. SZ_OK, or SZ_IO with errno; EBUSY if the object
 * is no longer the one that was locked. */
int sz_replacement_make_late(sz_replacement *r, char *path);

/* Remove the empty directories above path, below the root. If `sync`, sync the first that stays. */
int sz_replacement_prune(const sz_replacement *r, char *path, int sync);

#endif
