/* An object in parts, some of them in memory, others in the file that it replaces, written to an open file.
 * POSIX. */
#ifndef SZ_PARTS_H
#define SZ_PARTS_H
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

/* n bytes in memory or, where data is NULL, at `offset` of the file that is kept. */
typedef struct {
  const char *data;
  size_t n;
  int64_t offset;
} sz_part;

/* Writes the parts one after another. kept: the descriptor of what parts without data are copied from, not
 * used if there are none; pause: between pieces of some MiB, or NULL. SZ_OK, or SZ_IO with errno: ECANCELED
 * if a pause has ended it.
 *
 * holes: whether the file system keeps no data of what was never written. Then the file is only made as
 * long as zeros at the end reach: an array that grows writes chunks of which most is still empty. */
int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, int holes, const sz_pause *pause);

#endif
