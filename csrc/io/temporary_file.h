/* Names of temporary files, and locks on them. replacement.h says what they are for. */
#ifndef SZ_TEMPORARY_FILE_H
#define SZ_TEMPORARY_FILE_H
#include <sys/stat.h>

enum { SZ_PATH_BYTES = 4096 };

/* Return whether a name ends in ".partial", as those of temporary files do. */
int sz_is_temporary(const char *name);

/* Write the path of an object's temporary file into path[SZ_PATH_BYTES]. second: the name to use while a
 * directory has the first one. SZ_OK, or SZ_IO with errno ENAMETOOLONG. */
int sz_name_temporary(const char *object, int second, char *path);

/* Wait for the exclusive lock on an open file; if `wait` is 0, only try. SZ_OK, or SZ_IO with errno. EINTR: a
 * signal arrived, or the lock was not free within 50 ms. EWOULDBLOCK: it was not free, and `wait` is 0. */
int sz_lock_file(int fd, int wait);

/* Return whether the name (looked up from the open directory `at`, or AT_FDCWD) leads to the open file, and
 * fill in the file's status. -1 with errno if the system does not tell. */
int sz_is_current(int at, const char *name, int fd, struct stat *status);

/* Remove a temporary file that has no writer. A file that is not regular never has one. A directory stays.
 * 1: removed; 0: it does not exist; SZ_IO with errno, EINTR and EWOULDBLOCK as for `sz_lock_file`. */
int sz_remove_abandoned(int at, const char *name, int wait);

/* Return whether the temporary file exists and has no writer, or -1 with errno. */
int sz_is_abandoned(int at, const char *name);

#endif
