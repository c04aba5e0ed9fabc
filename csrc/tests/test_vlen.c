#include "codecs/vlen.h"
#include "status.h"
#include "check.h"

/* Return the status of a whole chunk, whose items are checked in two runs. */
static int checked(const char *data, size_t n, size_t count) {
  const size_t half = count / 2;
  size_t at = 4;
  int status = sz_vlen_begin(data, n, count);
  if (status == SZ_OK) status = sz_vlen_skip(data, n, half, &at);
  if (status == SZ_OK) status = sz_vlen_skip(data, n, count - half, &at);
  return status == SZ_OK && at != n ? SZ_TRAILING : status;
}

/* Make a chunk of random items; set count and size. */
static guarded random_chunk(size_t *count) {
  size_t sizes[20], n = 4;
  *count = (size_t)draw(20);
  for (size_t i = 0; i < *count; i++) n += 4 + (sizes[i] = (size_t)draw(9));
  guarded chunk = guarded_new(n);
  char *at = sz_vlen_put(chunk.data, (uint32_t)*count);
  for (size_t i = 0; i < *count; i++) {
    at = sz_vlen_put(at, (uint32_t)sizes[i]);
    randomize(at, sizes[i]);
    at += sizes[i];
  }
  CHECK(at == chunk.data + n);
  return chunk;
}

static void test_items(void) {
  for (long run = fuzz_runs(3000); run > 0; run--) {
    size_t count;
    guarded chunk = random_chunk(&count);
    const char *at = chunk.data + 4;
    CHECK(checked(chunk.data, chunk.n, count) == SZ_OK);
    CHECK(checked(chunk.data, chunk.n, count + 1) == SZ_CORRUPT);
    CHECK(checked(chunk.data, chunk.n, count + ((size_t)1 << 32)) == SZ_CORRUPT);
    for (size_t i = 0; i < count; i++) {
      const char *item;
      size_t size;
      const char *next = sz_vlen_item(at, &item, &size);
      CHECK(item == at + 4 && next == item + size && next <= chunk.data + chunk.n);
      at = next;
    }
    CHECK(at == chunk.data + chunk.n);
    for (size_t n = 0; n < chunk.n; n++) { /* memory that ends there, for the sanitizer */
      char *cut = malloc(n);
      if (n) memcpy(cut, chunk.data, n);
      CHECK(checked(cut, n, count) == SZ_TRUNCATED);
      free(cut);
    }
    if (count) { /* if damaged items pass the check, they are within the chunk */
      chunk.data[4 + draw((int)chunk.n - 4)] ^= (char)(1 << draw(8));
      if (checked(chunk.data, chunk.n, count) == SZ_OK) {
        at = chunk.data + 4;
        for (size_t i = 0; i < count; i++) {
          const char *item;
          size_t size;
          at = sz_vlen_item(at, &item, &size);
        }
        CHECK(at == chunk.data + chunk.n);
      }
    }
    guarded_free(chunk);
  }
}

static void test_left_over(void) {
  const char chunk[9] = {1, 0, 0, 0, 0, 0, 0, 0, 'x'};
  CHECK(checked(chunk, 8, 1) == SZ_OK);
  CHECK(checked(chunk, 9, 1) == SZ_TRAILING);
}

static size_t spell(uint32_t point, char *s) {
  const size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  const uint32_t first[5] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = n; i-- > 1; point >>= 6) s[i] = (char)(0x80 | (point & 0x3F));
  s[0] = (char)(first[n] | point);
  return n;
}

/* Every code point is valid. Surrogates, numbers above the last code point, and cut sequences are not. */
static void test_utf8(void) {
  for (uint32_t point = 0; point < 0x120000; point++) {
    char s[12] = "        ";
    const size_t before = point % 9 == 8 ? 8 : point % 8, n = spell(point, s + before);
    const int valid = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
    CHECK(sz_is_utf8(s, before + n) == valid);
    if (n > 1) {
      CHECK(sz_is_utf8(s, before + n - 1) == 0);
      CHECK(sz_is_utf8(s + before + 1, n - 1) == 0);
    }
  }
  CHECK(sz_is_utf8("\xC0\x80", 2) == 0 && sz_is_utf8("\xC1\xBF", 2) == 0);
  CHECK(sz_is_utf8("\xE0\x9F\xBF", 3) == 0 && sz_is_utf8("\xF0\x8F\xBF\xBF", 4) == 0);
  CHECK(sz_is_utf8(NULL, 0) == 1);
}

int main(void) {
  test_items();
  test_left_over();
  test_utf8();
  return 0;
}
