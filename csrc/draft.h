/* A stored object being replaced: its draft, and with it the lock on the object.
 *
 * The draft of "x" is the file "x.partial" beside it, and whoever holds the exclusive lock (flock) on that file is the one
 * writer of x: threads and processes alike, as the lock belongs to the open file. Publishing renames the draft to x, so a
 * reader sees the old object or the new one. A draft is made with O_EXCL and locked then. Only who has made it, and holds
 * the lock, may rename it. Others that get the lock (of a draft that a killed writer has left behind, or one that is not
 * locked yet) may only remove it, while its name leads to what they have locked, and make their own. So nobody's draft is
 * published but by its maker, who sees by its number of links whether it is still there. (By its name, where open files that
 * are removed are only hidden, as on network file systems.) A writer that is killed leaves its draft behind, but no lock
 * (unless a process forked from it lives on); the next writer of x takes the draft away.
 *
 * A name that leaves no room for ".partial" in 255 bytes is cut: its first 200 bytes (at most, no part of a UTF-8
 * character), ".", FNV-1a of the whole name in 16 digits, ".partial". simplezarr/stores/draft.py does all of it alike.
 *
 * Where the file system has no flock (ENOLCK, EOPNOTSUPP, ENOSYS) nothing is written: an update could get lost. */
#ifndef SZ_DRAFT_H
#define SZ_DRAFT_H
#include <stddef.h>
#include <stdint.h>

#include "parts.h"

typedef struct {
  const char *object; /* the path of x; the caller's memory, unchanged until the draft has ended */
  size_t root;        /* so many bytes of it name the store's directory, which is never removed for being empty */
  int directory;      /* SZ_NO_DIRECTORY, or the open directory that names are looked up from; */
  size_t within;      /* then so many bytes of the path, with a slash, name it. Both may change: to absolute names */
  uint64_t local;     /* of `sz_local_device`, or 0 */
  int durable;        /* whether files and the directories that change are synced to the disk */
  int kept;           /* a descriptor of what parts without data are copied from; not used if there are none */
  sz_relay *relay;    /* what copies them, if somebody is to help with that; or NULL */
  int fd;             /* the open draft, or -1; for these functions alone */
} sz_draft;

/* The device of an open directory that is known to be on a disk or in memory of this machine, else 0. There a removed file
 * has no links, and nothing goes wrong in closing. A network file system hides removed files that are open, and may say only
 * when a file is closed that the disk is full: both cost a few more calls to find out. */
uint64_t sz_local_device(int directory);

/* Waits for the lock on draft->object and opens an empty draft, making missing directories; the other fields are the
 * caller's to set. SZ_OK, or SZ_IO with errno and no draft open. errno EINTR: a signal has come, or another writer has had
 * the lock for 50 ms. The caller should see whether it is still wanted (signals, a job that has failed) and call again. */
int sz_draft_open(sz_draft *draft);

/* Writes the parts one after another and publishes them: the draft becomes the object. Ends the draft in any case. SZ_OK,
 * or SZ_IO with errno: the old object is as it was (but the new one is there if all that failed was to sync directories
 * after the renaming). */
int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n);

/* Removes the object (a missing one is no error, nor is a directory, which stays) and ends the draft. SZ_OK, or SZ_IO with
 * errno. */
int sz_draft_delete(sz_draft *draft);

/* Ends the draft, leaving the object as it is; directories that are empty then go. Keeps errno; nothing if none is open. */
void sz_draft_drop(sz_draft *draft);

/* Opens a draft and deletes, in one; makes nothing where there is neither an object nor a draft of it. SZ_OK, or SZ_IO
 * with errno, EINTR as `sz_draft_open`. */
int sz_remove(sz_draft *draft);

#endif
