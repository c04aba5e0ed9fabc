/* Private to zstd_prefix.c: the two kinds of codes in zstd's blocks, FSE and Huffman, and how blocks describe
 * them (RFC 8878, 4.1 and 4.2). The readers return the size of a description, or 0 if it is not valid. */
#ifndef SZ_ZSTD_TABLES_H
#define SZ_ZSTD_TABLES_H
#include <string.h>

#include "codecs/zstd_partial/zstd_bits.h"

enum { SZ_FSE_LOG = 9, SZ_HUFFMAN_LOG = 11, SZ_WEIGHT_LOG = 6, SZ_FSE_SYMBOLS = 53 };

/* A state of FSE. Its value is `base` plus the number in the next `extra` bits. The following state is `next`
 * plus the number in the `bits` bits after them. */
typedef struct {
  uint16_t next;
  uint8_t bits, extra;
  uint32_t base;
} sz_fse_cell;

typedef struct {
  int log; /* of the number of cells; -1 before there are any */
  sz_fse_cell cells[1 << SZ_FSE_LOG];
} sz_fse;

/* The values of the symbols of an FSE code. Those of symbol 0 begin at `first`, those of each other symbol at
 * the end of the symbol before. */
typedef struct {
  uint32_t first;
  int symbols, most_log, usual_log;
  uint8_t extra[SZ_FSE_SYMBOLS];
  int16_t usual[SZ_FSE_SYMBOLS]; /* probabilities if a block describes none */
} sz_fse_kind;

enum { LITERAL_LENGTHS, OFFSETS, MATCH_LENGTHS, CODES }; /* in the order of their descriptions */

static const sz_fse_kind SZ_FSE_KINDS[CODES] = {
    {.first = 0,
     .symbols = 36,
     .most_log = 9,
     .usual_log = 6,
     .extra = {[16] = 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
     .usual = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
               2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1}},
    {.first = 1,
     .symbols = 32,
     .most_log = 8,
     .usual_log = 5,
     .extra = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
               16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
     .usual = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1}},
    {.first = 3,
     .symbols = 53,
     .most_log = 9,
     .usual_log = 6,
     .extra = {[32] = 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
     .usual = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1}},
};

