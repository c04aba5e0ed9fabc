/* The content of an object in segments, some in memory and some in the file it replaces. POSIX. */
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

/* Write the segments one after another to an open file. source_fd: the source file, not used if every segment
 * is in memory; pause: between pieces of some MiB, or NULL. SZ_OK, or SZ_IO with errno; ECANCELED if a pause
 * has ended the writing.
 *
 * holes: the file system stores nothing for bytes that were never written. Zeros at the end are then not
 * written, only the file's length is set: an array that grows writes chunks that are mostly empty. */
int sz_write_segments(int fd, const sz_segment *segments, size_t n, int source_fd, int holes,
                      const sz_pause *pause);

#endif
