/* One block of LZ4, encoded and decoded with pauses.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 *
 * liblz4 has no pauses within a call. A large block is divided between sequences, and liblz4 is called for
 * each piece, with the bytes before it as a dictionary. */
#ifndef SZ_LZ4_H
#define SZ_LZ4_H
#include <stddef.h>

#include "pause.h"

/* Encode n bytes, at most 0x7E000000, to one block. *size holds dst's capacity, then the bytes written.
 * setting: the acceleration, or with `high` the level of LZ4 HC. SZ_OK; SZ_TOO_LONG if the block does not
 * fit; SZ_NO_MEMORY; a status of the pause. */
int sz_lz4_encode(const char *src, size_t n, int setting, int high, char *dst, size_t *size,
                  const sz_pause *pause);

/* Decode the block of n bytes at src to exactly `size` bytes, both less than 2^31. SZ_OK; SZ_CORRUPT; a
 * status of the pause. Never reads outside src[0 .. n) nor writes outside dst[0 .. size). */
int sz_lz4_decode(const char *src, size_t n, char *dst, size_t size, const sz_pause *pause);

/* The same in pieces of at least `piece` bytes, whatever the size: for tests. */
int sz_lz4_encode_pieces(const char *src, size_t n, size_t piece, int setting, int high, char *dst,
                         size_t *size, const sz_pause *pause);
int sz_lz4_decode_pieces(const char *src, size_t n, size_t piece, char *dst, size_t size,
                         const sz_pause *pause);

#endif
