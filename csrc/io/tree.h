/* Removing all that is below a directory, by descriptor: a directory that others exchange for a link
 * meanwhile leads nowhere, and neither depth nor the length of paths is bounded. POSIX.
 *
 * Links are removed, never followed. In each directory what is being written (draft.h) is waited for and
 * removed first, then the other files, then the directories: without its metadata document a node is gone
 * at once, so no reader finds one that lacks half its chunks. What others write meanwhile may stay. */
#ifndef SZ_TREE_H
#define SZ_TREE_H
#include <stddef.h>
#include <stdint.h>

#include "io/files.h"

/* One directory on the way down, and the names in it that are still to be removed. */
typedef struct {
  char *names; /* each begins with a letter for its kind, and ends with a NUL */
  size_t used, room, next;
  int kind;   /* which of them are being removed */
  int waited; /* whether there were temporary files, which may have been published */
  int fd;     /* -1 once too many are open; it is found again from below */
  uint64_t device, inode;
} sz_level;

typedef struct {
  int parent;       /* the directory that holds it; closed at the end */
  const char *name; /* its name there; NULL: it is the parent itself, which stays */
  sz_level *levels;
  size_t n, room;
  size_t steps;     /* since the last look for signals */
  int restarts;     /* because directories were moved */
  const char *busy; /* the temporary file that another writer, or the caller, holds the lock on */
  int skip;         /* the caller's answer: leave that one, it is mine */
} sz_tree;

/* Begin. The rest of the structure is set to zeros. */
void sz_tree_begin(sz_tree *tree, int parent, const char *name);

/* Remove. SZ_OK; SZ_NO_MEMORY; SZ_IO with errno. EINTR: look for signals and call again; if `busy` is set,
 * also whether it is a lock of the caller's own. */
int sz_tree_remove(sz_tree *tree);

/* Return the path of level i below the tree, or of the busy file, into the memory given; its length, which
 * may be more than there is room for. */
size_t sz_tree_busy_path(const sz_tree *tree, char *path, size_t room);

/* Release what the tree holds; may be called at any time, also twice. */
void sz_tree_end(sz_tree *tree);

#endif
