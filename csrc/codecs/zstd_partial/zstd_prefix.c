#include "codecs/zstd_partial/zstd_prefix.h"

#include "codecs/vendor.h"
#include "codecs/zstd_partial/zstd_tables.h"

/* Code that is compiled once for each kind of processor, and conditions that are rarely true. */
#if defined(__GNUC__)
#define SZ_INLINE static inline __attribute__((always_inline))
#define SZ_RARELY(condition) __builtin_expect(condition, 0)
#else
#define SZ_INLINE static inline
#define SZ_RARELY(condition) (condition)
#endif

enum { MOST_IN_BLOCK = 128 << 10, MAGIC_BYTES = 4 };
enum { RAW, REPEATED, COMPRESSED, TREELESS };      /* blocks and literals; blocks are never TREELESS */
enum { PREDEFINED, SINGLE, DESCRIBED, AS_BEFORE }; /* FSE codes */

/* The decoded bytes, and the sources of the block's next sequences. */
typedef struct {
  uint8_t *dst;
  size_t done;
  const uint8_t *literal; /* the literals that are not used yet */
  size_t nliterals;
  uint32_t offsets[3]; /* the last ones used, the newest first */
} output;

typedef struct {
  sz_huffman huffman;
  sz_fse codes[CODES];
  output out;
  size_t size, wanted;
  uint8_t literals[MOST_IN_BLOCK + SZ_ZSTD_SLACK];
} decoder;

size_t sz_zstd_prefix_room(void) { return sizeof(decoder); }

static uint32_t load_little(const uint8_t *p, int n) {
  uint32_t value = 0;
  for (int i = 0; i < n; i++) value |= (uint32_t)p[i] << 8 * i;
  return value;
}

/* ---- Literals ---- */

enum { STREAMS = 4, AT_ONCE = SZ_BITS_AHEAD / SZ_HUFFMAN_LOG }; /* symbols that the bits ahead always hold */

static int decode_symbols(const sz_huffman *code, sz_bits *bits, uint8_t *dst, size_t n) {
  const int shift = 64 - code->log;
  for (size_t i = 0; i < n; i++) {
    const uint16_t entry = code->symbols[sz_bits_ahead(bits) >> shift];
    dst[i] = (uint8_t)entry;
    bits->left -= entry >> 8;
    if (bits->left < 0) return 0;
  }
  return bits->left == 0;
}

static int are_full(const sz_bits *bits) {
  return bits[0].left >= 64 && bits[1].left >= 64 && bits[2].left >= 64 && bits[3].left >= 64;
}

/* Decode AT_ONCE symbols from `ahead`; return the number of bits they took. */
static inline ptrdiff_t decode_some(const uint16_t *symbols, int shift, uint64_t ahead, uint8_t *dst) {
  ptrdiff_t used = 0;
  for (int i = 0; i < AT_ONCE; i++) {
    const uint16_t entry = symbols[ahead >> shift];
    dst[i] = (uint8_t)entry;
    ahead <<= entry >> 8;
    used += entry >> 8;
  }
  return used;
}

/* Decode four streams of the same length, except the last one. Side by side they have no data dependencies.
 */
static int decode_streams(const sz_huffman *code, sz_bits *bits, uint8_t *dst, size_t n) {
  const size_t quarter = (n + 3) / 4;
  size_t i = 0;
  if (n < 3 * quarter) return 0;
  const size_t last = n - 3 * quarter;
  for (; i + AT_ONCE <= last && are_full(bits); i += AT_ONCE)
    for (int k = 0; k < STREAMS; k++)
      bits[k].left -=
          decode_some(code->symbols, 64 - code->log, sz_bits_ahead(&bits[k]), dst + (size_t)k * quarter + i);
  for (int k = 0; k < STREAMS; k++)
    if (!decode_symbols(code, &bits[k], dst + (size_t)k * quarter + i, (k < 3 ? quarter : last) - i))
      return 0;
  return 1;
}

static int decode_huffman(decoder *d, const uint8_t *src, size_t n, int treeless, int streams) {
  sz_bits bits[STREAMS];
  if (!treeless) {
    const size_t used = sz_huffman_read(&d->huffman, src, n);
    if (used == 0) return 0;
    src += used;
    n -= used;
  }
  if (d->huffman.log < 0) return 0;
  if (streams == 1)
    return sz_bits_open(bits, src, n) && decode_symbols(&d->huffman, bits, d->literals, d->out.nliterals);
  enum { JUMPS = 6 }; /* the lengths of all streams but the last */
  if (n < JUMPS) return 0;
  const uint8_t *at = src + JUMPS, *end = src + n;
  for (int k = 0; k < STREAMS; k++) {
    const size_t left = (size_t)(end - at), length = k < 3 ? load_little(src + 2 * k, 2) : left;
    if (length > left || !sz_bits_open(&bits[k], at, length)) return 0;
    at += length;
  }
  return decode_streams(&d->huffman, bits, d->literals, d->out.nliterals);
}

