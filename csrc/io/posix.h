/* Private to the C files of this folder, which include it first: POSIX, and what several of them need. */
#ifndef SZ_POSIX_H
#define SZ_POSIX_H
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* flock, openat, pread, O_PATH and others also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include <errno.h>

#include "io/files.h"
#include "status.h"

#if SZ_HAVE_FILES
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Close a descriptor unless it is negative. Keeps the errno of an earlier failure. */
static inline void sz_close_quietly(int fd) {
  if (fd < 0) return;
  const int error = errno;
  close(fd);
  errno = error;
}

/* Return whether an errno says that a name does not exist. */
static inline int sz_is_missing(int error) { return error == ENOENT || error == ENOTDIR; }

/* Return whether an errno of opening with O_NOFOLLOW or O_DIRECTORY says that the name may be a link; it may
 * also be a file. */
static inline int sz_may_be_link(int error) { return error == ELOOP || error == ENOTDIR || error == EMLINK; }
#else
static inline int sz_refuse(void) {
  errno = ENOSYS;
  return SZ_IO;
}
#endif

#endif
