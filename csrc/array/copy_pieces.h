/* Private to copy.c: many pieces of equal length, copied over two strided axes. A piece is a run of bytes
 * that is contiguous on both sides: one element, or a whole row of them. */
#ifndef SZ_COPY_PIECES_H
#define SZ_COPY_PIECES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "array/copy.h"
#include "memory/page_alias.h"
#include "array/vectors.h"

/* rows x count pieces of `length` bytes; steps are in bytes. */
typedef struct {
  ptrdiff_t rows, drow, srow;
  ptrdiff_t count, dstep, sstep;
  size_t length;
} sz_pieces;

/* Visit each piece of the plane p as d and s, with the steps of p or with steps known to the compiler. The
 * fields are copied first. Otherwise they are read again after each store through a char pointer, which could
 * change them. */
#define SZ_EACH_PIECE(p, dst, src, ...) SZ_EACH_STEP(p, dst, src, (p)->dstep, (p)->sstep, __VA_ARGS__)
#define SZ_EACH_STEP(p, dst, src, to, from, ...)                             \
  do {                                                                       \
    const ptrdiff_t rows_ = (p)->rows, drow_ = (p)->drow, srow_ = (p)->srow; \
    const ptrdiff_t count_ = (p)->count, dstep_ = to, sstep_ = from;         \
    for (ptrdiff_t row_ = 0; row_ < rows_; row_++) {                         \
      for (ptrdiff_t i_ = 0; i_ < count_; i_++) {                            \
        char *const d = (dst) + row_ * drow_ + i_ * dstep_;                  \
        const char *const s = (src) + row_ * srow_ + i_ * sstep_;            \
        __VA_ARGS__                                                          \
      }                                                                      \
    }                                                                        \
  } while (0)

/* Pieces of exactly W bytes, and of W to 2 W, whose second load and store overlap the first. Fixed sizes
 * become plain moves, because a call of memcpy would take longer than the copy. The steps 2 and -1 are
 * common, so they have loops with fixed steps, which compilers vectorise. */
#define SZ_DEFINE_PIECES(W)                                                                            \
  static void sz_pieces_##W(const sz_pieces *p, char *dst, const char *src) {                          \
    if (p->dstep == W && p->sstep == 2 * W) SZ_EACH_STEP(p, dst, src, W, 2 * W, { memcpy(d, s, W); }); \
    else if (p->dstep == W && p->sstep == -W) SZ_EACH_STEP(p, dst, src, W, -W, { memcpy(d, s, W); });  \
    else SZ_EACH_PIECE(p, dst, src, { memcpy(d, s, W); });                                             \
  }
SZ_DEFINE_PIECES(1)
SZ_DEFINE_PIECES(2)
SZ_DEFINE_PIECES(4)
SZ_DEFINE_PIECES(8)
SZ_DEFINE_PIECES(16)

#define SZ_DEFINE_PIECES_FROM(W)                                                   \
  static void sz_pieces_from_##W(const sz_pieces *p, char *dst, const char *src) { \
    const size_t tail = p->length - W;                                             \
    SZ_EACH_PIECE(p, dst, src, {                                                   \
      char first[W], last[W];                                                      \
      memcpy(first, s, W);                                                         \
      memcpy(last, s + tail, W);                                                   \
      memcpy(d, first, W);                                                         \
      memcpy(d + tail, last, W);                                                   \
    });                                                                            \
  }
SZ_DEFINE_PIECES_FROM(2)
SZ_DEFINE_PIECES_FROM(4)
SZ_DEFINE_PIECES_FROM(8)
SZ_DEFINE_PIECES_FROM(16)
SZ_DEFINE_PIECES_FROM(32)

static void sz_pieces_long(const sz_pieces *p, char *dst, const char *src) {
  const size_t length = p->length;
  SZ_EACH_PIECE(p, dst, src, { sz_move(d, s, length); });
}

static void sz_pieces_nontemporal(const sz_pieces *p, char *dst, const char *src) {
  const size_t length = p->length;
  SZ_EACH_PIECE(p, dst, src, { sz_store_nontemporal(d, s, length); });
}

static void sz_pieces_as_is(const sz_pieces *p, char *dst, const char *src) {
  switch (p->length) {
    case 1: sz_pieces_1(p, dst, src); return;
    case 2: sz_pieces_2(p, dst, src); return;
    case 4: sz_pieces_4(p, dst, src); return;
    case 8: sz_pieces_8(p, dst, src); return;
    case 16: sz_pieces_16(p, dst, src); return;
    default: break;
  }
  if (p->length > 64) sz_pieces_long(p, dst, src);
  else if (p->length >= 32) sz_pieces_from_32(p, dst, src);
  else if (p->length > 16) sz_pieces_from_16(p, dst, src);
  else if (p->length > 8) sz_pieces_from_8(p, dst, src);
  else if (p->length > 4) sz_pieces_from_4(p, dst, src);
  else sz_pieces_from_2(p, dst, src);
}

