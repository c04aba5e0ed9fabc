#include "codecs/crc32c.h"
#include "check.h"

/* Compute the checksum bit by bit, as it is defined. */
static uint32_t reference(uint32_t crc, const char *data, size_t n) {
  crc = ~crc;
  for (size_t i = 0; i < n; i++) {
    crc ^= (unsigned char)data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  return ~crc;
}

static void check_both(uint32_t expected, const char *data, size_t n) {
  CHECK(sz_crc32c(0, data, n) == expected);
  CHECK(sz_crc32c_portable(0, data, n) == expected);
}

/* The values of RFC 3720, B.4, and the usual check value. */
static void test_vectors(void) {
  char zeros[32] = {0}, ones[32], rising[32], falling[32];
  char command[48] = {0x01, (char)0xc0};
  command[16] = 0x14;
  command[22] = 4;
  command[27] = 0x14;
  command[31] = 0x18;
  command[32] = 0x28;
  command[40] = 2;
  for (int i = 0; i < 32; i++) {
    ones[i] = (char)0xff;
    rising[i] = (char)i;
    falling[i] = (char)(31 - i);
  }
  check_both(0, "", 0);
  check_both(0xe3069283u, "123456789", 9);
  check_both(0x8a9136aau, zeros, 32);
  check_both(0x62a8ab43u, ones, 32);
  check_both(0x46dd794eu, rising, 32);
  check_both(0x113fdb5cu, falling, 32);
  check_both(0xd9963a56u, command, 48);
}

static void test_every_alignment_and_length(void) {
  enum { LONGEST = 1700 };
  guarded g = guarded_new(LONGEST + 16);
  randomize(g.data, g.n);
  for (size_t offset = 0; offset < 16; offset++)
    for (size_t n = 0; n <= LONGEST; n += n < 600 ? 1 : 37)
      CHECK(sz_crc32c(7, g.data + offset, n) == sz_crc32c_portable(7, g.data + offset, n));
  for (size_t n = 0; n < 300; n++) CHECK(sz_crc32c(1, g.data, n) == reference(1, g.data, n));
  guarded_free(g);
}

/* Lengths around the block sizes of the lanes, and checksums continued at random places. */
static void test_long(void) {
  enum { N = 60000 };
  guarded g = guarded_new(N);
  randomize(g.data, g.n);
  for (size_t n = 3 * 4096 - 9; n <= 3 * 4096 + 9; n++)
    CHECK(sz_crc32c(0, g.data, n) == reference(0, g.data, n));
  for (long run = fuzz_runs(100); run > 0; run--) {
    const size_t n = (size_t)draw(N), cut = (size_t)draw((int)n + 1);
    const uint32_t whole = sz_crc32c(0, g.data, n);
    CHECK(whole == sz_crc32c_portable(0, g.data, n));
    CHECK(whole == sz_crc32c(sz_crc32c(0, g.data, cut), g.data + cut, n - cut));
  }
  guarded_free(g);
}

int main(void) {
  test_vectors();
  test_every_alignment_and_length();
  test_long();
  return 0;
}
