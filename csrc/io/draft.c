#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* O_CLOEXEC also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "io/draft_lock.h"

#include "status.h"

#if SZ_HAVE_FILES
#include <stdio.h>
#include <string.h>

/* Remove the temporary file, and what is empty then. The name is that of the open file as long as we hold
 * its lock. */
static int end(sz_draft *draft, int sync) {
  char path[SZ_PATH_BYTES];
  int done = sz_name_temporary(draft->object, draft->second, path);
  if (done == SZ_OK) {
    if (draft->fd >= 0) unlinkat(sz_draft_place(draft), path + draft->within, 0);
    done = sz_draft_prune(draft, path, sync);
  }
  sz_draft_release(draft);
  return done;
}

void sz_draft_drop(sz_draft *draft) {
  const int error = errno;
  if (sz_draft_is_open(draft)) end(draft, 0);
  errno = error;
}

/* Learn what a file system says only when a descriptor is closed; the last one is kept for its lock. */
static int close_copy(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 && (close(copy) == 0 || errno == EINTR) ? SZ_OK : SZ_IO;
}

/* Make sure that what has been written is in the file. */
static int settle(const sz_draft *draft) {
  if (draft->durable) return sz_sync_file(draft->fd);
  return draft->local != 0 ? SZ_OK : close_copy(draft->fd);
}

/* Give the temporary file the permissions of the file that it replaces. */
static int keep_permissions(const sz_draft *draft) {
  struct stat old;
  const sz_owner *now = &draft->owner;
  if (draft->replaced != NULL)
    return draft->replaced->fd < 0 ? SZ_OK : sz_keep_owner(draft->fd, draft->owner, draft->replaced->owner);
  if (sz_draft_status(draft, draft->object, &old) != 0 || !S_ISREG(old.st_mode)) return SZ_OK;
  if (old.st_mode == now->mode && old.st_uid == now->uid && old.st_gid == now->gid) return SZ_OK;
  return sz_keep_owner(draft->fd, draft->owner, (sz_owner){old.st_mode, old.st_uid, old.st_gid});
}

int sz_draft_prepare(sz_draft *draft) {
  char path[SZ_PATH_BYTES];
  if (draft->ready) return SZ_OK;
  if (draft->fd < 0 && sz_name_temporary(draft->object, 0, path) != SZ_OK) return SZ_IO;
  if (draft->fd < 0 && sz_draft_make_late(draft, path) != SZ_OK) return SZ_IO;
  if (keep_permissions(draft) != SZ_OK) return SZ_IO;
  draft->ready = 1;
  return SZ_OK;
}

static int rename_to_object(const sz_draft *draft, const char *path) {
  const int at = sz_draft_place(draft);
  return renameat(at, path + draft->within, at, draft->object + draft->within);
}

int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n) {
  char path[SZ_PATH_BYTES];
  if (sz_draft_prepare(draft) != SZ_OK || sz_name_temporary(draft->object, draft->second, path) != SZ_OK ||
      sz_write_parts(draft->fd, parts, n, draft->kept, draft->local != 0, draft->pause) != SZ_OK ||
      settle(draft) != SZ_OK || rename_to_object(draft, path) != 0) {
    sz_draft_drop(draft);
    return SZ_IO;
  }
  sz_draft_release(draft);
  return draft->durable ? sz_sync_directory(path, sz_directory_of(path, strlen(path))) : SZ_OK;
}

static int is_directory(const sz_draft *draft, const char *path) {
  struct stat status;
  return sz_draft_status(draft, path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int remove_object(const sz_draft *draft) {
  if (unlinkat(sz_draft_place(draft), draft->object + draft->within, 0) == 0) return SZ_OK;
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR || is_directory(draft, draft->object)) return SZ_OK;
  errno = error;
  return SZ_IO;
}

/* Remove the object without a lock, which can't be had as the file system is full. That is as good: a
 * writer that has begun before, and may bring the object back, is seen by its temporary file or by the
 * object. errno EBUSY then. */
static int remove_unlocked(const sz_draft *draft) {
  char path[SZ_PATH_BYTES];
  if (sz_name_temporary(draft->object, 0, path) != SZ_OK || remove_object(draft) != SZ_OK) return SZ_IO;
  const int back = sz_draft_exists(draft, draft->object) && !is_directory(draft, draft->object);
  if (!back && !sz_draft_exists(draft, path)) return SZ_OK;
  errno = EBUSY;
  return SZ_IO;
}

int sz_draft_delete(sz_draft *draft) {
  struct stat status;
  int done = SZ_OK;
  if (draft->fd < 0 && sz_draft_is_current(draft, draft->object, draft->lock, &status) != 1) {
    errno = EBUSY;
    done = SZ_IO;
  }
  if (done == SZ_OK) done = draft->fd < 0 ? remove_unlocked(draft) : remove_object(draft);
  if (done == SZ_OK) return end(draft, draft->durable);
  sz_draft_drop(draft);
  return SZ_IO;
}

int sz_remove(sz_draft *draft) {
  char path[SZ_PATH_BYTES];
  if (sz_draft_begin(draft, path) != SZ_OK) return SZ_IO;
  const int above = !draft->beneath || draft->parent >= 0;
  const int any = above && (sz_draft_exists(draft, draft->object) || sz_draft_exists(draft, path));
  sz_draft_release(draft);
  if (!any) return SZ_OK;
  int done = sz_draft_open(draft);
  if (done == SZ_OK) {
    done = sz_draft_delete(draft);
  } else if (sz_draft_is_full(errno) && sz_draft_begin(draft, path) == SZ_OK) { /* a link, say */
    done = remove_unlocked(draft);
    if (done == SZ_OK) done = sz_draft_prune(draft, path, draft->durable);
    sz_draft_release(draft);
  }
  if (done != SZ_OK && errno == EBUSY) errno = EINTR; /* another writer has come: wait for it */
  return done;
}
#else
static int refuse(void) {
  errno = ENOSYS;
  return SZ_IO;
}

int sz_draft_prepare(sz_draft *draft) {
  (void)draft;
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
