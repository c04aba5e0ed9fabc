#include "codecs/filters.h"

#include "check.h"

/* Shuffle as defined: byte b of element i goes to place b * count + i. */
static void check_shuffle(size_t size, size_t count) {
  guarded data = guarded_new(size * count), there = guarded_new(size * count),
          back = guarded_new(size * count);
  randomize(data.data, data.n);
  const size_t middle = count / 3;
  sz_shuffle(size, count, middle, count, data.data, there.data);
  sz_shuffle(size, count, 0, middle, data.data, there.data);
  for (size_t i = 0; i < count; i++)
    for (size_t byte = 0; byte < size; byte++)
      CHECK(there.data[byte * count + i] == data.data[i * size + byte]);
  sz_unshuffle(size, count, 0, middle, there.data, back.data);
  sz_unshuffle(size, count, middle, count, there.data, back.data);
  CHECK(memcmp(back.data, data.data, data.n) == 0);
  guarded_free(data);
  guarded_free(there);
  guarded_free(back);
}

/* Compute both sums word by word in 64 bits. A remainder of zero is 65535 unless all words are zero. */
static uint32_t plain_fletcher32(const uint8_t *data, size_t n) {
  uint64_t first = 0, second = 0;
  for (size_t i = 0; i < n; i += 2) {
    first = first + ((uint64_t)data[i] << 8) + (i + 1 < n ? data[i + 1] : 0);
    if (first > 65535) first -= 65535;
    second += first;
    if (second > 65535) second -= 65535;
  }
  return (uint32_t)(second << 16 | first);
}

/* Compute the checksum in two pieces. */
static uint32_t fletcher32(const char *data, size_t n) {
  const size_t middle = n / 3 & ~(size_t)1;
  sz_fletcher32 sums = {0, 0};
  sz_fletcher32_add(&sums, data, middle);
  sz_fletcher32_add(&sums, data + middle, n - middle);
  return sz_fletcher32_value(&sums);
}

static void check_fletcher32(size_t n, int value) {
  guarded data = guarded_new(n);
  if (value < 0) randomize(data.data, n);
  else memset(data.data, value, n);
  CHECK(fletcher32(data.data, n) == plain_fletcher32((const uint8_t *)data.data, n));
  guarded_free(data);
}

int main(void) {
  CHECK(fletcher32("\0\1\2\3\4\5\6\7", 8) == 0x141e0c10);
  for (size_t size = 1; size <= 17; size++)
    for (size_t count = 0; count <= 40; count++) check_shuffle(size, count);
  check_shuffle(4, 10000);
  check_shuffle(3, 4097);
  for (size_t n = 0; n < 100; n++) check_fletcher32(n, -1);
  for (size_t n = 700; n < 740; n++)
    for (int value = -1; value < 256; value += 16) check_fletcher32(n, value);
  check_fletcher32(1000001, 255);
  check_fletcher32(1000001, -1);
  return 0;
}
