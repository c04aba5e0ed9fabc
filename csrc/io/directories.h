/* Directories by name: made, removed when they are empty, synced to the disk, and found without leaving a
 * root.
 *
 * A path is text in memory of the caller, path[0 .. n) its part that counts; a function that takes `char *`
 * changes it for the moment only. */
#ifndef SZ_DIRECTORIES_H
#define SZ_DIRECTORIES_H
#include <stddef.h>
#include <stdint.h>

/* Return how much of path[0 .. n) names the directory that it is in; 0 for the current one. */
size_t sz_directory_of(const char *path, size_t n);

/* Sync an open file. SZ_OK, or SZ_IO with errno. */
int sz_sync_file(int fd);

/* Sync the directory path[0 .. n), or the first above it that still exists. SZ_OK, or SZ_IO with errno. */
int sz_sync_directory(char *path, size_t n);

/* Make the directory path[0 .. n) and those above it that are missing; with `durable`, sync those that get
 * an entry. SZ_OK, also if it exists, or SZ_IO with errno (ENOENT: one was removed meanwhile, or is a
 * broken link). */
int sz_make_directory(char *path, size_t n, int durable);

/* Remove directory `name` (looked up from the open directory `at`) if it is empty. Its name may be one of a
 * temporary file, on which writers then hold the lock (replacement.h): such a directory stays while it is
 * locked. 0, or -1 with errno. */
int sz_remove_directory(int at, const char *name);

/* The device of an open directory that is known to be on a disk or in memory of this machine, else 0. There
 * a removed file has no links, and nothing goes wrong in closing. A network file system hides removed files
 * that are open, and may say only when a file is closed that the disk is full: both cost a few more calls
 * to find out. */
uint64_t sz_local_device(int directory);

enum {
  SZ_BENEATH_FILE,        /* to be read */
  SZ_BENEATH_LIST,        /* a directory, to be listed */
  SZ_BENEATH_ENTER,       /* a directory, to look names up from */
  SZ_BENEATH_STATUS,      /* anything, to be asked for its status */
  SZ_BENEATH_MAKE,        /* a directory, to look names up from; it is made if it is missing */
  SZ_BENEATH_MAKE_DURABLE /* and what gets an entry is synced */
};

/* Open path[root ..), looked up from the directory path[0 .. root), without ever leaving that directory.
 *
 * Every name is opened by itself, and links are read and resolved here, so it makes no difference what
 * others exchange meanwhile. A relative link may lead anywhere below the root, and so may an absolute one
 * that begins with the root's path (as given, or with its own links resolved). The root itself may be a
 * link. Returns a descriptor, or -1 with errno: EXDEV if a link leads out, ELOOP after 40 links. */
int sz_open_beneath(const char *path, size_t root, int how);

/* Remove the directories above path that are empty, up to the directory path[0 .. root); with `find`,
 * without leaving that, as `sz_open_beneath`. Returns how much of path names the first that stays. */
size_t sz_prune(char *path, size_t root, int find);

#endif
