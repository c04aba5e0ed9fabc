/* A stored object being replaced: its temporary file, and with it the lock on the object.
 *
 * The temporary file of "x" is "x.partial" beside it. The holder of the exclusive lock (flock) on that file
 * is the one writer of x, among threads and processes alike, because the lock belongs to the open file.
 * Publishing renames the file to x, so a reader sees the old object or the new one. The file is made with
 * O_EXCL and locked then. Only the writer that made it, and holds the lock, may rename it. Others that get
 * the lock (a killed writer has left the file behind, or it is not locked yet) may only remove it, while
 * its name leads to what they have locked, and make their own. So a temporary file is published by its
 * maker alone, who sees by its number of links whether it still exists. (By its name on network file
 * systems, which hide removed files that are open.) A killed writer leaves its file behind but no lock,
 * unless a process forked from it lives on. The next writer of x removes the file.
 *
 * A name that leaves no room for ".partial" in 255 bytes is cut: its first 200 bytes (at most, no part of a
 * UTF-8 character), ".", FNV-1a of the whole name in 16 digits, ".partial". A directory may stand at the
 * name of the temporary file. Then the lock is that on the directory, which is not removed meanwhile
 * (`sz_remove_directory`), and the file has a second name: the cut form, or that with ".2" before
 * ".partial".
 *
 * If the file system is full (ENOSPC, EDQUOT: also without an inode) the object's own file is locked
 * instead, so that objects can still be deleted. This lock keeps out others of its kind alone. Therefore
 * publishing and deleting first make sure that the object is still the one that was locked, and fail with
 * EBUSY otherwise.
 *
 * A file keeps its permissions, and as far as the system allows its owner and group, when it is replaced. A
 * new one gets those that the directory and the umask give.
 *
 * If the file system has no flock (ENOLCK, EOPNOTSUPP, ENOSYS) nothing is written: an update could get
 * lost. */
#ifndef SZ_DRAFT_H
#define SZ_DRAFT_H
#include <stddef.h>
#include <stdint.h>

#include "io/directories.h"
#include "io/files.h"
#include "io/parts.h"

typedef struct {
  const char *object; /* the path of x; the caller's memory, unchanged until the draft has ended */
  size_t root;        /* so many bytes of it name the store's directory, which is never removed */
  int beneath;        /* whether links must not lead out of that directory; object is absolute then */
  int directory;      /* SZ_NO_DIRECTORY, or the open directory that names are looked up from; */
  size_t within;      /* then so many bytes of the path, with a slash, name it. Both may change */
  uint64_t local;     /* of `sz_local_device`, or 0 */
  int durable;        /* whether files and the directories that change are synced to the disk */
  int kept;           /* a descriptor of what parts without data are copied from; unused if there are none */
  const sz_file *replaced; /* the object as opened under the lock, fd -1 if there is none; NULL: not known */
  const sz_pause *pause;   /* between pieces that are written, or NULL; ECANCELED if it has ended the draft */
  /* for these functions alone */
  int fd;         /* the open temporary file, or -1 */
  int lock;       /* another open file or directory with the lock, or -1 */
  int parent;     /* the object's open directory, or -1 */
  int second;     /* whether the second name is used */
  int ready;      /* whether `fd` is what is to be written to */
  sz_owner owner; /* of the temporary file */
} sz_draft;

/* Return whether the draft has been opened and has not ended. */
static inline int sz_draft_is_open(const sz_draft *draft) { return draft->fd >= 0 || draft->lock >= 0; }

/* Waits for the lock on draft->object and opens an empty draft, making missing directories; the other
 * fields are the caller's to set. SZ_OK, or SZ_IO with errno and no draft open. errno EINTR: a signal has
 * come, or another writer has had the lock for 50 ms. The caller should see whether it is still wanted
 * (signals, a job that has failed) and call again. */
int sz_draft_open(sz_draft *draft);

/* Make the temporary file ready to be written to by the caller, by `fd`; publishing does so by itself. SZ_OK,
 * or SZ_IO with errno, and the draft is still to be ended. */
int sz_draft_prepare(sz_draft *draft);

/* Writes the parts one after another and publishes them: the draft becomes the object. Ends the draft in
 * any case. SZ_OK, or SZ_IO with errno: the old object is as it was (but the new one is there if all that
 * failed was to sync directories after the renaming). */
int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n);

/* Removes the object (a missing one is no error, nor is a directory, which stays) and ends the draft.
 * SZ_OK, or SZ_IO with errno. */
int sz_draft_delete(sz_draft *draft);

/* Ends the draft, leaving the object as it is; directories that are empty then go. Keeps errno; nothing if
 * none is open. */
void sz_draft_drop(sz_draft *draft);

/* Close what a draft holds open, and change nothing on the disk: for a forked process, whose parent goes on
 * with it. */
void sz_draft_abandon(sz_draft *draft);

/* Opens a draft and deletes, in one; makes nothing where there is neither an object nor a draft of it.
 * SZ_OK, or SZ_IO with errno, EINTR as `sz_draft_open`. */
int sz_remove(sz_draft *draft);

#endif
