#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* O_NOFOLLOW also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "io/draft_lock.h"

#include <string.h>

#include "status.h"

#if SZ_HAVE_FILES
enum { ATTEMPTS = 256 };

static void close_quietly(int fd) {
  if (fd < 0) return;
  const int error = errno;
  close(fd);
  errno = error;
}

/* Look names up from the object's own directory, which is found without leaving the store's. */
static int open_parent(sz_draft *draft, char *path, int how) {
  const size_t n = sz_directory_of(path, strlen(path));
  const char kept = path[n];
  path[n] = '\0';
  const int fd = sz_open_beneath(path, draft->root, how);
  path[n] = kept;
  if (fd < 0) return SZ_IO;
  close_quietly(draft->parent);
  draft->parent = draft->directory = fd;
  draft->within = (size_t)(strrchr(path, '/') - path) + 1;
  return SZ_OK;
}

/* Make the object's directory. errno ENOENT: another writer has removed it again. */
static int make_parent(sz_draft *draft, char *path) {
  if (draft->beneath) {
    const int how = draft->durable ? SZ_BENEATH_MAKE_DURABLE : SZ_BENEATH_MAKE;
    if (open_parent(draft, path, how) == SZ_OK) return SZ_OK;
    return errno == ENOENT ? sz_make_directory(path, draft->root, draft->durable) : SZ_IO;
  }
  draft->directory = SZ_NO_DIRECTORY, draft->within = 0; /* it may have been removed and made anew */
  return sz_make_directory(path, sz_directory_of(path, strlen(path)), draft->durable);
}

/* ------------------------------------------------------------ the lock */

/* Make the temporary file; errno EEXIST if there is one. Another writer may remove the directory, empty as
 * it is, between its making and that of the file: hence the attempts. */
static int make_file(sz_draft *draft, char *path) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    int fd = -1;
    errno = ENOENT;
    if (!draft->beneath || draft->parent >= 0)
      fd = sz_draft_open_here(draft, path, O_RDWR | O_CREAT | O_EXCL);
    if (fd >= 0) return fd;
    if (errno == EINTR) continue;
    if (errno != ENOENT || sz_directory_of(path, strlen(path)) == 0) return -1;
    if (make_parent(draft, path) != SZ_OK && errno != ENOENT) return -1;
    errno = ENOENT;
  }
  return -1;
}

/* Open what others have made: for reading only if it is another user's, which is enough to lock it. */
static int open_file(const sz_draft *draft, const char *path, int mode) {
  int fd;
  do fd = sz_draft_open_here(draft, path, mode | O_NOCTTY | O_NONBLOCK);
  while (fd < 0 && errno == EINTR);
  return fd < 0 && errno == EACCES && mode == O_RDWR ? open_file(draft, path, O_RDONLY) : fd;
}

/* Return whether the temporary file that we have made is still there, now that it is locked, or -1 with
 * errno. */
static int is_own(sz_draft *draft, int fd, const char *path) {
  struct stat status;
  int own;
  if (draft->local == 0) {
    own = sz_draft_is_current(draft, path, fd, &status);
  } else if (fstat(fd, &status) != 0) {
    own = -1;
  } else if ((uint64_t)status.st_dev == draft->local) {
    own = status.st_nlink == 1;
  } else {
    draft->local = 0; /* another file system is mounted further down */
    return is_own(draft, fd, path);
  }
  if (own == 1) draft->owner = (sz_owner){status.st_mode, status.st_uid, status.st_gid};
  return own;
}

/* Lock the temporary file that we have just made. 1: it is ours; 0: others have removed it before it was
 * locked; SZ_IO, and then it is gone unless others wait with a lock on it, and will remove it. */
static int lock_own(sz_draft *draft, int fd, const char *path) {
  struct stat status;
  int own = sz_lock_file(fd, 1);
  if (own == SZ_OK) own = is_own(draft, fd, path);
  if (own == 1) {
    draft->fd = fd;
    return 1;
  }
  const int error = errno;
  if (own < 0 && error != EINTR && sz_draft_is_current(draft, path, fd, &status) != 0)
    unlinkat(sz_draft_place(draft), path + draft->within, 0); /* without locks nobody else has one */
  close(fd);
  errno = error;
  return own < 0 ? SZ_IO : 0;
}

/* Take the lock on the directory that stands at the name of the temporary file, and use the second name. As
 * `take_file`. */
