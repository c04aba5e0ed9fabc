/* Directories by name: make them, sync them, remove empty ones, and open paths that must stay below a root.
 *
 * A path is the caller's text. If a length n is given, only path[0 .. n) counts. A function that takes
 * `char *` changes the text while it runs, and restores it. */
#ifndef SZ_DIRECTORIES_H
#define SZ_DIRECTORIES_H
#include <stddef.h>
#include <stdint.h>

/* Return the length of the directory part of path[0 .. n), or 0 if that is the current directory. */
size_t sz_directory_of(const char *path, size_t n);

/* Sync an open file. SZ_OK, or SZ_IO with errno. */
int sz_sync_file(int fd);

/* Sync the directory path[0 .. n), or the nearest one above it that exists. SZ_OK, or SZ_IO with errno. */
int sz_sync_directory(char *path, size_t n);

/* Make the directory path[0 .. n) and the missing ones above it. If `durable`, sync each directory that gets
 * an entry. SZ_OK, also if it exists, or SZ_IO with errno. ENOENT: a directory was removed meanwhile, or is a
 * broken link. */
int sz_make_directory(char *path, size_t n, int durable);

/* Remove directory `name` (looked up from the open directory `at`) if it is empty. If it has the name of a
 * temporary file, writers may use it as their lock (replacement.h). Such a directory stays while it is
 * locked. 0, or -1 with errno. */
int sz_remove_directory(int at, const char *name);

/* Return the device of an open directory if it is known to be on a disk or in memory of this machine,
 * otherwise 0. On a local device a removed file has no links, and closing reports no errors. A network file
 * system hides removed files that are open, and may report a full disk only when a file is closed. Callers
 * need a few more system calls there. */
uint64_t sz_local_device(int directory);

enum {
  SZ_BENEATH_FILE,        /* a file, to read */
  SZ_BENEATH_LIST,        /* a directory, to list */
  SZ_BENEATH_ENTER,       /* a directory, to look names up from */
  SZ_BENEATH_STATUS,      /* anything, to get its status */
  SZ_BENEATH_MAKE,        /* as ENTER, but missing directories are made */
  SZ_BENEATH_MAKE_DURABLE /* as MAKE, and each directory that gets an entry is synced */
};

/* Open path[root ..), looked up from the directory path[0 .. root), without leaving that directory. `how` is
 * one of SZ_BENEATH_….
 *
 * Each name is opened by itself, and links are read and resolved here. Directories that other processes
 * exchange for links meanwhile therefore lead nowhere else. A relative link may lead anywhere below the root.
 * So may an absolute link that begins with the root's path, as given or with its own links resolved. The root
 * itself may be a link. Returns a descriptor, or -1 with errno: EXDEV if a link leads out, ELOOP after 40
 * links. */
int sz_open_beneath(const char *path, size_t root, int how);

/* Remove the empty directories above path, up to but not including path[0 .. root). If `find`, names are
 * looked up without leaving the root, as in `sz_open_beneath`. Return the length of the part of path that
 * names the first directory that stays. */
size_t sz_prune(char *path, size_t root, int find);

#endif
