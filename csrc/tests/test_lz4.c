#include "codecs/lz4.h"

#include "check.h"
#include "codecs/vendor.h"
#include "status.h"

/* Make bytes with runs, repeats near and far, and random stretches. */
static void invent(char *data, size_t n) {
  for (size_t at = 0; at < n;) {
    size_t length = 1 + (size_t)draw(draw(4) ? 40 : draw(3) ? 600 : 40000);
    if (length > n - at) length = n - at;
    const int kind = draw(4);
    if (kind == 0) randomize(data + at, length);
    else if (kind == 1 || at == 0) memset(data + at, draw(256), length);
    else {
      const size_t back = 1 + (size_t)draw((int)(at < 70000 ? at : 70000));
      for (size_t i = 0; i < length; i++) data[at + i] = data[at + i - back];
    }
    at += length;
  }
}

static int look(void *left) { return (*(int *)left)-- > 0 ? SZ_OK : 7; }

/* Encoding in pieces makes one block, which liblz4 decodes at once, and which can be decoded in pieces. */
static void test_pieces(void) {
  enum { MOST = 300000 };
  static char data[MOST];
  for (long i = fuzz_runs(300); i > 0; i--) {
    const size_t n = 1 + (size_t)draw(draw(3) ? 3000 : MOST), piece = 1 + (size_t)draw(draw(2) ? 100 : 90000);
    const size_t bound = n + n / 255 + 16;
    if (draw(10)) invent(data, n);
    else randomize(data, n);
    guarded block = guarded_new(bound), decoded = guarded_new(n);
    size_t size = bound;
    const int high = draw(4) == 0;
    CHECK(sz_lz4_encode_pieces(data, n, piece, high ? draw(10) : 1 + draw(3), high, block.data, &size,
                               NULL) == SZ_OK);
    CHECK(LZ4_decompress_safe(block.data, decoded.data, (int)size, (int)n) == (int)n);
    CHECK(memcmp(decoded.data, data, n) == 0);
    memset(decoded.data, 0, n);
    CHECK(sz_lz4_decode_pieces(block.data, size, 1 + (size_t)draw(5000), decoded.data, n, NULL) == SZ_OK);
    CHECK(memcmp(decoded.data, data, n) == 0);
    guarded small = guarded_new(size - 1);
    size_t room = (size_t)draw((int)size);
    const int status = sz_lz4_encode_pieces(data, n, piece, 1, high, small.data, &room, NULL);
    CHECK(status == SZ_OK || status == SZ_TOO_LONG); /* another setting may take less room */
    guarded_free(small);
    guarded_free(block);
    guarded_free(decoded);
  }
}

/* A changed block is decoded or refused, and nothing outside the buffers is touched. */
static void test_mutated(void) {
  enum { MOST = 20000 };
  static char data[MOST];
  for (long i = fuzz_runs(3000); i > 0; i--) {
    const size_t n = 1 + (size_t)draw(draw(3) ? 300 : MOST), bound = n + n / 255 + 16;
    invent(data, n);
    guarded block = guarded_new(bound);
    size_t size = bound;
    CHECK(sz_lz4_encode(data, n, 1, 0, block.data, &size, NULL) == SZ_OK);
    for (int k = 1 + draw(4); k > 0; k--) block.data[draw((int)size)] = (char)(draw(3) ? draw(256) : 255);
    const size_t kept = draw(3) ? size : (size_t)draw((int)size + 1);
    char *exact = malloc(kept + 1); /* the sanitizer notices a read past it */
    CHECK(exact != NULL);
    memcpy(exact + 1, block.data, kept);
    const size_t wanted = draw(3) ? n : (size_t)draw((int)n + 50);
    guarded whole = guarded_new(wanted), pieces = guarded_new(wanted);
    const int expected = LZ4_decompress_safe(exact + 1, whole.data, (int)kept, (int)wanted) == (int)wanted;
    const int status =
        sz_lz4_decode_pieces(exact + 1, kept, 1 + (size_t)draw(500), pieces.data, wanted, NULL);
    CHECK(status == SZ_OK || status == SZ_CORRUPT);
    if (expected && status == SZ_OK) CHECK(memcmp(whole.data, pieces.data, wanted) == 0);
    guarded_free(whole);
    guarded_free(pieces);
    guarded_free(block);
    free(exact);
  }
}

static void test_large(void) {
  const size_t n = (33 << 20) + 5, bound = n + n / 255 + 16;
  char *data = malloc(n), *block = malloc(bound), *decoded = malloc(n);
  CHECK(data != NULL && block != NULL && decoded != NULL);
  invent(data, n);
  int left = 100;
  const sz_pause pause = {look, &left};
  size_t size = bound, at_once;
  CHECK(sz_lz4_encode(data, n, 1, 0, block, &size, &pause) == SZ_OK && left == 95);
  CHECK(sz_lz4_decode(block, size, decoded, n, &pause) == SZ_OK && left < 95);
  CHECK(memcmp(data, decoded, n) == 0);
  at_once = (size_t)LZ4_compress_fast(data, decoded, (int)n, (int)n, 1);
  CHECK(at_once == 0 || size <= at_once + at_once / 100);
  left = 1;
  size = bound;
  CHECK(sz_lz4_encode(data, n, 1, 0, block, &size, &pause) == 7);
  left = 1;
  size = bound;
  CHECK(sz_lz4_encode(data, 6 << 20, 3, 1, block, &size, &pause) == 7);
  free(data);
  free(block);
  free(decoded);
}

int main(void) {
  test_pieces();
  test_mutated();
  test_large();
  return 0;
}
