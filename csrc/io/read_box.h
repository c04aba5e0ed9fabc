/* Elements of an uncompressed chunk, from their file straight to their places. */
#ifndef SZ_READ_BOX_H
#define SZ_READ_BOX_H
#include <stddef.h>
#include <stdint.h>

#include "io/files.h"

/* Bytes worth reading and placing at a time: they stay in the second-level cache between the two. */
#define SZ_READ_BOX_PIECE ((size_t)256 << 10)

/* The bytes of scratch that reading `piece` bytes at a time takes. */
size_t sz_read_box_room(size_t piece);

/* The chunk lies in C order at `base` of the file. The selection and dst are those of sz_copy_run (copy.h).
 * Runs that are contiguous in the file and in dst are read straight into place; others through scratch, at
 * most `piece` bytes (itemsize or more) at a time, and bytes between selected elements are skipped where
 * skipping is cheaper than reading. SZ_OK, SZ_TRUNCATED or SZ_IO. */
int sz_read_box(const sz_file *file, int64_t base, int ndim, const ptrdiff_t *chunk_shape,
                const ptrdiff_t *start, const ptrdiff_t *step, const ptrdiff_t *count, char *dst,
                const ptrdiff_t *dst_strides, size_t itemsize, int transform, char *scratch, size_t piece);

#endif
