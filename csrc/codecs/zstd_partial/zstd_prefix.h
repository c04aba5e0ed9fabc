/* The first bytes of a zstd frame (RFC 8878), without decoding the rest of their block.
 *
 * libzstd decodes whole blocks, of up to 128 KiB. An inner chunk of a shard is often a single one, of which a
 * plane, a crop or a point needs half on average. This decoder stops where enough is there. It knows the
 * frames that chunks have, one with its size and no dictionary. If it finds anything else, or anything wrong,
 * it leaves the frame to libzstd.
 *
 * Threat model: every byte of the frame may be chosen by an attacker, and so may the size. The frame must not
 * make it read outside the frame, write outside dst and memory, or run longer than what it decodes is worth.
 * It allocates nothing. Damage behind the wanted bytes stays unseen.
 * csrc/tests/test_zstd_prefix.c damages frames under the sanitizers. SIMPLEZARR_PARTIAL_ZSTD=0 turns it off
 * (docs/decisions/0074). */
#ifndef SZ_ZSTD_PREFIX_H
#define SZ_ZSTD_PREFIX_H
#include <stddef.h>

enum { SZ_ZSTD_SLACK = 32 }; /* bytes behind what is decoded that may be overwritten */

/* Memory that sz_zstd_prefix needs. Nothing in it lasts from one call to the next. */
size_t sz_zstd_prefix_room(void);

/* Decodes at least the first `wanted` bytes where src is one frame whose content has `size` bytes, 0 < wanted
 * <= size. dst has room for size + SZ_ZSTD_SLACK, memory is aligned for any type. 1, or 0 where libzstd must
 * tell: dst then holds anything. What is wrong inside a block behind the wanted bytes stays unseen. */
int sz_zstd_prefix(const char *src, size_t n, size_t size, size_t wanted, char *dst, void *memory);

#endif