/* Read the literals of a block; return the number of bytes they took, or 0. */
static size_t read_literals(decoder *d, const uint8_t *src, size_t n) {
  static const int HEAD[2][4] = {{1, 2, 1, 3}, {3, 3, 4, 5}}, BITS[2][4] = {{5, 12, 5, 20}, {10, 10, 14, 18}};
  const int kind = src[0] & 3, form = src[0] >> 2 & 3, packed = kind >= COMPRESSED;
  const size_t head = (size_t)HEAD[packed][form];
  if (n < head) return 0;
  uint64_t sizes = 0;
  for (size_t i = 0; i < head; i++) sizes |= (uint64_t)src[i] << 8 * i;
  const int bits = BITS[packed][form];
  const size_t mask = ((size_t)1 << bits) - 1;
  sizes >>= packed || form & 1 ? 4 : 3;
  d->out.nliterals = (size_t)sizes & mask;
  d->out.literal = d->literals;
  if (d->out.nliterals > MOST_IN_BLOCK) return 0;
  const size_t encoded = packed ? (size_t)(sizes >> bits) & mask : kind == RAW ? d->out.nliterals : 1;
  if (encoded > n - head) return 0;
  src += head;
  if (kind == RAW) memcpy(d->literals, src, encoded);
  else if (kind == REPEATED) memset(d->literals, src[0], d->out.nliterals);
  else if (!decode_huffman(d, src, encoded, kind == TREELESS, form == 0 ? 1 : STREAMS)) return 0;
  return head + encoded;
}

/* ---- Sequences ---- */

/* Copy n bytes and up to 15 more. */
static inline void copy_wildly(uint8_t *dst, const uint8_t *src, size_t n) {
  memcpy(dst, src, 16);
  if (SZ_RARELY(n > 16))
    for (size_t i = 16; i < n; i += 16) memcpy(dst + i, src + i, 16);
}

/* Repeat n bytes (and write up to 15 more) from `offset` bytes before. */
static inline void copy_match(uint8_t *dst, size_t offset, size_t n) {
  if (!SZ_RARELY(offset < 16)) {
    copy_wildly(dst, dst - offset, n);
    return;
  }
  size_t i = 0, distance = offset;
  if (offset < 8) {
    for (; i < 8; i++) dst[i] = dst[i - offset];
    while (distance < 8) distance += offset;
  }
  for (; i < n; i += 8) memcpy(dst + i, dst + i - distance, 8);
}

/* Return the offset of a sequence's number. Numbers up to 3 stand for one of the last three offsets. */
static inline uint32_t next_offset(uint32_t *offsets, uint32_t number, int no_literals) {
  uint32_t offset;
  if (!SZ_RARELY(number <= 3)) {
    offset = number - 3;
    offsets[2] = offsets[1];
    offsets[1] = offsets[0];
  } else {
    const uint32_t which = number - 1 + (uint32_t)no_literals;
    if (which == 0) return offsets[0];
    offset = which == 3 ? offsets[0] - 1 : offsets[which];
    if (which != 1) offsets[2] = offsets[1];
    offsets[1] = offsets[0];
  }
  offsets[0] = offset;
  return offset;
}

/* Append `plain` literals and n earlier bytes. Return 0 if there are too few of either, or they pass the
 * limit. */
static inline int place(output *out, size_t plain, size_t n, uint32_t number, size_t limit) {
  if (SZ_RARELY(plain > out->nliterals || plain + n > limit - out->done)) return 0;
  copy_wildly(out->dst + out->done, out->literal, plain);
  out->done += plain;
  out->literal += plain;
  out->nliterals -= plain;
  const uint32_t back = next_offset(out->offsets, number, plain == 0);
  if (SZ_RARELY(back == 0 || back > out->done)) return 0;
  copy_match(out->dst + out->done, back, n);
  out->done += n;
  return 1;
}

/* A block's remaining sequences: their number, their bits, and the cells of the next one. */
typedef struct {
  int count;
  sz_bits bits;
  size_t length, offset, match;
} sequences;

/* Decode usual sequences: another one follows, and one word has all bits of the sequence. Then the places of
 * its numbers in the word are computed at once. Otherwise each depends on the one before. Return 0 if a
 * sequence is not valid. */
