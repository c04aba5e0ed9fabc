#include "codecs/zstd.h"

#include "status.h"
#include "check.h"

/* Make data of which some parts repeat others, and some are noise. */
static void invent(char *data, size_t n) {
  randomize(data, n);
  for (size_t i = 0; i < n; i++)
    if (i / 100000 % 2) data[i] = (char)(i % 97);
    else data[i] &= 7;
}

typedef struct {
  int left; /* pauses until one ends the work */
} patience;

static int look(void *what) { return ((patience *)what)->left-- > 0 ? SZ_OK : 99; }

static ZSTD_CCtx *encoder;
static ZSTD_DCtx *decoder;

/* Encoding in blocks makes a frame that states its size, and that libzstd decodes. */
static void check_encode(size_t n, int level, int checksum) {
  guarded data = guarded_new(n), dst = guarded_new(ZSTD_compressBound(n)), back = guarded_new(n);
  invent(data.data, n);
  patience most = {INT32_MAX};
  const sz_pause pause = {look, &most};
  size_t size = dst.n, got = n;
  CHECK(sz_zstd_encode(encoder, level, checksum, data.data, n, dst.data, &size, &pause) == SZ_OK);
  CHECK(ZSTD_getFrameContentSize(dst.data, size) == n &&
        ZSTD_findFrameCompressedSize(dst.data, size) == size);
  CHECK(sz_zstd_decode(decoder, dst.data, size, back.data, &got, NULL) == SZ_OK && got == n);
  CHECK(memcmp(back.data, data.data, n) == 0);
  /* Encoding again makes the same bytes, also with a context whose last work was ended in the middle. */
  guarded again = guarded_new(ZSTD_compressBound(n));
  size_t same = again.n;
  patience little = {1};
  const sz_pause end = {look, &little};
  const int ended = sz_zstd_encode(encoder, level, checksum, data.data, n, again.data, &same, &end);
  CHECK(ended == SZ_OK || ended == 99);
  same = again.n;
  CHECK(sz_zstd_encode(encoder, level, checksum, data.data, n, again.data, &same, NULL) == SZ_OK);
  CHECK(same == size && memcmp(again.data, dst.data, size) == 0);
  size_t small = size - 1;
  CHECK(sz_zstd_encode(encoder, level, checksum, data.data, n, again.data, &small, &pause) == SZ_TOO_LONG);
  guarded_free(data);
  guarded_free(dst);
  guarded_free(back);
  guarded_free(again);
}

/* Decode several frames, one without a size and one to be skipped; refuse all that can be wrong with them. */
static void check_decode(void) {
  enum { N = 34 << 20, FEW = 1000 };
  const size_t n = N;
  char *data = malloc(n + FEW), *back = malloc(n + FEW), *src = malloc(2 * n);
  CHECK(data != NULL && back != NULL && src != NULL);
  invent(data, n + FEW);
  size_t at = 0, size = 2 * n;
  CHECK(sz_zstd_encode(encoder, 1, 1, data, n, src, &size, NULL) == SZ_OK);
  at += size;
  const char skipped[] = "\x50\x2a\x4d\x18\x03\0\0\0abc";
  memcpy(src + at, skipped, sizeof skipped - 1);
  at += sizeof skipped - 1;
  size = 2 * n - at;
  CHECK(sz_zstd_encode(encoder, 1, 0, data + n, FEW, src + at, &size, NULL) == SZ_OK);
  at += size;
  patience most = {INT32_MAX}, little = {5};
  const sz_pause pause = {look, &most}, end = {look, &little};
  size_t room = n + FEW;
  CHECK(sz_zstd_decode(decoder, src, at, back, &room, &pause) == SZ_OK && room == n + FEW);
  CHECK(memcmp(back, data, n + FEW) == 0 && most.left < INT32_MAX);
  room = n + FEW;
  CHECK(sz_zstd_decode(decoder, src, at, back, &room, &end) == 99);
  room = n + FEW - 1;
  CHECK(sz_zstd_decode(decoder, src, at, back, &room, &pause) == SZ_TOO_LONG);
  for (size_t cut = 1; cut < 12; cut++) {
    room = n + FEW;
    CHECK(sz_zstd_decode(decoder, src, at - cut, back, &room, &pause) == SZ_TRUNCATED);
  }
  src[at] = 1; /* one byte is not a frame */
  room = n + FEW;
  CHECK(sz_zstd_decode(decoder, src, at + 1, back, &room, &pause) != SZ_OK);
  src[100000] ^= 4;
  room = n + FEW;
  const int damaged = sz_zstd_decode(decoder, src, at, back, &room, &pause);
  CHECK(damaged == SZ_CHECKSUM || damaged == SZ_CORRUPT);
  free(data);
  free(back);
  free(src);
}

int main(void) {
  encoder = ZSTD_createCCtx();
  decoder = ZSTD_createDCtx();
  static const int LEVELS[] = {-5, 0, 1, 6, 13, 19};
  for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
    check_encode(1000, LEVELS[i], 0);
    check_encode((256 << 10) + 1, LEVELS[i], 1);
    check_encode((1 << 20) + 77, LEVELS[i], 0);
  }
  check_encode((8 << 20) + 1, 3, 1);
  check_decode();
  ZSTD_freeCCtx(encoder);
  ZSTD_freeDCtx(decoder);
  return 0;
}
