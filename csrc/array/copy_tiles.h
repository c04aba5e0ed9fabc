/* Private to copy.c: a plane whose elements are dense along one axis in src and along the other in dst, as in
 * a transposed chunk. It is copied in tiles, so that all of a cache line is used before it is evicted. */
#ifndef SZ_COPY_TILES_H
#define SZ_COPY_TILES_H
#include "array/copy_pieces.h"
#include "array/transpose.h"
#include "array/vectors.h"

/* The plane's rows run along the axis that is dense in src, its count along the one that is dense in dst. */
typedef struct {
  sz_pieces plane;
  ptrdiff_t rows, count; /* of a tile */
  int buffered, prefetched, nontemporal, transform;
} sz_tiling;

enum { SZ_TILE_BYTES = 16 << 10, SZ_SRC_BYTES = 128 };

static sz_tiling sz_choose_tiling(const sz_pieces *plane, int transform) {
  enum { FEW = 4, LONG = 512, SQUARE = 16, DST_BYTES = 256 };
  const ptrdiff_t width = (ptrdiff_t)plane->length;
  sz_tiling t = {*plane, SQUARE, SQUARE, 0, 0, 0, transform & ~SZ_NONTEMPORAL};
  if (plane->rows < FEW) {
    t.count = LONG;
  } else if (plane->count < FEW) {
    t.rows = LONG;
  } else if (plane->srow == width && width <= 16 && (width & (width - 1)) == 0) {
    t.buffered = 1;
    t.prefetched = plane->sstep % SZ_PAGE != 0; /* otherwise they evict each other before their use */
    t.rows = width == 1 ? SZ_SRC_BYTES / 2 : SZ_SRC_BYTES / width;
    t.count = DST_BYTES / width;
    t.nontemporal =
        SZ_HAVE_NONTEMPORAL && transform & SZ_NONTEMPORAL && plane->dstep == width && plane->drow % 64 == 0;
  }
  return t;
}

/* Prefetch columns `first` to `end` - 1 of a tile. Their lines are far apart, so the processor does not. */
static void sz_prefetch_columns(const sz_pieces *tile, const char *src, ptrdiff_t first, ptrdiff_t end) {
  const char *from = src + first * tile->sstep;
  for (ptrdiff_t i = end < tile->count ? end - first : tile->count - first; i > 0; i--, from += tile->sstep) {
    sz_prefetch(from); /* together SZ_SRC_BYTES */
    sz_prefetch(from + 64);
  }
}

/* Transpose whole lines of src into a buffer, and write whole lines of dst from it. So each line is touched
 * once, even if the strides are powers of two and the lines of a tile evict each other. The lines of the next
 * tile are prefetched during the writes. */
static void sz_copy_tile_buffered(const sz_tiling *t, const sz_pieces *tile, char *dst, const char *src,
                                  const char *next) {
  char buffer[SZ_TILE_BYTES];
  const ptrdiff_t width = (ptrdiff_t)tile->length, pitch = tile->count * width;
  sz_transpose(buffer, pitch, src, tile->sstep, tile->count, tile->rows, tile->length);
  if (!t->nontemporal) {
    sz_pieces out = {tile->rows, tile->drow, pitch, tile->count, tile->dstep, width, tile->length};
    if (tile->dstep == width) out = (sz_pieces){1, 0, 0, tile->rows, tile->drow, pitch, (size_t)pitch};
    if (next != NULL) sz_prefetch_columns(tile, next, 0, tile->count);
    sz_copy_pieces(&out, dst, buffer, t->transform);
    return;
  }
  const sz_pieces all = {1, 0, 0, 1, 0, 0, (size_t)(pitch * tile->rows)};
  if (t->transform != SZ_AS_IS) sz_copy_pieces(&all, buffer, buffer, t->transform);
  const ptrdiff_t columns =
      next != NULL ? (tile->count + tile->rows - 1) / tile->rows : 0; /* prefetched with each row */
  for (ptrdiff_t row = 0; row < tile->rows; row++) {
    if (columns > 0) sz_prefetch_columns(tile, next, row * columns, (row + 1) * columns);
    sz_store_nontemporal(dst + row * tile->drow, buffer + row * pitch, (size_t)pitch);
  }
}

static void sz_copy_tile_direct(const sz_tiling *t, const sz_pieces *tile, char *dst, const char *src) {
  sz_pieces p = *tile;
  if (p.rows > p.count)
    p = (sz_pieces){tile->count, tile->dstep, tile->sstep, tile->rows, tile->drow, tile->srow, tile->length};
  sz_copy_pieces(&p, dst, src, t->transform);
}

/* `beyond` is the beginning of the next plane in src, or NULL. */
static void sz_copy_tiles(const sz_tiling *t, char *dst, const char *src, const char *beyond) {
  const sz_pieces *plane = &t->plane;
  sz_pieces tile = *plane;
  /* Tiles end where lines of dst end, so that two tiles don't write to one line. */
  const ptrdiff_t misaligned = (ptrdiff_t)((uintptr_t)dst & 63) / (ptrdiff_t)plane->length;
  for (ptrdiff_t at = 0; at < plane->count; at += tile.count) {
    tile.count = at == 0 && t->buffered ? t->count - misaligned : t->count;
    if (tile.count > plane->count - at) tile.count = plane->count - at;
    for (ptrdiff_t row = 0; row < plane->rows; row += tile.rows) {
      tile.rows = plane->rows - row < t->rows ? plane->rows - row : t->rows;
      char *to = dst + row * plane->drow + at * plane->dstep;
      const char *from = src + row * plane->srow + at * plane->sstep, *next = NULL;
      if (!t->buffered) {
        sz_copy_tile_direct(t, &tile, to, from);
        continue;
      }
      if (t->prefetched && plane->rows - row >= 2 * t->rows) next = from + t->rows * plane->srow;
      else if (t->prefetched && beyond != NULL && tile.rows == t->rows) next = beyond + at * plane->sstep;
      sz_copy_tile_buffered(t, &tile, to, from, next);
    }
  }
}

#endif
