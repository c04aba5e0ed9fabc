/* Removing all that is below a directory, by descriptor: a directory that others exchange for a link
 * meanwhile leads nowhere, and neither depth nor the length of paths is bounded. POSIX.
 *
 * Links are removed, never followed. In each directory what is being written (replacement.h) is waited for
 * and removed first, then the other files, then the directories: without its metadata document a node is gone
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
  int kind;     /* which of them are being removed */
  int waited;   /* whether there were temporary files, which may have been published */
  int fd;       /* -1 once too many are open; it is found again from below */
  void *stream; /* the DIR over it, once the names were read */
  uint64_t device, inode;
} sz_level;

typedef struct {
  int parent;       /* the directory that holds it; closed at the end */
  const char *name; /* its name there; NULL: it is the parent itself, which stays */
  sz_level *levels;
  size_t n, room;
  size_t steps;    /* since the last look for signals */
  int restarts;    /* because directories were moved */
  const char *own; /* paths below the tree, "/a/b", of temporary files whose locks the caller holds: they
                    * stay. Each ends with a NUL, and so does the list. */
} sz_tree;

/* Begin. The rest of the structure is set to zeros. */
void sz_tree_begin(sz_tree *tree, int parent, const char *name, const char *own);

/* Remove. SZ_OK; SZ_NO_MEMORY; SZ_IO with errno. EINTR: look for signals and call again. */
int sz_tree_remove(sz_tree *tree);

/* Release what the tree holds; may be called at any time, also twice. */
void sz_tree_end(sz_tree *tree);

#endif
