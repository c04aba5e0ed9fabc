#include "codecs/lz4.h"

#include <limits.h>
#include <string.h>

#include "codecs/vendor.h"
#include "memory/page_alias.h"
#include "status.h"

/* A piece takes some 50 ms. Up to AT_ONCE bytes are encoded by one call of liblz4. */
enum { PIECE = 8 << 20, AT_ONCE = 32 << 20, HIGH_PIECE = 1 << 20, HIGH_AT_ONCE = 4 << 20 };
enum { WINDOW = 64 << 10 }; /* how far back a match reaches */
enum { IN_TOKEN = 15, FULL = 255, SHORTEST = 4 };

/* Lengths of a sequence: literals, then a match. The last sequence of a block has literals alone. */
typedef struct {
  size_t literals, match;
} sequence;

static inline const char *read_length(const char *at, const char *end, size_t *length) {
  unsigned char byte = *length == IN_TOKEN ? FULL : 0;
  for (; byte == FULL; *length += byte) {
    if (at == end) return NULL;
    byte = (unsigned char)*at++;
  }
  return at;
}

/* Return the end of the sequence at `at`, or NULL if that is not within the block. */
static inline const char *read_sequence(const char *at, const char *end, sequence *s) {
  if (at == end) return NULL;
  const unsigned char token = (unsigned char)*at;
  s->literals = token >> 4;
  s->match = 0;
  at = read_length(at + 1, end, &s->literals);
  if (at == NULL || s->literals > (size_t)(end - at)) return NULL;
  at += s->literals;
  if (at == end) return at;
  if (end - at < 2) return NULL;
  s->match = token & IN_TOKEN;
  at = read_length(at + 2, end, &s->match);
  s->match += SHORTEST;
  return at;
}

int sz_lz4_decode_pieces(const char *src, size_t n, size_t piece, char *dst, size_t size,
                         const sz_pause *pause) {
  const char *const end = src + n;
  size_t done = 0;
  for (;;) {
    const size_t window = done < WINDOW ? done : WINDOW;
    const char *at = src;
    size_t ready = 0;
    sequence s = {0, 1};
    while (ready < piece && s.match > 0) {
      const char *const next = read_sequence(at, end, &s);
      if (next == NULL || s.literals + s.match > size - done - ready) return SZ_CORRUPT;
      if (s.match == 0) break;
      ready += s.literals + s.match;
      at = next;
    }
    if (s.match == 0) /* the last piece, whose end liblz4 checks */
      return LZ4_decompress_safe_usingDict(src, dst + done, (int)(end - src), (int)(size - done),
                                           dst + done - window, (int)window) == (int)(size - done)
                 ? SZ_OK
                 : SZ_CORRUPT;
    if (LZ4_decompress_safe_partial_usingDict(src, dst + done, (int)(end - src), (int)ready, (int)ready,
                                              dst + done - window, (int)window) != (int)ready)
      return SZ_CORRUPT;
    src = at;
    done += ready;
    const int status = sz_look(pause);
    if (status != SZ_OK) return status;
  }
}

int sz_lz4_decode(const char *src, size_t n, char *dst, size_t size, const sz_pause *pause) {
  if (size > AT_ONCE) return sz_lz4_decode_pieces(src, n, PIECE, dst, size, pause);
  return LZ4_decompress_safe(src, dst, (int)n, (int)size) == (int)size ? SZ_OK : SZ_CORRUPT;
}

/* A block that is encoded. The literals from `pending` on belong to the next sequence. */
typedef struct {
  const char *pending;
  char *dst;
  size_t used, room;
} block;

static size_t length_bytes(size_t length) { return length < IN_TOKEN ? 0 : (length - IN_TOKEN) / FULL + 1; }

static char *put_length(char *at, size_t length) {
  if (length < IN_TOKEN) return at;
  for (length -= IN_TOKEN; length >= FULL; length -= FULL) *at++ = (char)FULL;
  *at++ = (char)length;
  return at;
}

static int copy_literals(char *dst, const char *src, size_t n, const sz_pause *pause) {
  for (; n > AT_ONCE; n -= AT_ONCE, dst += AT_ONCE, src += AT_ONCE) {
    memcpy(dst, src, AT_ONCE);
    const int status = sz_look(pause);
    if (status != SZ_OK) return status;
  }
  sz_move(dst, src, n);
  return SZ_OK;
}

