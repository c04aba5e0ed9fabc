/* Private to copy.c: a plane whose elements are dense along one axis in src and along the other in dst, as a transposed
 * chunk's are. It is walked in tiles, so that a line of cache that was touched is used up before it is evicted. */
#ifndef SZ_COPY_TILES_H
#define SZ_COPY_TILES_H
#include "copy_pieces.h"
#include "transpose.h"
#include "vectors.h"

/* The plane's rows are its axis that is dense in src, its count the one that is dense in dst. */
typedef struct {
  sz_pieces plane;
  ptrdiff_t rows, count; /* of a tile */
  int buffered, streamed, transform;
} sz_tiling;

enum { SZ_TILE_BYTES = 16 << 10 };

static sz_tiling sz_choose_tiling(const sz_pieces *plane, int transform) {
  enum { FEW = 4, LONG = 512, SQUARE = 16, SRC_BYTES = 128, DST_BYTES = 256 };
  const ptrdiff_t width = (ptrdiff_t)plane->length;
  sz_tiling t = {*plane, SQUARE, SQUARE, 0, 0, transform & ~SZ_STREAMED};
  if (plane->rows < FEW) {
    t.count = LONG;
  } else if (plane->count < FEW) {
    t.rows = LONG;
  } else if (plane->srow == width && width <= 16 && (width & (width - 1)) == 0) {
    t.buffered = 1;
    t.rows = width == 1 ? SRC_BYTES / 2 : SRC_BYTES / width;
    t.count = DST_BYTES / width;
    t.streamed = SZ_STREAMS && transform & SZ_STREAMED && plane->dstep == width && plane->drow % 64 == 0;
  }
  return t;
}

/* Reads whole lines of src into a buffer, transposed, and writes whole lines of dst from there: neither side is touched
 * twice, whatever the strides (powers of two would make the lines of a tile evict each other). */
static void sz_copy_tile_buffered(const sz_tiling *t, const sz_pieces *tile, char *dst, const char *src) {
  char buffer[SZ_TILE_BYTES];
  const ptrdiff_t width = (ptrdiff_t)tile->length, pitch = tile->count * width;
  sz_transpose(buffer, pitch, src, tile->sstep, tile->count, tile->rows, tile->length);
  sz_pieces out = {tile->rows, tile->drow, pitch, tile->count, tile->dstep, width, tile->length};
  if (tile->dstep == width) out = (sz_pieces){1, 0, 0, tile->rows, tile->drow, pitch, (size_t)pitch};
  if (!t->streamed) {
    sz_copy_pieces(&out, dst, buffer, t->transform);
    return;
  }
  const sz_pieces all = {1, 0, 0, 1, 0, 0, (size_t)(pitch * tile->rows)};
  if (t->transform != SZ_AS_IS) sz_copy_pieces(&all, buffer, buffer, t->transform);
  for (ptrdiff_t row = 0; row < tile->rows; row++)
    sz_stream(dst + row * tile->drow, buffer + row * pitch, (size_t)pitch);
}

static void sz_copy_tile_direct(const sz_tiling *t, const sz_pieces *tile, char *dst, const char *src) {
  sz_pieces p = *tile;
  if (p.rows > p.count)
    p = (sz_pieces){tile->count, tile->dstep, tile->sstep, tile->rows, tile->drow, tile->srow, tile->length};
  sz_copy_pieces(&p, dst, src, t->transform);
}

/* The tile beside this one in src: its lines are far apart, so no processor foresees them. */
static void sz_prefetch_tile(const sz_pieces *tile, const char *src) {
  for (ptrdiff_t i = 0; i < tile->count; i++)
    for (ptrdiff_t at = 0; at < tile->rows * tile->srow; at += 64) sz_prefetch(src + i * tile->sstep + at);
}

static void sz_copy_tiles(const sz_tiling *t, char *dst, const char *src) {
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
      const char *from = src + row * plane->srow + at * plane->sstep;
      if (!t->buffered) {
        sz_copy_tile_direct(t, &tile, to, from);
        continue;
      }
      if (plane->rows - row >= 2 * t->rows) sz_prefetch_tile(&tile, from + t->rows * plane->srow);
      sz_copy_tile_buffered(t, &tile, to, from);
    }
  }
}

#endif
