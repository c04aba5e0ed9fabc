/* The format of vlen-utf8 and vlen-bytes: the number of items, then each item's size and bytes; numbers are 32 bits,
 * little endian. */
#ifndef SZ_VLEN_H
#define SZ_VLEN_H

#include <stddef.h>
#include <stdint.h>

/* Looks at all n bytes of a chunk of `count` items, before anything is allocated for them: SZ_OK, or SZ_TRUNCATED for
 * an item past the end, SZ_TRAILING for bytes left over, SZ_CORRUPT for another number of items. */
int sz_vlen_check(const char *data, size_t n, size_t count);

/* The item at `at`, behind the first 4 bytes of a checked chunk; returns the place behind it. */
const char *sz_vlen_item(const char *at, const char **item, size_t *size);

/* Writes a number; returns the place behind it. */
char *sz_vlen_put(char *at, uint32_t number);

/* Whether n bytes are UTF-8 (RFC 3629: the shortest form, no surrogates, nothing above U+10FFFF). */
int sz_is_utf8(const char *data, size_t n);

#endif
