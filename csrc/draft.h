/* A stored object being replaced: its draft, and with it the lock on the object.
 *
 * The draft of "x" is the file "x.partial" beside it, and whoever holds the exclusive lock (flock) on that file is the one
 * writer of x: threads and processes alike, as the lock belongs to the open file. Publishing renames the draft to x, so a
 * reader sees the old object or the new one. A writer that is killed leaves its draft behind, but no lock; the next writer
 * of x takes the draft over. */
#ifndef SZ_DRAFT_H
#define SZ_DRAFT_H
#include <stddef.h>

typedef struct {
  int fd;
  char *path; /* "…/x.partial"; the caller's memory */
} sz_draft;

typedef struct {
  const char *data;
  size_t n;
} sz_part;

/* Waits for the lock on the object at draft->path (set by the caller, ending in ".partial", writable memory) and opens an
 * empty draft, making missing directories. SZ_OK or SZ_IO with errno. */
int sz_draft_open(sz_draft *draft);

/* Writes the parts one after another and publishes them: the draft becomes the object. Ends the draft in any case; on
 * failure the old object stays and the draft is removed. durable > 0 syncs the file and so many directories above it. */
int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n, int durable);

/* Ends the draft, leaving the object as it is. Keeps errno. */
void sz_draft_drop(sz_draft *draft);

/* Removes the object (a missing one is no error) and ends the draft. */
int sz_draft_delete(sz_draft *draft, int durable);

#endif
