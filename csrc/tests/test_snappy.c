#include "codecs/snappy.h"

#include "status.h"
#include "check.h"

/* Make a stream of random literals and copies, and what it decodes to, byte by byte. */
typedef struct {
  char stream[4096], data[8192];
  size_t n, size;
} sample;

static void put(sample *s, size_t value, size_t k) {
  for (size_t i = 0; i < k; i++) s->stream[s->n++] = (char)(value >> 8 * i & 0xff);
}

static void put_literal(sample *s, size_t length) {
  const size_t k = length <= 60 && draw(4) ? 0 : length <= 256 && draw(4) ? 1 : 2 + (size_t)draw(3);
  put(s, k == 0 ? (length - 1) << 2 : (59 + k) << 2, 1);
  put(s, length - 1, k);
  for (size_t i = 0; i < length; i++)
    put(s, (size_t)(unsigned char)(s->data[s->size++] = (char)draw(256)), 1);
}

static void put_copy(sample *s, size_t length, size_t offset) {
  const int kind = length >= 4 && length <= 11 && offset < 2048 && draw(2) ? 1 : 2 + draw(2);
  if (kind == 1) {
    put(s, 1 | (length - 4) << 2 | (offset >> 8) << 5, 1);
    put(s, offset, 1);
  } else {
    put(s, (size_t)kind | (length - 1) << 2, 1);
    put(s, offset, kind == 2 ? 2 : 4);
  }
  for (size_t i = 0; i < length; i++, s->size++) s->data[s->size] = s->data[s->size - offset];
}

static size_t put_size(char *at, size_t size) {
  size_t n = 0;
  for (; size >= 0x80; size >>= 7) at[n++] = (char)(size | 0x80);
  at[n++] = (char)size;
  return n;
}

static void invent(sample *s) {
  sample body = {.n = 0, .size = 0};
  for (int steps = draw(30); steps > 0; steps--) {
    if (body.size == 0 || draw(2)) put_literal(&body, (size_t)(draw(8) ? 1 + draw(30) : 1 + draw(300)));
    else put_copy(&body, 1 + (size_t)draw(64), 1 + (size_t)draw((int)body.size));
    if (body.n > 3000 || body.size > 7000) break;
  }
  s->n = put_size(s->stream, body.size);
  memcpy(s->stream + s->n, body.stream, body.n);
  s->n += body.n;
  s->size = body.size;
  memcpy(s->data, body.data, body.size);
}

static int decode(const char *stream, size_t n, size_t size, const char *expected) {
  guarded src = guarded_new(n), dst = guarded_new(size);
  memcpy(src.data, stream, n);
  const int status = sz_snappy_decode(src.data, n, dst.data, size);
  if (status == SZ_OK && expected != NULL) CHECK(memcmp(dst.data, expected, size) == 0);
  guarded_free(src);
  guarded_free(dst);
  return status;
}

static void test_streams(void) {
  for (long i = fuzz_runs(3000); i > 0; i--) {
    static sample s;
    invent(&s);
    CHECK(decode(s.stream, s.n, s.size, s.data) == SZ_OK);
    CHECK(decode(s.stream, s.n, s.size + 1, NULL) == SZ_CORRUPT);
    if (s.size > 0) CHECK(decode(s.stream, s.n, s.size - 1, NULL) == SZ_CORRUPT);
    for (size_t n = 0; n < s.n; n += 1 + (size_t)draw(40))
      CHECK(decode(s.stream, n, s.size, NULL) == SZ_CORRUPT);
    for (int k = draw(4); k >= 0; k--) s.stream[draw((int)s.n)] = (char)draw(256);
    decode(s.stream, s.n, s.size, NULL);
  }
}

static void test_noise(void) {
  for (long i = fuzz_runs(20000); i > 0; i--) {
    char noise[64];
    const size_t size = (size_t)draw(200), n = put_size(noise, size) + (size_t)draw(60);
    randomize(noise + put_size(noise, size), sizeof noise - put_size(noise, size));
    decode(noise, n, size, NULL);
  }
}

/* Refuse streams whose sizes, lengths or offsets are wrong by one. */
static void test_edges(void) {
  CHECK(decode("", 0, 0, NULL) == SZ_CORRUPT);
  CHECK(decode("\0", 1, 0, "") == SZ_OK);
  CHECK(decode("\x80\x80\x80\x80\x80\x01", 6, 0, NULL) == SZ_CORRUPT);
  CHECK(decode("\x01\x00"
               "a",
               3, 1, "a") == SZ_OK);
  CHECK(decode("\x01\x00"
               "a\0",
               4, 1, NULL) == SZ_CORRUPT);
  CHECK(decode("\x05\x00"
               "a\x01\x01",
               5, 5, "aaaaa") == SZ_OK);
  CHECK(decode("\x05\x00"
               "a\x01\x00",
               5, 5, NULL) == SZ_CORRUPT);
  CHECK(decode("\x05\x00"
               "a\x01\x02",
               5, 5, NULL) == SZ_CORRUPT);
  CHECK(decode("\x05\x00"
               "a\x0f\x01\0\0\0",
               8, 5, "aaaaa") == SZ_OK);
  CHECK(decode("\x05\x00"
               "a\x0f\xff\xff\xff\xff",
               8, 5, NULL) == SZ_CORRUPT);
  CHECK(decode("\x05\xfc\xff\xff\xff\xff"
               "abcde",
               11, 5, NULL) == SZ_CORRUPT);
}

int main(void) {
  test_edges();
  test_streams();
  test_noise();
  return 0;
}
