/* Single numbers of two bytes, to and from longer ones. All is inlined, so that loops become vectors. */
#ifndef SZ_NUMBERS_H
#define SZ_NUMBERS_H
#include <stdint.h>
#include <string.h>

#ifdef __GNUC__
#define SZ_INLINE static inline __attribute__((always_inline))
#else
#define SZ_INLINE static inline
#endif

typedef uint16_t half_bits;
typedef uint16_t brain_bits;

SZ_INLINE float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

SZ_INLINE uint32_t bits_of_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Return a or b. A mask, because compilers do not make vectors of loops that choose between results of
 * floating point operations. */
SZ_INLINE uint32_t choose(int first, uint32_t a, uint32_t b) {
  const uint32_t mask = 0u - (uint32_t)first;
  return (a & mask) | (b & ~mask);
}

/* The exponent is biased by 15 instead of 127. A subnormal number is the difference of two normal ones. */
SZ_INLINE float float_of_half(uint16_t half) {
  const uint32_t shifted = (uint32_t)(half & 0x7fff) << 13, exponent = half & 0x7c00;
  const uint32_t normal = shifted + (112u << 23), special = shifted + (224u << 23);
  const uint32_t subnormal = bits_of_float(float_of_bits(shifted + (113u << 23)) - float_of_bits(113u << 23));
  const uint32_t bits = choose(exponent == 0, subnormal, choose(exponent == 0x7c00, special, normal));
  return float_of_bits(bits | (uint32_t)(half & 0x8000) << 16);
}

SZ_INLINE uint64_t bits_of_double(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Round to a number of two bytes, with so many bits of fraction and such a bias of the exponent. The bits of
 * numbers of its normal range are rounded as an integer. Smaller numbers are added to one whose last bit is
 * worth as much as the last bit of the result. */
SZ_INLINE uint16_t short_of_double(double x, int fraction, int bias) {
  const int cut = 52 - fraction;
  const uint64_t all = bits_of_double(x), bits = all & ~((uint64_t)1 << 63);
  const uint64_t smallest = (uint64_t)(1024 - bias) << 52, too_large = (uint64_t)(1024 + bias) << 52;
  const uint64_t half = ((uint64_t)1 << (cut - 1)) - 1;
  const uint64_t normal = ((bits + half + (bits >> cut & 1)) >> cut) - ((uint64_t)(1023 - bias) << fraction);
  double anchor, magnitude;
  const uint64_t anchor_bits = (uint64_t)(1024 - bias + cut) << 52;
  memcpy(&anchor, &anchor_bits, sizeof anchor);
  memcpy(&magnitude, &bits, sizeof magnitude);
  const uint64_t subnormal = bits_of_double(magnitude + anchor) - anchor_bits;
  const uint64_t infinity = (uint64_t)(2 * bias + 1) << fraction;
  const uint64_t special = infinity | (uint64_t)(bits > (uint64_t)0x7ff << 52) << (fraction - 1);
  const uint64_t small = 0u - (uint64_t)(bits < smallest), large = 0u - (uint64_t)(bits >= too_large);
  const uint64_t finite = (subnormal & small) | (normal & ~small);
  return (uint16_t)((special & large) | (finite & ~large) | all >> 63 << 15);
}

#define TO_HALF(x) short_of_double(x, 10, 15)
#define TO_BRAIN(x) short_of_double(x, 7, 127)

/* The double that a number is. */
#define PLAIN(x) ((double)(x))
#define HALF(x) ((double)float_of_half(x))
#define BRAIN(x) ((double)float_of_bits((uint32_t)(x) << 16))

#endif
