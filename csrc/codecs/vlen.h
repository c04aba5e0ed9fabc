/* The format of vlen-utf8 and vlen-bytes: the number of items, then each item's size and bytes; numbers are
 * 32 bits, little endian. */
#ifndef SZ_VLEN_H
#define SZ_VLEN_H

#include <stddef.h>
#include <stdint.h>

/* Check the beginning of a chunk of n bytes. SZ_OK, SZ_TRUNCATED if `count` items need more bytes, SZ_CORRUPT
 * if the chunk has another number of items. */
int sz_vlen_begin(const char *data, size_t n, size_t count);

/* Check `count` items from *at on, and advance it behind them. SZ_OK, SZ_TRUNCATED if an item passes the end.
 * Check all of a chunk before memory is allocated for its items; then *at must be n. */
int sz_vlen_skip(const char *data, size_t n, size_t count, size_t *at);

/* Read the item at `at` in a checked chunk, behind its first 4 bytes. Return the place behind the item. */
const char *sz_vlen_item(const char *at, const char **item, size_t *size);

/* Write a number. Return the place behind it. */
char *sz_vlen_put(char *at, uint32_t number);

/* Return whether n bytes are UTF-8 (RFC 3629: the shortest form, no surrogates, nothing above U+10FFFF). */
int sz_is_utf8(const char *data, size_t n);

#endif
