/* What the functions of array/ and io/read_box.h work on: elements, and where they lie. Which ones is passed
 * by address, where they lie by value, in two registers. Source and destination have types of their own, so
 * that the compiler refuses to exchange them. */
#ifndef SZ_BOX_H
#define SZ_BOX_H
#include <stddef.h>

#define SZ_MAX_NDIM 64

/* The elements of an N-d array: shape[d] of them along axis d, of itemsize bytes each. */
typedef struct {
  int ndim;
  const ptrdiff_t *shape;
  size_t itemsize;
} sz_box;

/* Some elements of a chunk: start[d] + k * step[d], 0 <= k < count[d], step >= 1, along axis d. */
typedef struct {
  int ndim;
  const ptrdiff_t *chunk_shape, *start, *step, *count;
  size_t itemsize;
} sz_selection;

/* Where elements are copied to: the place of the first, and the bytes from one to the next along each axis.
 */
typedef struct {
  char *data;
  const ptrdiff_t *strides;
} sz_dst;

/* Where elements are copied from. */
typedef struct {
  const char *data;
  const ptrdiff_t *strides;
} sz_src;

#endif
