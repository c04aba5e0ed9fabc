/* Decode prefixes of frames that libzstd made, at all levels and of data of every kind, and of damaged
 * frames. */
#include "codecs/zstd_partial/zstd_prefix.h"

#include "codecs/vendor.h"
#include "check.h"

enum { MOST = 300 << 10 };

/* Make data whose frames have literals, sequences and blocks of every kind. */
static void make_data(char *p, size_t n) {
  const int kind = draw(7), alphabet = 1 + draw(1 << draw(9)), period = 1 + draw(1 << draw(13));
  randomize(p, n);
  for (size_t i = 0; i < n; i++) {
    switch (kind) {
      case 0: break;                                                                    /* noise */
      case 1: p[i] = 7; break;                                                          /* one byte */
      case 2: p[i] = (char)((unsigned char)p[i] % alphabet); break;                     /* few symbols */
      case 3: p[i] = i < (size_t)period ? p[i] : p[i - (size_t)period]; break;          /* repeated */
      case 4: p[i] = i & 1 ? (char)(i >> 12) : (char)((unsigned char)p[i] >> 2); break; /* two-byte numbers */
      case 5:
        if (draw(50)) p[i] = (char)(i / (size_t)period);
        break;                                                               /* rare noise */
      default: p[i] = i / 65536 & 1 ? p[i] : (char)(i % 251 * i % 7); break; /* changes its kind */
    }
  }
}

static size_t compress(ZSTD_CCtx *encoder, char *dst, size_t room, const char *src, size_t n) {
  ZSTD_CCtx_setParameter(encoder, SZ_ZSTD_COMPRESSION_LEVEL, draw(3) == 0 ? draw(23) - 3 : draw(6));
  const size_t got = ZSTD_compress2(encoder, dst, room, src, n);
  CHECK(!ZSTD_isError(got));
  return got;
}

static size_t some_size(void) { return 1 + (size_t)draw(1 << (1 + draw(18))) % MOST; }

static void check_prefix(const char *frame, size_t n, const char *data, size_t size, size_t wanted,
                         void *memory) {
  guarded src = guarded_new(n), dst = guarded_new(size + SZ_ZSTD_SLACK);
  memcpy(src.data, frame, n);
  CHECK(sz_zstd_prefix(src.data, n, size, wanted, dst.data, memory));
  CHECK(memcmp(dst.data, data, wanted) == 0);
  guarded_free(dst);
  guarded_free(src);
}

/* If both this decoder and libzstd decode a damaged frame, they get the same bytes. */
static void check_damaged(ZSTD_DCtx *decoder, const char *frame, size_t n, size_t size, void *memory) {
  guarded src = guarded_new(n), dst = guarded_new(size + SZ_ZSTD_SLACK), all = guarded_new(size);
  memcpy(src.data, frame, n);
  for (int i = draw(4); i >= 0; i--)
    src.data[draw(4) ? draw((int)n) : draw(n < 40 ? (int)n : 40)] ^= (char)(1 << draw(8));
  if (draw(4) == 0) src.n = (size_t)draw((int)n) + 1;
  const size_t wanted = 1 + (size_t)draw((int)size);
  const int done = sz_zstd_prefix(src.data, src.n, size, wanted, dst.data, memory);
  const size_t got = ZSTD_decompressDCtx(decoder, all.data, size, src.data, src.n);
  if (done && got == size) CHECK(memcmp(dst.data, all.data, wanted) == 0);
  src.n = n;
  guarded_free(all);
  guarded_free(dst);
  guarded_free(src);
}

int main(void) {
  ZSTD_CCtx *encoder = ZSTD_createCCtx();
  ZSTD_DCtx *decoder = ZSTD_createDCtx();
  char *data = malloc(MOST), *frame = malloc(ZSTD_compressBound(MOST));
  void *memory = malloc(sz_zstd_prefix_room());
  CHECK(encoder != NULL && decoder != NULL && data != NULL && frame != NULL && memory != NULL);
  for (long run = fuzz_runs(400); run > 0; run--) {
    const size_t size = some_size();
    make_data(data, size);
    const size_t n = compress(encoder, frame, ZSTD_compressBound(MOST), data, size);
    check_prefix(frame, n, data, size, 1 + (size_t)draw((int)size), memory);
    check_prefix(frame, n, data, size, size, memory);
    for (int i = 0; i < 8; i++) check_damaged(decoder, frame, n, size, memory);
  }
  free(memory);
  free(frame);
  free(data);
  ZSTD_freeDCtx(decoder);
  ZSTD_freeCCtx(encoder);
  return 0;
}
