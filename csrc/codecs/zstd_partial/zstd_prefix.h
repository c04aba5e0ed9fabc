/* The first bytes of a zstd frame (RFC 8878), without decoding the rest of their block.
 *
 * libzstd decodes whole blocks, of up to 128 KiB. An inner chunk of a shard is often a single one, of which a
 * plane, a crop or a point needs half on average. This decoder stops after the wanted bytes. It decodes
 * frames as chunks have them: one frame with its content size, without a dictionary or a checksum. All
 * others, and those with errors, are left to libzstd.
 *
 * Threat model: every byte of the frame may be chosen by an attacker, and so may the size. The frame must not
 * make it read outside the frame, write outside dst and memory, or run longer than what it decodes is worth.
 * It allocates nothing. Damage behind the wanted bytes is not noticed.
 * csrc/tests/test_zstd_prefix.c damages frames under the sanitizers. SIMPLEZARR_PARTIAL_ZSTD=0 turns it off
 * (docs/decisions/0074). */
#ifndef SZ_ZSTD_PREFIX_H
#define SZ_ZSTD_PREFIX_H
#include <stddef.h>

enum { SZ_ZSTD_SLACK = 32 }; /* bytes behind the decoded ones that may be overwritten */

/* Return the bytes of memory that sz_zstd_prefix needs. No content is kept between calls. */
size_t sz_zstd_prefix_room(void);

/* Decode at least the first `wanted` bytes of one frame whose content has `size` bytes, 0 < wanted <= size.
 * dst has room for size + SZ_ZSTD_SLACK, memory is aligned for any type. Return 1, or 0 if libzstd must
 * decode the frame; then the content of dst is undefined. */
int sz_zstd_prefix(const char *src, size_t n, size_t size, size_t wanted, char *dst, void *memory);

#endif
