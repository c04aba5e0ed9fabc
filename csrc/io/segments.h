/* Write an object from segments, some in memory and some in the file that it replaces. POSIX. */
#ifndef SZ_SEGMENTS_H
#define SZ_SEGMENTS_H
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

/* n bytes in memory or, if data is NULL, at `offset` of the source file. */
typedef struct {
  const char *data;
  size_t n;
  int64_t offset;
} sz_segment;

/* Write the segments one after another to an open file. source_fd: the source file, unused if every segment
 * is in memory. pause: called between pieces of some MiB, or NULL. SZ_OK, or SZ_IO with errno; ECANCELED if
 * the pause has ended the writing.
 *
 * holes: the file system stores nothing for bytes that were never written. Zeros at the end are not written
 * then; setting the file's length is enough. Arrays that grow write many chunks that are mostly zeros. */
int sz_write_segments(int fd, const sz_segment *segments, size_t n, int source_fd, int holes,
                      const sz_pause *pause);

#endif
