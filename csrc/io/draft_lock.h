/* What the two halves of draft.h share: how names are looked up, and the lock on an object. POSIX. */
#ifndef SZ_DRAFT_LOCK_H
#define SZ_DRAFT_LOCK_H
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/draft.h"

#include <errno.h>

#include "io/temporary.h"

#if SZ_HAVE_FILES
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static inline int sz_draft_place(const sz_draft *draft) {
  return draft->directory == SZ_NO_DIRECTORY ? AT_FDCWD : draft->directory;
}

/* Open, and ask for the status of, a path in the directory that names are looked up from. */
static inline int sz_draft_open_here(const sz_draft *draft, const char *path, int flags) {
  return openat(sz_draft_place(draft), path + draft->within, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
}

static inline int sz_draft_status(const sz_draft *draft, const char *path, struct stat *status) {
  return fstatat(sz_draft_place(draft), path + draft->within, status, AT_SYMLINK_NOFOLLOW);
}

/* As `sz_is_current`. */
static inline int sz_draft_is_current(const sz_draft *draft, const char *path, int fd, struct stat *status) {
  return sz_is_current(sz_draft_place(draft), path + draft->within, fd, status);
}

static inline int sz_draft_exists(const sz_draft *draft, const char *path) {
  struct stat status;
  return sz_draft_status(draft, path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static inline int sz_draft_is_full(int error) { return error == ENOSPC || error == EDQUOT; }
#endif

/* Prepare what all ways to begin have in common, and name the temporary file into path[SZ_PATH_BYTES].
 * SZ_OK, or SZ_IO. */
int sz_draft_begin(sz_draft *draft, char *path);

/* Make the temporary file that could not be made before, if the object is still the one that was locked.
 * SZ_OK, or SZ_IO with errno, EBUSY if it is not. */
int sz_draft_make_late(sz_draft *draft, char *path);

/* Remove the directories above path that are empty, up to the store's own; with `sync`, sync the first that
 * stays. */
int sz_draft_prune(const sz_draft *draft, char *path, int sync);

/* Close everything. */
void sz_draft_release(sz_draft *draft);

#endif
