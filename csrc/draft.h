/* A stored object being replaced: its draft, and with it the lock on the object.
 *
 * The draft of "x" is the file "x.partial" beside it, and whoever holds the exclusive lock (flock) on that file is the one
 * writer of x: threads and processes alike, as the lock belongs to the open file. Publishing renames the draft to x, so a
 * reader sees the old object or the new one. Only the holder of the lock may rename or remove a draft; whoever gets the
 * lock checks that the name still leads to the file it has locked, and begins anew if not. A writer that is killed leaves
 * its draft behind, but no lock (unless a process forked from it lives on); the next writer of x takes the draft away.
 *
 * A name that leaves no room for ".partial" in 255 bytes is cut: its first 200 bytes (at most, no part of a UTF-8
 * character), ".", FNV-1a of the whole name in 16 digits, ".partial". simplezarr/stores/draft.py does all of it alike.
 *
 * Where the file system has no flock (ENOLCK, EOPNOTSUPP, ENOSYS) nothing is written: an update could get lost. */
#ifndef SZ_DRAFT_H
#define SZ_DRAFT_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *object; /* the path of x; the caller's memory, unchanged until the draft has ended */
  size_t root;        /* so many bytes of it name the store's directory, which is never removed for being empty */
  int durable;        /* whether files and the directories that change are synced to the disk */
  int kept;           /* a descriptor of what parts without data are copied from; not used if there are none */
  int fd;             /* the open draft, or -1; for these functions alone */
} sz_draft;

/* n bytes in memory or, where data is NULL, at `offset` of the file draft->kept. */
typedef struct {
  const char *data;
  size_t n;
  int64_t offset;
} sz_part;

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