static int take_second(sz_draft *draft, char *path) {
  struct stat status;
  const int lock = sz_draft_open_here(draft, path, O_RDONLY | O_DIRECTORY);
  if (lock < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : SZ_IO;
  int taken = sz_lock_file(lock, 1);
  if (taken == SZ_OK) taken = sz_draft_is_current(draft, path, lock, &status);
  if (taken == 1) {
    taken = sz_name_temporary(draft->object, 1, path);
    if (taken == SZ_OK) taken = sz_discard(sz_draft_place(draft), path + draft->within, 1);
    if (taken >= 0) {
      const int fd = make_file(draft, path);
      taken = fd < 0 ? SZ_IO : lock_own(draft, fd, path);
    }
  }
  if (taken == 1) {
    draft->lock = lock, draft->second = 1;
    return 1;
  }
  close_quietly(lock);
  sz_name_temporary(draft->object, 0, path);
  return taken < 0 ? SZ_IO : 0;
}

/* Wait for the writer whose temporary file is there. Remove what is still there then: a killed one has left
 * it behind. 0: try again; 1: there is a directory, and the second name has been taken; SZ_IO. */
static int outwait(sz_draft *draft, char *path) {
  struct stat status;
  const int fd = open_file(draft, path, O_RDWR);
  if (fd < 0) return errno == ENOENT ? 0 : errno == EISDIR ? take_second(draft, path) : SZ_IO;
  int done = sz_lock_file(fd, 1);
  if (done == SZ_OK && (done = sz_draft_is_current(draft, path, fd, &status)) == 1) {
    errno = EINVAL;
    if (S_ISREG(status.st_mode)) done = unlinkat(sz_draft_place(draft), path + draft->within, 0);
    done = done == 0 ? 0 : SZ_IO;
  }
  close_quietly(fd);
  return done < 0 ? SZ_IO : 0;
}

/* The file system is full: lock the object's own file, which keeps out those that do the same. Those that
 * can make a temporary file again are found out later: they have replaced the object. As `take_file`. */
static int lock_object(sz_draft *draft, char *path, int error) {
  struct stat status;
  if (sz_draft_exists(draft, path)) return outwait(draft, path);
  const int fd = open_file(draft, draft->object, O_RDWR);
  int taken = fd < 0 ? SZ_IO : sz_lock_file(fd, 1);
  if (taken == SZ_IO && fd >= 0 && errno == EINTR) error = EINTR;
  if (taken == SZ_OK) taken = sz_draft_is_current(draft, draft->object, fd, &status);
  if (taken == 1 && !S_ISREG(status.st_mode)) taken = SZ_IO;
  if (taken == 1 && sz_draft_exists(draft, path)) taken = 0;
  if (taken == 1) draft->lock = fd;
  else if (fd >= 0) close(fd);
  errno = error;
  return taken < 0 ? SZ_IO : taken;
}

/* Make and lock a temporary file, once. 1: it is ours; 0: there was one, or ours was removed before it was
 * locked; SZ_IO. */
static int take_file(sz_draft *draft, char *path) {
  const int fd = make_file(draft, path);
  if (fd >= 0) return lock_own(draft, fd, path);
  if (errno == EEXIST) return outwait(draft, path);
  return sz_draft_is_full(errno) ? lock_object(draft, path, errno) : SZ_IO;
}

void sz_draft_release(sz_draft *draft) {
  close_quietly(draft->fd);
  close_quietly(draft->lock);
  if (draft->beneath && draft->parent >= 0) {
    close_quietly(draft->parent);
    draft->directory = SZ_NO_DIRECTORY, draft->within = 0;
  }
  draft->fd = draft->lock = draft->parent = -1;
  draft->second = draft->ready = 0;
}

/* Prepare what all ways to begin have in common. */
int sz_draft_begin(sz_draft *draft, char *path) {
  draft->fd = draft->lock = draft->parent = -1;
  draft->second = draft->ready = 0;
  if (sz_name_temporary(draft->object, 0, path) != SZ_OK) return SZ_IO;
  if (!draft->beneath || open_parent(draft, path, SZ_BENEATH_ENTER) == SZ_OK) return SZ_OK;
  return errno == ENOENT || errno == ENOTDIR ? SZ_OK : SZ_IO;
}

int sz_draft_open(sz_draft *draft) {
  char path[SZ_PATH_BYTES];
  int taken = sz_draft_begin(draft, path);
  if (taken != SZ_OK) return SZ_IO;
  do taken = take_file(draft, path);
  while (taken == 0);
  if (taken == 1) return SZ_OK;
  const int error = errno;
  sz_draft_prune(draft, path, 0); /* what was made for it */
  sz_draft_release(draft);
  errno = error;
  return SZ_IO;
}

/* Make the temporary file that could not be made before, if the object is still the one that was locked. */
int sz_draft_make_late(sz_draft *draft, char *path) {
  struct stat status;
  int taken = 0;
  const int fd = make_file(draft, path);
  if (fd < 0 && errno != EEXIST) return SZ_IO;
  if (fd >= 0 && (taken = lock_own(draft, fd, path)) < 0 && errno != EINTR) return SZ_IO;
  if (taken == 1) taken = sz_draft_is_current(draft, draft->object, draft->lock, &status);
  if (taken == 1) return SZ_OK;
  errno = EBUSY;
  return SZ_IO;
}

/* Remove the directories above path that are empty, up to the store's own; with `sync`, sync the first that
 * stays. */
int sz_draft_prune(const sz_draft *draft, char *path, int sync) {
  const size_t n = sz_prune(path, draft->root, draft->beneath);
  return sync ? sz_sync_directory(path, n) : SZ_OK;
}

void sz_draft_abandon(sz_draft *draft) { sz_draft_release(draft); }
#else
int sz_draft_open(sz_draft *draft) {
  draft->fd = draft->lock = -1;
  errno = ENOSYS;
  return SZ_IO;
}

int sz_draft_begin(sz_draft *draft, char *path) {
  (void)path;
  return sz_draft_open(draft);
}

int sz_draft_make_late(sz_draft *draft, char *path) {
  (void)path;
  return sz_draft_open(draft);
}

int sz_draft_prune(const sz_draft *draft, char *path, int sync) {
  (void)draft, (void)path, (void)sync;
  return SZ_OK;
}

void sz_draft_release(sz_draft *draft) { (void)draft; }

void sz_draft_abandon(sz_draft *draft) { (void)draft; }
#endif
