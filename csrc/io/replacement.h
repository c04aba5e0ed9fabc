/* Replace a stored object through a temporary file, which is also the lock on the object. POSIX.
 *
 * The temporary file of "x" is "x.partial" beside it. The holder of the exclusive lock (flock) on that file
 * is the only writer of x, among threads and processes alike, because the lock belongs to the open file.
 * Publishing renames the file to x, so a reader sees the old object or the new one.
 *
 * The file is created with O_EXCL and locked afterwards. Only the process that created the temporary file and
 * holds its lock may rename it. Other writers that get the lock may only remove the file, while its name
 * still leads to it, and create their own. They get it if a killed writer has left the file behind, or if it
 * is not locked yet. The creator tells by the number of links whether its file still exists. (Network file
 * systems hide removed files that are open. On those it checks that the name leads to its file.) A killed
 * writer leaves its file behind, but no lock unless a process forked from it lives on. The next writer of x
 * removes the file.
 *
 * A name with no room for ".partial" in 255 bytes is cut: its first 200 bytes (whole UTF-8 characters), ".",
 * FNV-1a of the whole name in 16 digits, ".partial". If a directory has the name of the temporary file,
 * writers lock the directory instead. It is not removed while it is locked (`sz_remove_directory`). The file
 * then has a second name: the cut form, with ".2" before ".partial" if the first name was cut too.
 *
 * If the file system is full (ENOSPC, EDQUOT; also if no inode is left), the writer locks the object's own
 * file instead, so that objects can still be deleted. This lock excludes only locks of its own kind.
 * Publishing and deleting therefore make sure that the object is still the one that was locked, and fail with
 * EBUSY otherwise.
 *
 * A replaced file keeps its permissions, and its owner and group as far as the system allows. A new one gets
 * those of the directory and the umask.
 *
 * If the file system has no flock (ENOLCK, EOPNOTSUPP, ENOSYS), nothing is written: an update could get lost.
 */
#ifndef SZ_REPLACEMENT_H
#define SZ_REPLACEMENT_H
#include <stddef.h>
#include <stdint.h>

#include "io/directories.h"
#include "io/files.h"
#include "io/segments.h"

typedef struct {
  /* set by the caller */
  const char *object; /* the path of x, unchanged until the replacement has ended */
  size_t root;        /* length of its beginning that names the store's directory, which is never removed */
  int beneath;        /* links must not lead out of that directory; object is absolute then */
  int directory;      /* the open directory that names are looked up from, or SZ_NO_DIRECTORY; may change */
  size_t within;      /* length of the path's beginning that names `directory`, with a slash; may change */
  uint64_t local;     /* of `sz_local_device`, or 0 */
  int durable;        /* sync files and the directories that change */
  int source_fd;      /* what segments without data are copied from; unused if there are none */
  const sz_file *replaced; /* the object as opened under the lock, fd -1 if there is none; NULL: not known */
  const sz_pause *pause;   /* between pieces that are written, or NULL; it ends publishing with ECANCELED */
  /* private */
  int fd;         /* the open temporary file, or -1 */
  int lock;       /* another open file or directory with the lock, or -1 */
  int parent;     /* the object's open directory, or -1 */
  int second;     /* the second name is used */
  int ready;      /* `fd` can be written to, and has its permissions */
  sz_owner owner; /* of the temporary file */
} sz_replacement;

/* Return whether the replacement is open: begun and not ended. */
static inline int sz_replacement_is_open(const sz_replacement *r) { return r->fd >= 0 || r->lock >= 0; }

/* Wait for the lock on r->object and open an empty replacement; create missing directories. SZ_OK, or SZ_IO
 * with errno and nothing open. EINTR: a signal arrived, or the lock was not free within 50 ms. Check for
 * cancellation and call again. */
int sz_replacement_open(sz_replacement *r);

/* Make the temporary file ready, so that the caller can write to r->fd. Publishing calls this itself. SZ_OK,
 * or SZ_IO with errno and the replacement still open. */
int sz_replacement_prepare(sz_replacement *r);

/* Write the segments one after another, rename the file to the object, and end the replacement in any case.
 * SZ_OK, or SZ_IO with errno and the old object unchanged. (If only syncing a directory has failed, the new
 * object is in place.) */
int sz_replacement_publish(sz_replacement *r, const sz_segment *segments, size_t n);

/* Remove the object and end the replacement in any case. A missing object is no error; a directory stays.
 * SZ_OK, or SZ_IO with errno. */
int sz_replacement_delete(sz_replacement *r);

/* End the replacement, leave the object as it is, and remove directories that are empty then. Keeps errno.
 * Does nothing if the replacement is not open. */
void sz_replacement_discard(sz_replacement *r);

/* Close the replacement's descriptors, and change nothing on the disk. A forked child calls this, because its
 * parent continues the replacement. */
void sz_replacement_close(sz_replacement *r);

/* Open a replacement and delete the object. Creates nothing if neither the object nor its temporary file
 * exists. SZ_OK, or SZ_IO with errno; EINTR as for `sz_replacement_open`. */
int sz_remove_object(sz_replacement *r);

#endif