SZ_INLINE int decode_usual(decoder *d, sequences *given, size_t limit) {
  sequences s = *given; /* a copy stays in registers, because stores of bytes cannot change it */
  output out = d->out;
  for (; s.count > 1 && out.done < d->wanted; s.count--) {
    const sz_fse_cell *const length = &d->codes[LITERAL_LENGTHS].cells[s.length],
                             *const offset = &d->codes[OFFSETS].cells[s.offset],
                             *const match = &d->codes[MATCH_LENGTHS].cells[s.match];
    const uint64_t ahead = sz_bits_ahead(&s.bits);
    const int extra = offset->extra + match->extra + length->extra;
    const int all = extra + length->bits + match->bits + offset->bits;
    if (SZ_RARELY(all > SZ_BITS_AHEAD || all > s.bits.left)) break;
    uint64_t numbers = ahead >> (-extra & 63),
             cells = ahead >> (-all & 63); /* the last field of each is the lowest */
    const size_t plain = length->base + sz_bits_low(numbers, length->extra);
    numbers >>= length->extra;
    const size_t n = match->base + sz_bits_low(numbers, match->extra);
    const uint32_t number = offset->base + (uint32_t)sz_bits_low(numbers >> match->extra, offset->extra);
    s.offset = offset->next + sz_bits_low(cells, offset->bits);
    cells >>= offset->bits;
    s.match = match->next + sz_bits_low(cells, match->bits);
    s.length = length->next + sz_bits_low(cells >> match->bits, length->bits);
    s.bits.left -= all;
    if (!place(&out, plain, n, number, limit)) return 0;
  }
  *given = s;
  d->out = out;
  return 1;
}

/* Decode the next sequence, usual or not. */
static int decode_next(decoder *d, sequences *s, size_t limit) {
  const sz_fse_cell *const length = &d->codes[LITERAL_LENGTHS].cells[s->length],
                           *const offset = &d->codes[OFFSETS].cells[s->offset],
                           *const match = &d->codes[MATCH_LENGTHS].cells[s->match];
  uint64_t ahead = sz_bits_ahead(&s->bits);
  const uint32_t number = offset->base + sz_bits_first(ahead, offset->extra);
  const size_t n = match->base + sz_bits_first(ahead << offset->extra, match->extra);
  s->bits.left -= offset->extra + match->extra;
  if (s->bits.left < 0) return 0;
  ahead = sz_bits_ahead(&s->bits);
  const size_t plain = length->base + sz_bits_first(ahead, length->extra);
  ahead <<= length->extra;
  s->bits.left -= length->extra;
  if (--s->count > 0) {
    const int first = length->bits, second = first + match->bits;
    s->length = length->next + sz_bits_first(ahead, first);
    s->match = match->next + sz_bits_first(ahead << first, match->bits);
    s->offset = offset->next + sz_bits_first(ahead << second, offset->bits);
    s->bits.left -= second + offset->bits;
  }
  return s->bits.left >= 0 && place(&d->out, plain, n, number, limit);
}

SZ_INLINE int decode_all(decoder *d, sequences *s, size_t limit) {
  while (s->count > 0 && d->out.done < d->wanted) {
    if (!decode_usual(d, s, limit)) return 0;
    if (d->out.done < d->wanted && !decode_next(d, s, limit)) return 0;
  }
  return 1;
}

static int decode_all_portable(decoder *d, sequences *s, size_t limit) { return decode_all(d, s, limit); }

/* The same, with the instructions for shifting and masking (BMI2) of processors since 2013. */
#if !defined(SZ_PORTABLE) && defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("bmi,bmi2"))) static int decode_all_bmi(decoder *d, sequences *s, size_t limit) {
  return decode_all(d, s, limit);
}
static int have_bmi(void) { return __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("bmi"); }
#else
static int decode_all_bmi(decoder *d, sequences *s, size_t limit) { return decode_all(d, s, limit); }
static int have_bmi(void) { return 0; }
#endif

/* Decode `count` sequences, or as many as produce the wanted bytes. */
static int decode_sequences(decoder *d, sz_bits bits, int count, size_t limit) {
  sequences s = {.count = count, .bits = bits};
  if (!sz_bits_take(&s.bits, d->codes[LITERAL_LENGTHS].log, &s.length) ||
      !sz_bits_take(&s.bits, d->codes[OFFSETS].log, &s.offset) ||
      !sz_bits_take(&s.bits, d->codes[MATCH_LENGTHS].log, &s.match))
    return 0;
  if (!(have_bmi() ? decode_all_bmi : decode_all_portable)(d, &s, limit)) return 0;
  return d->out.done >= d->wanted || s.bits.left == 0;
}

/* Build a code's table according to the block's mode. Return the size of its description, or n + 1 if it is
 * not valid. */
