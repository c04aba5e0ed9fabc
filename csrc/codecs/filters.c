#include "codecs/filters.h"

#include <string.h>

enum {
  TILE = 4096, /* elements whose bytes stay in the cache while they are moved */
  WORDS = 360  /* 16-bit words that can be added to two sums of 32 bits without overflow */
};

/* With a constant size the compiler makes vector instructions of these loops. */
static inline void shuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst) {
  for (size_t first = from; first < to; first += TILE) {
    const size_t last = to - first < TILE ? to : first + TILE;
    for (size_t byte = 0; byte < size; byte++)
      for (size_t i = first; i < last; i++) dst[byte * count + i] = src[i * size + byte];
  }
}

static inline void unshuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst) {
  for (size_t first = from; first < to; first += TILE) {
    const size_t last = to - first < TILE ? to : first + TILE;
    for (size_t byte = 0; byte < size; byte++)
      for (size_t i = first; i < last; i++) dst[i * size + byte] = src[byte * count + i];
  }
}

void sz_shuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst) {
  switch (size) {
    case 1: memcpy(dst + from, src + from, to - from); break;
    case 2: shuffle(2, count, from, to, src, dst); break;
    case 4: shuffle(4, count, from, to, src, dst); break;
    case 8: shuffle(8, count, from, to, src, dst); break;
    default: shuffle(size, count, from, to, src, dst);
  }
}

void sz_unshuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst) {
  switch (size) {
    case 1: memcpy(dst + from, src + from, to - from); break;
    case 2: unshuffle(2, count, from, to, src, dst); break;
    case 4: unshuffle(4, count, from, to, src, dst); break;
    case 8: unshuffle(8, count, from, to, src, dst); break;
    default: unshuffle(size, count, from, to, src, dst);
  }
}

static inline uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

void sz_fletcher32_add(sz_fletcher32 *sums, const char *data, size_t n) {
  const uint8_t *bytes = (const uint8_t *)data;
  uint32_t first = sums->first, second = sums->second;
  for (size_t words = n / 2; words > 0;) {
    const size_t run = words < WORDS ? words : WORDS;
    words -= run;
    for (const uint8_t *end = bytes + 2 * run; bytes < end; bytes += 2) {
      first += (uint32_t)bytes[0] << 8 | bytes[1];
      second += first;
    }
    first = fold(first);
    second = fold(second);
  }
  if (n % 2) {
    first += (uint32_t)bytes[0] << 8;
    second += first;
    first = fold(first);
    second = fold(second);
  }
  sums->first = first;
  sums->second = second;
}

uint32_t sz_fletcher32_value(const sz_fletcher32 *sums) {
  return fold(sums->second) << 16 | fold(sums->first);
}
