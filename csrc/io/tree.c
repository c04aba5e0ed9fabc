#include "io/posix.h"

#include "io/tree.h"

#include <stdlib.h>
#include <string.h>

#include "io/directories.h"
#include "io/temporary_file.h"

void sz_tree_begin(sz_tree *tree, int parent, const char *name, const char *own) {
  *tree = (sz_tree){.parent = parent, .name = name, .own = own};
}

#if SZ_HAVE_FILES
#include <dirent.h>

enum { MOST_OPEN = 32, MOST_STEPS = 512, MOST_RESTARTS = 1000 };
enum { TEMPORARY = 't', FILES = 'f', DIRECTORIES = 'd' }; /* in this order */

static int open_directory(int at, const char *name) {
  int fd;
  do fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* ------------------------------------------------------------ the names in a directory */

static int kind_of(int fd, const struct dirent *entry) {
  struct stat status;
  int directory;
#if defined(DT_DIR) && defined(DT_UNKNOWN)
  directory = entry->d_type == DT_DIR;
  if (entry->d_type == DT_UNKNOWN)
#endif
    directory = fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
  return directory ? DIRECTORIES : sz_is_temporary(entry->d_name) ? TEMPORARY : FILES;
}

static int add_name(sz_level *level, int kind, const char *name) {
  const size_t n = strlen(name) + 2;
  if (level->used + n > level->room) {
    const size_t room = 2 * level->room + n + 200;
    char *names = realloc(level->names, room);
    if (names == NULL) return SZ_NO_MEMORY;
    level->names = names;
    level->room = room;
  }
  level->names[level->used] = (char)kind;
  memcpy(level->names + level->used + 1, name, n - 1);
  level->used += n;
  return SZ_OK;
}

/* Read all names at once, because removing files while a directory is being read may hide other names. */
static int read_names(sz_level *level) {
  if (level->stream != NULL) rewinddir(level->stream);
  else if ((level->stream = fdopendir(level->fd)) == NULL) return SZ_IO;
  int status = SZ_OK;
  for (const struct dirent *entry; errno = 0, status == SZ_OK && (entry = readdir(level->stream)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      status = add_name(level, kind_of(level->fd, entry), entry->d_name);
  if (status == SZ_OK && errno != 0 && errno != ENOENT) status = SZ_IO; /* ENOENT: removed meanwhile */
  return status;
}

/* ------------------------------------------------------------ levels */

static void close_level(sz_level *level) {
  const int error = errno;
  if (level->stream != NULL) closedir(level->stream);
  else if (level->fd >= 0) close(level->fd);
  level->stream = NULL;
  level->fd = -1;
  errno = error;
}

static void pop(sz_tree *tree) {
  sz_level *level = &tree->levels[--tree->n];
  close_level(level);
  free(level->names);
}

/* Go down into an open directory, which belongs to the tree from here on. */
static int push(sz_tree *tree, int fd) {
  struct stat status;
  if (tree->n == tree->room) {
    const size_t room = 2 * tree->room + 16;
    sz_level *levels = realloc(tree->levels, room * sizeof *levels);
    if (levels == NULL) {
      close(fd);
      return SZ_NO_MEMORY;
    }
    tree->levels = levels;
    tree->room = room;
  }
  sz_level *level = &tree->levels[tree->n++];
  *level = (sz_level){.fd = fd, .kind = TEMPORARY};
  if (fstat(fd, &status) != 0) return SZ_IO;
  level->device = (uint64_t)status.st_dev;
  level->inode = (uint64_t)status.st_ino;
  if (tree->n > MOST_OPEN) close_level(&tree->levels[tree->n - 1 - MOST_OPEN]);
  return read_names(level);
}

/* Open a level's directory again, as ".." of the one below it. 1: it is open; 0: the one below was moved
 * elsewhere; SZ_IO. */
static int reopen(sz_level *level, const sz_level *below) {
  struct stat status;
  if (level->fd >= 0) return 1;
  const int fd = open_directory(below->fd, "..");
  if (fd < 0) return errno == ENOENT ? 0 : SZ_IO;
  if (fstat(fd, &status) != 0 || (uint64_t)status.st_dev != level->device ||
      (uint64_t)status.st_ino != level->inode) {
    close(fd);
    return 0;
  }
  level->fd = fd;
  return 1;
}

static int begin_anew(sz_tree *tree) {
  while (tree->n > 0) pop(tree);
  if (++tree->restarts <= MOST_RESTARTS) return SZ_OK;
  errno = EBUSY;
  return SZ_IO;
}

/* Go up from a directory whose names are done, and remove it. */
static int leave(sz_tree *tree) {
  sz_level *level = &tree->levels[tree->n - 1];
  if (tree->n == 1) {
    if (tree->name != NULL) sz_remove_directory(tree->parent, tree->name);
    pop(tree);
    return SZ_OK;
  }
  sz_level *above = level - 1;
  const int found = reopen(above, level);
  if (found == 0) return begin_anew(tree);
  if (found < 0) return SZ_IO;
  pop(tree);
  sz_remove_directory(above->fd, above->names + above->next + 1); /* it stays if other writers added files */
  above->next += strlen(above->names + above->next) + 1;
  return SZ_OK;
}

/* ------------------------------------------------------------ names */

static int remove_file(int fd, const char *name) {
  if (unlinkat(fd, name, 0) == 0 || errno == ENOENT || errno == EISDIR) return SZ_OK;
  struct stat status;
  const int error = errno;
  const int found = fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW);
  if (found == 0 && S_ISDIR(status.st_mode)) return SZ_OK; /* made meanwhile */
  errno = error;
  return SZ_IO;
}

/* Return whether the tree's current name is a temporary file whose lock the caller holds. */
static int is_own(const sz_tree *tree) {
  for (const char *own = tree->own; *own != '\0'; own += strlen(own) + 1) {
    const char *rest = own;
    for (size_t i = 0; i < tree->n && rest != NULL; i++) {
      const char *name = tree->levels[i].names + tree->levels[i].next + 1;
      const size_t n = strlen(name);
      rest = rest[0] == '/' && strncmp(rest + 1, name, n) == 0 ? rest + 1 + n : NULL;
    }
    if (rest != NULL && *rest == '\0') return 1;
  }
  return 0;
}

/* Remove the file `name`, or go down into the directory. 1: the name is done. */
static int remove_name(sz_tree *tree, sz_level *level, const char *name) {
  int done;
  if (level->kind == TEMPORARY) {
    if (is_own(tree)) return 1;
    done = sz_remove_abandoned(level->fd, name, 1) < 0 ? SZ_IO : SZ_OK;
    level->waited = 1;
  } else if (level->kind == FILES) {
    done = remove_file(level->fd, name);
  } else {
    const int fd = open_directory(level->fd, name);
    if (fd >= 0) return push(tree, fd);
    done = sz_may_be_link(errno) ? remove_file(level->fd, name) : errno == ENOENT ? SZ_OK : SZ_IO;
  }
  return done == SZ_OK ? 1 : done;
}

/* Do the next step in the deepest directory. */
static int step(sz_tree *tree) {
  sz_level *level = &tree->levels[tree->n - 1];
  if (level->next >= level->used) {
    if (level->kind == DIRECTORIES) return leave(tree);
    const int published = level->kind == TEMPORARY && level->waited; /* published objects are removed too */
    level->kind = level->kind == TEMPORARY ? FILES : DIRECTORIES;
    level->next = 0;
    if (published) level->used = 0;
    return published ? read_names(level) : SZ_OK;
  }
  const char *name = level->names + level->next;
  int done = 1;
  if (name[0] == level->kind) {
    tree->steps++;
    done = remove_name(tree, level, name + 1);
  }
  if (done == 1) level->next += strlen(name) + 1;
  return done < 0 ? done : SZ_OK;
}

static int enter(sz_tree *tree) {
  const int fd = open_directory(tree->parent, tree->name == NULL ? "." : tree->name);
  if (fd >= 0) return push(tree, fd);
  if (errno == ENOENT) return SZ_OK;
  if (!sz_may_be_link(errno)) return SZ_IO;
  struct stat status; /* a link to a directory is removed like one; a file is a key, not a prefix */
  const int follow = fstatat(tree->parent, tree->name, &status, 0);
  if (follow != 0 || !S_ISDIR(status.st_mode)) return SZ_OK;
  return remove_file(tree->parent, tree->name);
}

int sz_tree_remove(sz_tree *tree) {
  int status = SZ_OK, restarts;
  do {
    restarts = tree->restarts;
    if (tree->n == 0) status = enter(tree);
    while (status == SZ_OK && tree->n > 0) {
      status = step(tree);
      if (status == SZ_OK && tree->steps >= MOST_STEPS) {
        tree->steps = 0;
        errno = EINTR;
        return SZ_IO;
      }
    }
  } while (status == SZ_OK && tree->restarts != restarts);
  return status;
}

void sz_tree_end(sz_tree *tree) {
  const int error = errno;
  while (tree->n > 0) pop(tree);
  free(tree->levels);
  if (tree->parent >= 0) close(tree->parent);
  *tree = (sz_tree){.parent = -1, .own = ""};
  errno = error;
}
#else
int sz_tree_remove(sz_tree *tree) {
  (void)tree;
  return sz_refuse();
}

void sz_tree_end(sz_tree *tree) { (void)tree; }
#endif