static size_t read_code(sz_fse *fse, const sz_fse_kind *kind, int mode, const uint8_t *src, size_t n) {
  size_t used = 0;
  if (mode == PREDEFINED) sz_fse_build(fse, kind, kind->usual, kind->symbols, kind->usual_log);
  if (mode == SINGLE) {
    if (n == 0 || src[0] >= kind->symbols) return n + 1;
    sz_fse_build_single(fse, kind, src[0]);
    used = 1;
  }
  if (mode == DESCRIBED) {
    used = sz_fse_read(fse, kind, src, n);
    if (used == 0) return n + 1;
  }
  return fse->log < 0 ? n + 1 : used;
}

/* ---- Blocks ---- */

static int decode_compressed(decoder *d, const uint8_t *src, size_t n) {
  const uint8_t *const end = src + n;
  const size_t left = d->size - d->out.done,
               limit = d->out.done + (left < MOST_IN_BLOCK ? left : MOST_IN_BLOCK);
  const size_t used = n > 0 ? read_literals(d, src, n) : 0;
  src += used;
  if (used == 0 || src == end) return 0;
  int count = *src++;
  const int more = count == 255 ? 2 : count >= 128 ? 1 : 0;
  if (end - src < more) return 0;
  if (more == 1) count = ((count - 128) << 8) + src[0];
  if (more == 2) count = (int)load_little(src, 2) + 0x7f00;
  src += more;
  if (count > 0) {
    sz_bits bits;
    if (src == end || *src & 3) return 0;
    const int modes = *src++;
    for (int k = 0; k < CODES; k++) {
      const size_t described = (size_t)(end - src),
                   taken =
                       read_code(&d->codes[k], &SZ_FSE_KINDS[k], modes >> (6 - 2 * k) & 3, src, described);
      if (taken > described) return 0;
      src += taken;
    }
    if (!sz_bits_open(&bits, src, (size_t)(end - src)) || !decode_sequences(d, bits, count, limit)) return 0;
    if (d->out.done >= d->wanted) return 1;
  } else if (src != end) {
    return 0;
  }
  if (d->out.nliterals > limit - d->out.done) return 0;
  memcpy(d->out.dst + d->out.done, d->out.literal, d->out.nliterals);
  d->out.done += d->out.nliterals;
  return 1;
}

static int decode_block(decoder *d, int kind, const uint8_t *src, size_t n) {
  if (kind == COMPRESSED) return decode_compressed(d, src, n);
  if (kind == TREELESS || n > d->size - d->out.done) return 0;
  if (kind == RAW) memcpy(d->out.dst + d->out.done, src, n);
  else memset(d->out.dst + d->out.done, src[0], n);
  d->out.done += n;
  return 1;
}

/* Return the size of a frame's header, or 0 if it names a dictionary, has a checksum, or is not valid. */
static size_t header_bytes(const uint8_t *src, size_t n) {
  enum { DICTIONARY = 3, CHECKSUM = 4, RESERVED = 8, WHOLE = 32 };
  static const uint8_t MAGIC[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
  if (n < MAGIC_BYTES + 3 || memcmp(src, MAGIC, MAGIC_BYTES) != 0) return 0;
  const int flags = src[MAGIC_BYTES], whole = (flags & WHOLE) != 0;
  if (flags & (DICTIONARY | CHECKSUM | RESERVED)) return 0;
  return MAGIC_BYTES + 1 + (size_t)!whole + (flags >> 6 > 0 ? (size_t)1 << (flags >> 6) : (size_t)whole);
}

int sz_zstd_prefix(const char *source, size_t n, size_t size, size_t wanted, char *dst, void *memory) {
  enum { HEAD = 3 }; /* bytes in front of each block */
  decoder *d = memory;
  const uint8_t *src = (const uint8_t *)source, *const end = src + n;
  const size_t used = header_bytes(src, n);
  if (used == 0 || ZSTD_getFrameContentSize(src, n) != size || ZSTD_findFrameCompressedSize(src, n) != n)
    return 0;
  src += used;
  d->huffman.log = -1;
  for (int k = 0; k < CODES; k++) d->codes[k].log = -1;
  d->out.offsets[0] = 1, d->out.offsets[1] = 4, d->out.offsets[2] = 8;
  d->out.dst = (uint8_t *)dst, d->out.done = 0, d->size = size, d->wanted = wanted;
  for (int last = 0; d->out.done < wanted;) {
    if (last || end - src < HEAD) return 0;
    const uint32_t head = load_little(src, HEAD);
    const int kind = head >> 1 & 3;
    const size_t length = head >> 3, stored = kind == REPEATED ? 1 : length;
    last = head & 1;
    src += HEAD;
    if (length > MOST_IN_BLOCK || stored > (size_t)(end - src) || !decode_block(d, kind, src, length))
      return 0;
    src += stored;
  }
  return 1;
}
