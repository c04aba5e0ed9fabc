/* Files of a local store. POSIX; where SZ_HAVE_FILES is 0 all functions fail with ENOSYS, and
 * the store's Python methods serve instead. */
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

/* What a file allows, and to whom: as in `struct stat`. */
typedef struct {
  uint32_t mode, uid, gid;
} sz_owner;

/* An open regular file and its identity: while device, inode, times and size stay, its bytes are taken to
 * stay. (mtime can be set back after a change, but then ctime has changed.) */
typedef struct {
  int fd;
  int64_t size;
  uint64_t device, inode;
  int64_t mtime_ns, ctime_ns;
  sz_owner owner;
} sz_file;

/* A directory that names are looked up from, which costs less than absolute names do: its descriptor, or
 * SZ_NO_DIRECTORY where it can't be opened; names must then be absolute. */
#define SZ_NO_DIRECTORY (-100)
int sz_open_directory(const char *path);
void sz_close_directory(int directory);

/* Open for reading. SZ_OK; SZ_MISSING if there is no such file (ENOENT, ENOTDIR, ENAMETOOLONG, or a directory
 * stands there); SZ_IO with errno set for anything else, also for what is no regular file (errno EINVAL; a
 * FIFO must not block). */
int sz_open(int directory, const char *path, sz_file *file);

/* The same with a descriptor, which belongs to the file from here on, and is closed unless SZ_OK is
 * returned. */
int sz_adopt(int fd, sz_file *file);

/* Give an open file the permissions of another, and its owner and group if the system allows it. If it does
 * not, the group gets no more than all others have. SZ_OK, also if the file system has no permissions, or
 * SZ_IO with errno. */
int sz_keep_owner(int fd, sz_owner now, sz_owner wanted);

/* Reads exactly n bytes from offset (retrying EINTR and short reads). SZ_OK; SZ_TRUNCATED where the file
 * ends early; SZ_IO. */
int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset);

/* How many of the file's bytes lie in holes, as far as the file system tells; counting ends beyond `enough`,
 * and after 1024 holes. */
int64_t sz_holes(const sz_file *file, int64_t enough);

void sz_close(sz_file *file);

/* Get the size of a regular file by its name. SZ_OK; SZ_MISSING if there is none, or a directory; SZ_IO if
 * it is anything else, or can't be told. */
int sz_size(const char *path, int64_t *size);

/* What one read gives of a file, at most `room` bytes: all of a small one, in as few calls as can be, but a
 * file system may also give less. *size says how much. SZ_OK, SZ_MISSING or SZ_IO. */
int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size);

#endif
