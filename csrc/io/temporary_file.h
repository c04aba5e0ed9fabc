/* Temporary files: their names, and the locks on them. See replacement.h for what they are used for. */
#ifndef SZ_TEMPORARY_FILE_H
#define SZ_TEMPORARY_FILE_H
#include <sys/stat.h>

enum { SZ_PATH_BYTES = 4096 };

/* Return whether this is the name of a temporary file: whether it ends in ".partial". */
int sz_is_temporary(const char *name);

/* Write the path of an object's temporary file into path[SZ_PATH_BYTES]. second: the one that is used while
 * a directory stands at the first. SZ_OK, or SZ_IO with errno ENAMETOOLONG. */
int sz_name_temporary(const char *object, int second, char *path);

/* Wait for the exclusive lock on an open file, or with `wait` 0 only try. SZ_OK, or SZ_IO with errno.
 * EINTR: a signal has come, or the lock was not free within 50 ms; EWOULDBLOCK: it was not free, and the
 * caller did not want to wait. */
int sz_lock_file(int fd, int wait);

/* Return whether the name (looked up from the open directory `at`, or AT_FDCWD) leads to the open file, and
 * fill in the file's status. -1 with errno: the system does not tell. */
int sz_is_current(int at, const char *name, int fd, struct stat *status);

/* Remove a temporary file that no writer works on any more; what is no regular file has no writer. A
 * directory stays. Returns 1: it was removed; 0: there is none (any more); SZ_IO with errno, EINTR or
 * EWOULDBLOCK as `sz_lock_file`. */
int sz_remove_abandoned(int at, const char *name, int wait);

/* Return whether there is a temporary file that no writer works on any more, or -1 with errno. */
int sz_is_abandoned(int at, const char *name);

#endif
