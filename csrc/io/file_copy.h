/* Copy bytes from one open file to another. POSIX. */
#ifndef SZ_FILE_COPY_H
#define SZ_FILE_COPY_H
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

/* Copy n bytes from `offset` of one file to the position of the other, through a buffer that stays in the
 * cache. pause: called after each MiB, or NULL. SZ_OK, or SZ_IO with errno: EIO if the source ends early,
 * ECANCELED if the pause has ended the copy. */
int sz_copy_range(int from, int64_t offset, int to, size_t n, const sz_pause *pause);

/* Copy at most `most` bytes from the position of one file to that of the other. The files share blocks on the
 * disk if the file system can do so. *copied is 0 at the end of the source. SZ_OK, or SZ_IO with errno. */
int sz_copy_next(int from, int to, size_t most, size_t *copied);

#endif