/* Add the block `made` of the bytes src to src_end to the one before. Its first sequence gets the literals
 * that are pending; its last one becomes pending unless the piece is the last. */
static int add_piece(block *b, const char *src, const char *src_end, char *made, size_t n, int is_last,
                     const sz_pause *pause) {
  const char *const end = made + n;
  const size_t before = (size_t)(src - b->pending);
  sequence first = {0, 0}, s;
  const char *at = made, *next = read_sequence(at, end, &first);
  for (s = first; s.match > 0; next = read_sequence(at, end, &s)) at = next;
  if (at == made && !is_last) return SZ_OK; /* all of it stays pending */
  const size_t literals = before + first.literals, head = 1 + length_bytes(first.literals);
  const size_t tail = (size_t)((is_last ? end : at) - made) - head;
  char *const token = b->dst + b->used, *const moved = token + 1 + length_bytes(literals) + before;
  if ((size_t)(moved - b->dst) + tail > b->room) return SZ_TOO_LONG;
  const unsigned in_token = (literals < IN_TOKEN ? (unsigned)literals : IN_TOKEN) << 4 | (*made & IN_TOKEN);
  if (moved != made + head) memmove(moved, made + head, tail);
  *token = (char)in_token;
  const int status = copy_literals(put_length(token + 1, literals), b->pending, before, pause);
  b->used = (size_t)(moved - b->dst) + tail;
  b->pending = src_end - s.literals;
  return status;
}

/* The state of liblz4 between pieces. */
typedef struct {
  LZ4_stream_t *fast;
  LZ4_streamHC_t *high;
  int acceleration;
} encoder;

static int encode_pieces(const encoder *e, const char *src, size_t n, size_t piece, char *dst, size_t *size,
                         const sz_pause *pause) {
  block b = {src, dst, 0, *size};
  for (size_t at = 0, length; at < n; at += length) {
    length = n - at < piece ? n - at : piece;
    const size_t before = (size_t)(src + at - b.pending);
    const size_t start =
        b.used + before + length_bytes(before + 2); /* so its literals are in place in most cases */
    if (start >= b.room) return SZ_TOO_LONG;
    const int room = b.room - start < INT_MAX ? (int)(b.room - start) : INT_MAX;
    const int got =
        e->high != NULL
            ? LZ4_compress_HC_continue(e->high, src + at, dst + start, (int)length, room)
            : LZ4_compress_fast_continue(e->fast, src + at, dst + start, (int)length, room, e->acceleration);
    if (got <= 0) return SZ_TOO_LONG;
    int status =
        add_piece(&b, src + at, src + at + length, dst + start, (size_t)got, at + length == n, pause);
    if (status == SZ_OK) status = sz_look(pause);
    if (status != SZ_OK) return status;
  }
  *size = b.used;
  return SZ_OK;
}

int sz_lz4_encode_pieces(const char *src, size_t n, size_t piece, int setting, int high, char *dst,
                         size_t *size, const sz_pause *pause) {
  const encoder e = {high ? NULL : LZ4_createStream(), high ? LZ4_createStreamHC() : NULL, setting};
  if (e.high != NULL) LZ4_resetStreamHC_fast(e.high, setting);
  const int made = e.fast != NULL || e.high != NULL;
  const int status = made ? encode_pieces(&e, src, n, piece, dst, size, pause) : SZ_NO_MEMORY;
  LZ4_freeStream(e.fast);
  LZ4_freeStreamHC(e.high);
  return status;
}

int sz_lz4_encode(const char *src, size_t n, int setting, int high, char *dst, size_t *size,
                  const sz_pause *pause) {
  if (n > (high ? HIGH_AT_ONCE : AT_ONCE))
    return sz_lz4_encode_pieces(src, n, high ? HIGH_PIECE : PIECE, setting, high, dst, size, pause);
  const int room = *size < INT_MAX ? (int)*size : INT_MAX;
  const int got = high ? LZ4_compress_HC(src, dst, (int)n, room, setting)
                       : LZ4_compress_fast(src, dst, (int)n, room, setting);
  *size = got > 0 ? (size_t)got : 0;
  return got > 0 ? SZ_OK : SZ_TOO_LONG;
}