static inline uint16_t sz_swapped_16(uint16_t x) { return (uint16_t)(x << 8 | x >> 8); }
static inline uint32_t sz_swapped_32(uint32_t x) {
  return x << 24 | (x & 0xff00u) << 8 | (x >> 8 & 0xff00u) | x >> 24;
}
static inline uint64_t sz_swapped_64(uint64_t x) {
  return (uint64_t)sz_swapped_32((uint32_t)x) << 32 | sz_swapped_32((uint32_t)(x >> 32));
}
static inline uint8_t sz_truth_8(uint8_t x) { return x != 0; }

#if SZ_VECTORS
#define SZ_WHOLE_VECTORS(NAME, N)                                        \
  for (; n - at >= N * sizeof(sz_vector); at += N * sizeof(sz_vector)) { \
    sz_vector v[N];                                                      \
    SZ_UNROLLED                                                          \
    for (int i = 0; i < N; i++) memcpy(&v[i], src + at + 16 * i, 16);    \
    SZ_UNROLLED                                                          \
    for (int i = 0; i < N; i++) v[i] = sz_vector_##NAME(v[i]);           \
    SZ_UNROLLED                                                          \
    for (int i = 0; i < N; i++) memcpy(dst + at + 16 * i, &v[i], 16);    \
  }
#else
#define SZ_WHOLE_VECTORS(NAME, N)
#endif

/* One piece of n bytes, and many pieces. Pieces of one unit (single elements) have no inner loop. */
#define SZ_DEFINE_TRANSFORM(NAME, TYPE, FUNCTION)                                      \
  static inline void sz_unit_##NAME(char *dst, const char *src) {                      \
    TYPE unit;                                                                         \
    memcpy(&unit, src, sizeof unit);                                                   \
    unit = FUNCTION(unit);                                                             \
    memcpy(dst, &unit, sizeof unit);                                                   \
  }                                                                                    \
  static inline void sz_run_##NAME(char *dst, const char *src, size_t n) {             \
    size_t at = 0;                                                                     \
    SZ_WHOLE_VECTORS(NAME, 4)                                                          \
    SZ_WHOLE_VECTORS(NAME, 1)                                                          \
    for (; at < n; at += sizeof(TYPE)) sz_unit_##NAME(dst + at, src + at);             \
  }                                                                                    \
  static void sz_pieces_##NAME(const sz_pieces *p, char *dst, const char *src) {       \
    const size_t length = p->length;                                                   \
    if (length == sizeof(TYPE)) SZ_EACH_PIECE(p, dst, src, { sz_unit_##NAME(d, s); }); \
    else SZ_EACH_PIECE(p, dst, src, { sz_run_##NAME(d, s, length); });                 \
  }
SZ_DEFINE_TRANSFORM(truth, uint8_t, sz_truth_8)
SZ_DEFINE_TRANSFORM(swap_2, uint16_t, sz_swapped_16)
SZ_DEFINE_TRANSFORM(swap_4, uint32_t, sz_swapped_32)
SZ_DEFINE_TRANSFORM(swap_8, uint64_t, sz_swapped_64)

typedef void (*sz_run)(char *dst, const char *src, size_t n);

/* Transform long pieces and write them past the caches. */
static void sz_pieces_changed_nontemporal(const sz_pieces *p, char *dst, const char *src, sz_run run) {
  enum { STEP = 2048 }; /* a multiple of every unit */
  const size_t length = p->length;
  char buffer[STEP];
  SZ_EACH_PIECE(p, dst, src, {
    for (size_t at = 0; at < length; at += STEP) {
      const size_t n = length - at < STEP ? length - at : STEP;
      run(buffer, s + at, n);
      sz_store_nontemporal(d + at, buffer, n);
    }
  });
}

/* Return whether whole cache lines are written. Parts of lines are written faster through the caches. */
static int sz_is_lines(const sz_pieces *p, const char *dst) {
  enum { LINE = 64 };
  return (((uintptr_t)dst | (uintptr_t)p->drow | (uintptr_t)p->dstep | p->length) & (LINE - 1)) == 0;
}

static void sz_copy_pieces(const sz_pieces *p, char *dst, const char *src, int transform) {
  if (SZ_HAVE_NONTEMPORAL && transform & SZ_NONTEMPORAL && sz_is_lines(p, dst)) {
    switch (transform) {
      case SZ_TRUTH | SZ_NONTEMPORAL: sz_pieces_changed_nontemporal(p, dst, src, sz_run_truth); return;
      case SZ_SWAP2 | SZ_NONTEMPORAL: sz_pieces_changed_nontemporal(p, dst, src, sz_run_swap_2); return;
      case SZ_SWAP4 | SZ_NONTEMPORAL: sz_pieces_changed_nontemporal(p, dst, src, sz_run_swap_4); return;
      case SZ_SWAP8 | SZ_NONTEMPORAL: sz_pieces_changed_nontemporal(p, dst, src, sz_run_swap_8); return;
      default: sz_pieces_nontemporal(p, dst, src); return;
    }
  }
  switch (transform & ~SZ_NONTEMPORAL) {
    case SZ_TRUTH: sz_pieces_truth(p, dst, src); return;
    case SZ_SWAP2: sz_pieces_swap_2(p, dst, src); return;
    case SZ_SWAP4: sz_pieces_swap_4(p, dst, src); return;
    case SZ_SWAP8: sz_pieces_swap_8(p, dst, src); return;
    default: sz_pieces_as_is(p, dst, src); return;
  }
}

#endif
