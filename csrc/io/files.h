/* Files of a local store. POSIX. If SZ_HAVE_FILES is 0, all functions fail with ENOSYS, and callers use the
 * store's Python methods instead. */
#ifndef SZ_FILES_H
#define SZ_FILES_H
#include <stddef.h>
#include <stdint.h>

#if !defined(SZ_HAVE_FILES)
#if defined(_WIN32)
#define SZ_HAVE_FILES 0
#else
#define SZ_HAVE_FILES 1
#endif
#endif

/* Permissions, owner and group of a file, as in `struct stat`. */
typedef struct {
  uint32_t mode, uid, gid;
} sz_owner;

/* An open regular file and its identity. Its bytes are taken to be unchanged as long as device, inode, times
 * and size are. (mtime can be set back after a change, but that changes ctime.)
 *
 * A copy with another base and size stands for a part of the file: offsets count from the base. The copy is
 * not closed. */
typedef struct {
  int fd;
  int64_t base, size;
  uint64_t device, inode;
  int64_t mtime_ns, ctime_ns;
  sz_owner owner;
} sz_file;

/* Open a directory to look names up from, which costs less than absolute names do. Return its descriptor, or
 * SZ_NO_DIRECTORY if it cannot be opened; names must then be absolute. */
#define SZ_NO_DIRECTORY (-100)
int sz_open_directory(const char *path);
void sz_close_directory(int directory);

/* Open a regular file for reading. SZ_OK; SZ_MISSING if there is none (ENOENT, ENOTDIR, ENAMETOOLONG, or the
 * path leads to a directory); otherwise SZ_IO with errno. errno is EINVAL for other kinds of files; a FIFO
 * does not block. */
int sz_open(int directory, const char *path, sz_file *file);

/* Do the same with an open descriptor, which belongs to the file from then on. It is closed unless SZ_OK is
 * returned. */
int sz_adopt(int fd, sz_file *file);

/* Give an open file, whose owner is `now`, the permissions of another, and its owner and group if the system
 * allows it. If the group cannot be kept, the file's group gets the permissions that all users have. SZ_OK,
 * also if the file system has no permissions, or SZ_IO with errno. */
int sz_keep_owner(int fd, sz_owner now, sz_owner wanted);

/* Read exactly n bytes from offset (retrying EINTR and short reads). SZ_OK; SZ_TRUNCATED if the file ends
 * early; SZ_IO with errno. The end of a part is not looked at. */
int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset);

/* Return how many of the file's bytes are in holes, or 0 if the file system does not tell. Counting ends once
 * the sum is beyond `enough`, and after 1024 holes. */
int64_t sz_holes(const sz_file *file, int64_t enough);

void sz_close(sz_file *file);

/* Get the size of a regular file by its path. SZ_OK; SZ_MISSING if there is none, or a directory; SZ_IO if it
 * is another kind of file, or its status cannot be read. */
int sz_size(const char *path, int64_t *size);

/* Read the beginning of a file with one call, at most `room` bytes. That is all of a small file, but a file
 * system may return less. *size says how much was read. SZ_OK, SZ_MISSING or SZ_IO. */
int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size);

#endif
