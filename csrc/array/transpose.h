/* Private to copy.c: a small matrix of elements, transposed in registers. */
#ifndef SZ_TRANSPOSE_H
#define SZ_TRANSPOSE_H
#include <stddef.h>
#include <string.h>
#include "array/copy_pieces.h"
#include "array/vectors.h"

#if SZ_VECTORS
/* A square of K x K elements of W bytes, K W = 16: rows at src, sstep apart, become columns at dst. Zipping
 * row i with row i + K/2 moves one bit of the row number into the column number. After log2 K rounds the two
 * numbers are exchanged. Whole squares of an m x n matrix are taken along its rows, so that a line of src is
 * used completely before the next. */
#define SZ_DEFINE_SQUARES(W, K, ROUNDS)                                                                 \
  static inline void sz_square_##W(char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep) {      \
    sz_vector row[K], zipped[K];                                                                        \
    SZ_UNROLLED                                                                                         \
    for (int i = 0; i < K; i++) memcpy(&row[i], src + i * sstep, 16);                                   \
    SZ_UNROLLED                                                                                         \
    for (int round = 0; round < ROUNDS; round++) {                                                      \
      SZ_UNROLLED                                                                                       \
      for (int i = 0; i < K / 2; i++) {                                                                 \
        zipped[2 * i] = SZ_ZIP_LOW_##W(row[i], row[i + K / 2]);                                         \
        zipped[2 * i + 1] = SZ_ZIP_HIGH_##W(row[i], row[i + K / 2]);                                    \
      }                                                                                                 \
      SZ_UNROLLED                                                                                       \
      for (int i = 0; i < K; i++) row[i] = zipped[i];                                                   \
    }                                                                                                   \
    SZ_UNROLLED                                                                                         \
    for (int i = 0; i < K; i++) memcpy(dst + i * dstep, &row[i], 16);                                   \
  }                                                                                                     \
  static void sz_squares_##W(char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep, ptrdiff_t m, \
                             ptrdiff_t n) {                                                             \
    for (ptrdiff_t i = 0; i + K <= m; i += K)                                                           \
      for (ptrdiff_t k = 0; k + K <= n; k += K)                                                         \
        sz_square_##W(dst + k * dstep + i * W, dstep, src + i * sstep + k * W, sstep);                  \
  }
SZ_DEFINE_SQUARES(1, 16, 4)
SZ_DEFINE_SQUARES(2, 8, 3)
SZ_DEFINE_SQUARES(4, 4, 2)
SZ_DEFINE_SQUARES(8, 2, 1)
#endif

/* Transpose the whole squares of a matrix. Return the length of their sides, 0 if there are none. */
static ptrdiff_t sz_transpose_squares(char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep,
                                      ptrdiff_t m, ptrdiff_t n, size_t width) {
#if SZ_VECTORS
  switch (width) {
    case 1: sz_squares_1(dst, dstep, src, sstep, m, n); return 16;
    case 2: sz_squares_2(dst, dstep, src, sstep, m, n); return 8;
    case 4: sz_squares_4(dst, dstep, src, sstep, m, n); return 4;
    case 8: sz_squares_8(dst, dstep, src, sstep, m, n); return 2;
    default: break;
  }
#else
  (void)dst, (void)dstep, (void)src, (void)sstep, (void)m, (void)n, (void)width;
#endif
  return 0;
}

/* Copy element (i, k) of m x n at src to row k, column i of dst. Rows are contiguous, sstep apart in src and
 * dstep apart in dst. */
static void sz_transpose(char *dst, ptrdiff_t dstep, const char *src, ptrdiff_t sstep, ptrdiff_t m,
                         ptrdiff_t n, size_t width) {
  const ptrdiff_t w = (ptrdiff_t)width, side = sz_transpose_squares(dst, dstep, src, sstep, m, n, width);
  const ptrdiff_t whole_m = side > 0 ? m - m % side : 0, whole_n = side > 0 ? n - n % side : 0;
  const sz_pieces right = {whole_m, w, sstep, n - whole_n, dstep, w, width};
  sz_copy_pieces(&right, dst + whole_n * dstep, src + whole_n * w, SZ_AS_IS);
  const sz_pieces below = {m - whole_m, w, sstep, n, dstep, w, width};
  sz_copy_pieces(&below, dst + whole_m * w, src + whole_m * sstep, SZ_AS_IS);
}

#endif
