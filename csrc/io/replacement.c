#include "io/replacement_lock.h"

#if SZ_HAVE_FILES
#include <stdio.h>
#include <string.h>

/* Remove the temporary file and the directories that are empty then. While this writer holds the lock, the
 * name leads to its open file. */
static int clean_up(sz_replacement *r, int sync) {
  char path[SZ_PATH_BYTES];
  int done = sz_name_temporary(r->object, r->second, path);
  if (done == SZ_OK) {
    if (r->fd >= 0) unlinkat(sz_replacement_at(r), path + r->within, 0);
    done = sz_replacement_prune(r, path, sync);
  }
  sz_replacement_close(r);
  return done;
}

void sz_replacement_discard(sz_replacement *r) {
  const int error = errno;
  if (sz_replacement_is_open(r)) clean_up(r, 0);
  errno = error;
}

/* Close a copy of the descriptor, because some file systems report errors only then. The original keeps the
 * lock. */
static int close_copy(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 && (close(copy) == 0 || errno == EINTR) ? SZ_OK : SZ_IO;
}

/* Make sure that the written bytes are in the file, or report why not. */
static int flush(const sz_replacement *r) {
  if (r->durable) return sz_sync_file(r->fd);
  return r->local != 0 ? SZ_OK : close_copy(r->fd);
}

/* Give the temporary file the permissions of the file that it replaces. */
static int keep_permissions(const sz_replacement *r) {
  struct stat old;
  const sz_owner *now = &r->owner;
  if (r->replaced != NULL)
    return r->replaced->fd < 0 ? SZ_OK : sz_keep_owner(r->fd, r->owner, r->replaced->owner);
  if (sz_replacement_status(r, r->object, &old) != 0 || !S_ISREG(old.st_mode)) return SZ_OK;
  if (old.st_mode == now->mode && old.st_uid == now->uid && old.st_gid == now->gid) return SZ_OK;
  return sz_keep_owner(r->fd, r->owner, (sz_owner){old.st_mode, old.st_uid, old.st_gid});
}

int sz_replacement_prepare(sz_replacement *r) {
  char path[SZ_PATH_BYTES];
  if (r->ready) return SZ_OK;
  if (r->fd < 0 && sz_name_temporary(r->object, 0, path) != SZ_OK) return SZ_IO;
  if (r->fd < 0 && sz_replacement_make_late(r, path) != SZ_OK) return SZ_IO;
  if (keep_permissions(r) != SZ_OK) return SZ_IO;
  r->ready = 1;
  return SZ_OK;
}

static int rename_to_object(const sz_replacement *r, const char *path) {
  const int at = sz_replacement_at(r);
  return renameat(at, path + r->within, at, r->object + r->within);
}

int sz_replacement_publish(sz_replacement *r, const sz_segment *segments, size_t n) {
  char path[SZ_PATH_BYTES];
  if (sz_replacement_prepare(r) != SZ_OK || sz_name_temporary(r->object, r->second, path) != SZ_OK ||
      sz_write_segments(r->fd, segments, n, r->source_fd, r->local != 0, r->pause) != SZ_OK ||
      flush(r) != SZ_OK || rename_to_object(r, path) != 0) {
    sz_replacement_discard(r);
    return SZ_IO;
  }
  sz_replacement_close(r);
  return r->durable ? sz_sync_directory(path, sz_directory_of(path, strlen(path))) : SZ_OK;
}

static int is_directory(const sz_replacement *r, const char *path) {
  struct stat status;
  return sz_replacement_status(r, path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int remove_object(const sz_replacement *r) {
  if (unlinkat(sz_replacement_at(r), r->object + r->within, 0) == 0) return SZ_OK;
  const int error = errno;
  if (sz_is_missing(error) || is_directory(r, r->object)) return SZ_OK;
  errno = error;
  return SZ_IO;
}

/* Remove the object without a lock, because the file system is full. A writer that began earlier may bring
 * the object back. In that case its temporary file, or the object, exists afterwards; errno is EBUSY then. */
static int remove_unlocked(const sz_replacement *r) {
  char path[SZ_PATH_BYTES];
  if (sz_name_temporary(r->object, 0, path) != SZ_OK || remove_object(r) != SZ_OK) return SZ_IO;
  const int back = sz_replacement_exists(r, r->object) && !is_directory(r, r->object);
  if (!back && !sz_replacement_exists(r, path)) return SZ_OK;
  errno = EBUSY;
  return SZ_IO;
}

int sz_replacement_delete(sz_replacement *r) {
  struct stat status;
  int done = SZ_OK;
  if (r->fd < 0 && sz_replacement_is_current(r, r->object, r->lock, &status) != 1) {
    errno = EBUSY;
    done = SZ_IO;
  }
  if (done == SZ_OK) done = r->fd < 0 ? remove_unlocked(r) : remove_object(r);
  if (done == SZ_OK) return clean_up(r, r->durable);
  sz_replacement_discard(r);
  return SZ_IO;
}

int sz_remove_object(sz_replacement *r) {
  char path[SZ_PATH_BYTES];
  if (sz_replacement_begin(r, path) != SZ_OK) return SZ_IO;
  const int above = !r->beneath || r->parent >= 0;
  const int any = above && (sz_replacement_exists(r, r->object) || sz_replacement_exists(r, path));
  sz_replacement_close(r);
  if (!any) return SZ_OK;
  int done = sz_replacement_open(r);
  if (done == SZ_OK) {
    done = sz_replacement_delete(r);
  } else if (sz_is_full(errno) && sz_replacement_begin(r, path) == SZ_OK) { /* the object may be a link */
    done = remove_unlocked(r);
    if (done == SZ_OK) done = sz_replacement_prune(r, path, r->durable);
    sz_replacement_close(r);
  }
  if (done != SZ_OK && errno == EBUSY) errno = EINTR; /* the caller waits for the other writer */
  return done;
}
#else
int sz_replacement_prepare(sz_replacement *r) {
  (void)r;
  return sz_refuse();
}

int sz_replacement_publish(sz_replacement *r, const sz_segment *segments, size_t n) {
  (void)r, (void)segments, (void)n;
  return sz_refuse();
}

int sz_replacement_delete(sz_replacement *r) {
  (void)r;
  return sz_refuse();
}

void sz_replacement_discard(sz_replacement *r) { (void)r; }

int sz_remove_object(sz_replacement *r) { return sz_replacement_open(r); }
#endif
