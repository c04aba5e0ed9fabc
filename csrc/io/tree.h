/* Remove all that is below a directory. POSIX.
 *
 * The walk goes by descriptor. If another process exchanges a directory for a link meanwhile, the walk does
 * not follow it. Neither depth nor the length of paths is bounded. Links are removed, never followed.
 *
 * In each directory, temporary files (replacement.h) go first, after waiting for their writers. Then come the
 * other files, then the directories. A node's metadata document is a file, so it goes before the chunks below
 * it: no reader finds a node that lacks half its chunks. What other writers create meanwhile may stay. */
#ifndef SZ_TREE_H
#define SZ_TREE_H
#include <stddef.h>
#include <stdint.h>

#include "io/files.h"

/* One directory on the way down, and the names in it that are still to be removed. */
typedef struct {
  char *names;             /* each begins with a letter for its kind, and ends with a NUL */
  size_t used, room, next; /* bytes of `names`: in use, allocated, and where the next name begins */
  int kind;                /* the kind of names that are being removed */
  int waited;              /* whether there were temporary files; some may have been published */
  int fd;                  /* -1 if too many are open; it is opened again as ".." of the level below */
  void *stream;            /* the DIR over fd, after the names are read */
  uint64_t device, inode;
} sz_level;

typedef struct {
  int parent;       /* the directory that holds it; closed at the end */
  const char *name; /* its name there; NULL: it is the parent itself, which stays */
  sz_level *levels;
  size_t n, room;
  size_t steps;    /* names removed since the last return for signals */
  int restarts;    /* how often the walk began again, because directories were moved */
  const char *own; /* paths below the tree, "/a/b", of temporary files whose locks the caller holds; these
                    * files stay. Each path ends with a NUL, and so does the list. */
} sz_tree;

/* Initialize the tree; the fields that are not arguments become zeros. */
void sz_tree_begin(sz_tree *tree, int parent, const char *name, const char *own);

/* Remove the tree. SZ_OK; SZ_NO_MEMORY; SZ_IO with errno. EINTR: check for signals and call again. */
int sz_tree_remove(sz_tree *tree);

/* Release what the tree holds. May be called at any time, also twice. */
void sz_tree_end(sz_tree *tree);

#endif
