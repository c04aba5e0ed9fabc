/* Read elements of an uncompressed chunk from its file into an array in memory. */
#ifndef SZ_READ_BOX_H
#define SZ_READ_BOX_H
#include <stddef.h>
#include <stdint.h>

#include "array/box.h"
#include "io/files.h"

/* The bytes to read and copy at a time: they stay in the second-level cache between the two steps. */
#define SZ_READ_BOX_PIECE ((size_t)256 << 10)

/* Return the bytes of scratch that are needed to read `piece` bytes at a time. */
size_t sz_read_box_room(size_t piece);

/* Read the selected elements of a chunk that lies in C order at `base` of the file. dst and transform are as
 * for sz_copy_run (copy.h).
 *
 * Runs that are contiguous in the file and in dst are read directly into dst. Others go through scratch, at
 * most `piece` bytes (itemsize or more) at a time. Bytes between selected elements are skipped if that is
 * cheaper than to read them. SZ_OK, SZ_TRUNCATED or SZ_IO. */
int sz_read_box(const sz_file *file, int64_t base, const sz_selection *selection, sz_dst dst, int transform,
                char *scratch, size_t piece);

#endif
