/* Private to zstd_prefix.c: zstd's streams of bits, which are read from their end (RFC 8878, 4.1). */
#ifndef SZ_ZSTD_BITS_H
#define SZ_ZSTD_BITS_H
#include <stddef.h>
#include <stdint.h>

/* The bits below number `left` of the bytes at src are not read yet; the highest comes first. At least 8
 * readable bytes must lie before src. Their content is never used. */
typedef struct {
  const uint8_t *src;
  ptrdiff_t left;
} sz_bits;

static inline uint64_t sz_load_64(const uint8_t *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Return the number of the highest set bit; x > 0. */
static inline int sz_high_bit(uint32_t x) {
#if defined(__GNUC__)
  return 31 - __builtin_clz(x);
#else
  int n = 0;
  while (x >>= 1) n++;
  return n;
#endif
}

/* Return 0 without a mark of the end, which is the highest set bit of the last byte. */
static inline int sz_bits_open(sz_bits *b, const uint8_t *src, size_t n) {
  if (n == 0 || src[n - 1] == 0) return 0;
  *b = (sz_bits){src, 8 * (ptrdiff_t)(n - 1) + sz_high_bit(src[n - 1])};
  return 1;
}

enum { SZ_BITS_AHEAD = 57 };

/* Return the next SZ_BITS_AHEAD bits or more, at the top of the word; left >= 0. */
static inline uint64_t sz_bits_ahead(const sz_bits *b) {
  return sz_load_64(b->src + ((size_t)b->left + 7) / 8 - 8) << (-b->left & 7);
}

/* Return the first n bits of `ahead`, n < 64. */
static inline uint32_t sz_bits_first(uint64_t ahead, int n) { return (uint32_t)((ahead >> 1) >> (63 - n)); }

/* Return the lowest n bits, n < 64. */
static inline size_t sz_bits_low(uint64_t x, int n) { return (size_t)(x & (((uint64_t)1 << n) - 1)); }

/* Take n bits; return 0 if there are fewer. */
static inline int sz_bits_take(sz_bits *b, int n, size_t *value) {
  *value = sz_bits_first(sz_bits_ahead(b), n);
  b->left -= n;
  return b->left >= 0;
}

#endif
