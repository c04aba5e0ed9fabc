/* The format of vlen-utf8 and vlen-bytes: the number of items, then each item's size and bytes; numbers are
 * 32 bits, little endian. */
#ifndef SZ_VLEN_H
#define SZ_VLEN_H

#include <stddef.h>
#include <stdint.h>

/* Checks the beginning of a chunk of n bytes: SZ_TRUNCATED if they can't hold `count` items, SZ_CORRUPT if
 * the chunk has another number of items. */
int sz_vlen_begin(const char *data, size_t n, size_t count);

/* Checks `count` items from `at` on, which is then the place behind them: SZ_TRUNCATED for an item past the
 * end. All of a chunk is checked before anything is allocated for its items; `at` must be n at the end. */
int sz_vlen_skip(const char *data, size_t n, size_t count, size_t *at);

/* The item at `at`, behind the first 4 bytes of a checked chunk; returns the place behind it. */
const char *sz_vlen_item(const char *at, const char **item, size_t *size);

/* Writes a number; returns the place behind it. */
char *sz_vlen_put(char *at, uint32_t number);

/* Whether n bytes are UTF-8 (RFC 3629: the shortest form, no surrogates, nothing above U+10FFFF). */
int sz_is_utf8(const char *data, size_t n);

#endif