static void sz_fse_build(sz_fse *fse, const sz_fse_kind *kind, const int16_t *odds, int symbols, int log) {
  const uint32_t size = 1u << log, step = (size >> 1) + (size >> 3) + 3;
  uint32_t high = size, at = 0, base = kind->first, bases[SZ_FSE_SYMBOLS];
  uint16_t seen[SZ_FSE_SYMBOLS];
  for (int s = 0; s < symbols; s++) {
    bases[s] = base;
    base += 1u << kind->extra[s];
    seen[s] = odds[s] < 0 ? 1 : (uint16_t)odds[s];
    if (odds[s] < 0) fse->cells[--high].base = (uint32_t)s; /* less likely than one cell */
  }
  for (int s = 0; s < symbols; s++)
    for (int i = 0; i < odds[s]; i++) {
      fse->cells[at].base = (uint32_t)s;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  for (uint32_t i = 0; i < size; i++) {
    const uint32_t s = fse->cells[i].base, n = seen[s]++;
    const int bits = log - sz_high_bit(n);
    fse->cells[i] = (sz_fse_cell){(uint16_t)((n << bits) - size), (uint8_t)bits, kind->extra[s], bases[s]};
  }
  fse->log = log;
}

/* Build the code of a single symbol, which takes no bits. */
static void sz_fse_build_single(sz_fse *fse, const sz_fse_kind *kind, int symbol) {
  int16_t odds[SZ_FSE_SYMBOLS] = {0};
  odds[symbol] = 1;
  sz_fse_build(fse, kind, odds, symbol + 1, 0);
}

static size_t sz_fse_read(sz_fse *fse, const sz_fse_kind *kind, const uint8_t *src, size_t n) {
  /* the largest description in bytes: 53 numbers of at most 10 bits, and runs of zeros between them */
  enum { MOST = 96 };
  uint8_t padded[MOST + 8] = {0};
  int16_t odds[SZ_FSE_SYMBOLS];
  size_t at = 4; /* bits */
  int symbols = 0;
  memcpy(padded, src, n < MOST ? n : MOST);
  const int log = 5 + (padded[0] & 15);
  if (log > kind->most_log) return 0;
  for (int left = 1 << log; left > 0;) {
    const int bits = sz_high_bit((uint32_t)left + 1) + 1;
    const int low = (1 << (bits - 1)) - 1,
              spared = (1 << bits) - 2 - left; /* numbers below it take one bit less */
    int number = (int)(sz_load_64(padded + at / 8) >> (at & 7)) & ((1 << bits) - 1);
    at += (size_t)bits;
    if ((number & low) < spared) {
      number &= low;
      at--;
    } else if (number > low) {
      number -= spared;
    }
    if (symbols == kind->symbols || at > 8 * MOST) return 0;
    odds[symbols++] = (int16_t)(number - 1);
    left -= number == 0 ? 1 : number - 1;
    if (left < 0) return 0;
    for (int more = number == 1 ? 3 : 0; more == 3; at += 2) { /* the number of zeros that follow a zero */
      more = (int)(sz_load_64(padded + at / 8) >> (at & 7)) & 3;
      if (symbols + more > kind->symbols || at + 2 > 8 * MOST) return 0;
      for (int i = 0; i < more; i++) odds[symbols++] = 0;
    }
  }
  if ((at + 7) / 8 > n) return 0;
  sz_fse_build(fse, kind, odds, symbols, log);
  return (at + 7) / 8;
}

/* For each value of the next `log` bits: the symbol at their beginning, plus 256 times its number of bits. */
typedef struct {
  int log; /* -1 before there is a code */
  uint16_t symbols[1 << SZ_HUFFMAN_LOG];
} sz_huffman;

static const sz_fse_kind SZ_WEIGHTS = {.symbols = SZ_HUFFMAN_LOG + 2, .most_log = SZ_WEIGHT_LOG};

/* Read the weights in n bytes, by two alternating states of FSE; return their number, or 0. */
static int sz_read_weights(uint8_t *weights, const uint8_t *src, size_t n) {
  sz_fse fse;
  sz_bits bits;
  size_t state[2], more;
  const size_t used = sz_fse_read(&fse, &SZ_WEIGHTS, src, n);
  if (used == 0 || !sz_bits_open(&bits, src + used, n - used)) return 0;
  if (!sz_bits_take(&bits, fse.log, &state[0]) || !sz_bits_take(&bits, fse.log, &state[1])) return 0;
  for (int i = 0; i < 254; i++) {
    const sz_fse_cell *cell = &fse.cells[state[i & 1]];
    weights[i] = (uint8_t)cell->base;
    if (!sz_bits_take(&bits, cell->bits, &more)) {
      weights[i + 1] = (uint8_t)fse.cells[state[(i + 1) & 1]].base;
      return i + 2;
    }
    state[i & 1] = cell->next + more;
  }
  return 0;
}

static int sz_huffman_build(sz_huffman *huffman, uint8_t *weights, int n) {
  uint32_t total = 0, starts[SZ_HUFFMAN_LOG + 2] = {0};
  for (int s = 0; s < n; s++) {
    if (weights[s] > SZ_HUFFMAN_LOG) return 0;
    total += 1u << weights[s] >> 1;
  }
  const int log = total == 0 ? SZ_HUFFMAN_LOG + 1 : sz_high_bit(total) + 1;
  if (log > SZ_HUFFMAN_LOG) return 0;
  const uint32_t rest = (1u << log) - total; /* belongs to the last symbol, which is not described */
  if (rest & (rest - 1)) return 0;
  weights[n++] = (uint8_t)(sz_high_bit(rest) + 1);
  for (int s = 0; s < n; s++) starts[weights[s]] += 1u << weights[s] >> 1;
  for (uint32_t w = 1, at = 0; w <= SZ_HUFFMAN_LOG + 1; w++) {
    const uint32_t width = starts[w];
    starts[w] = at;
    at += width;
  }
  for (int s = 0; s < n; s++) {
    const uint16_t entry = (uint16_t)(s | (log + 1 - weights[s]) << 8);
    for (uint32_t i = 0; i < 1u << weights[s] >> 1; i++) huffman->symbols[starts[weights[s]]++] = entry;
  }
  huffman->log = log;
  return 1;
}

static size_t sz_huffman_read(sz_huffman *huffman, const uint8_t *src, size_t n) {
  uint8_t weights[256];
  if (n < 2) return 0;
  const size_t head = src[0], used = head < 128 ? head : (head - 127 + 1) / 2;
  if (used > n - 1) return 0;
  int count = (int)head - 127;
  if (head < 128) count = sz_read_weights(weights, src + 1, used);
  else
    for (int i = 0; i < count; i++) weights[i] = i & 1 ? src[1 + i / 2] & 15 : src[1 + i / 2] >> 4;
  return count > 0 && sz_huffman_build(huffman, weights, count) ? used + 1 : 0;
}

#endif
