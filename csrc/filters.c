#include "filters.h"

#include <string.h>

enum {
  TILE = 4096,  /* elements whose bytes stay in the cache while they are moved */
  WORDS = 360   /* 16-bit words that two sums of 32 bits take without overflow */
};

/* With a constant size the compiler makes vector instructions of these loops. */
static inline void shuffle(size_t size, size_t count, const char *src, char *dst) {
  for (size_t first = 0; first < count; first += TILE) {
    const size_t last = count - first < TILE ? count : first + TILE;
    for (size_t byte = 0; byte < size; byte++)
      for (size_t i = first; i < last; i++) dst[byte * count + i] = src[i * size + byte];
  }
}

static inline void unshuffle(size_t size, size_t count, const char *src, char *dst) {
  for (size_t first = 0; first < count; first += TILE) {
    const size_t last = count - first < TILE ? count : first + TILE;
    for (size_t byte = 0; byte < size; byte++)
      for (size_t i = first; i < last; i++) dst[i * size + byte] = src[byte * count + i];
  }
}

void sz_shuffle(size_t size, size_t count, const char *src, char *dst) {
  switch (size) {
    case 1: memcpy(dst, src, count); break;
    case 2: shuffle(2, count, src, dst); break;
    case 4: shuffle(4, count, src, dst); break;
    case 8: shuffle(8, count, src, dst); break;
    default: shuffle(size, count, src, dst);
  }
}

void sz_unshuffle(size_t size, size_t count, const char *src, char *dst) {
  switch (size) {
    case 1: memcpy(dst, src, count); break;
    case 2: unshuffle(2, count, src, dst); break;
    case 4: unshuffle(4, count, src, dst); break;
    case 8: unshuffle(8, count, src, dst); break;
    default: unshuffle(size, count, src, dst);
  }
}

static inline uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

uint32_t sz_fletcher32(const char *data, size_t n) {
  const uint8_t *bytes = (const uint8_t *)data;
  uint32_t first = 0, second = 0;
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
  return fold(second) << 16 | fold(first);
}
