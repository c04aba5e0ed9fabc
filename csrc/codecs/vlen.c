#include "codecs/vlen.h"

#include <string.h>

#include "status.h"

static uint32_t get(const char *at) {
  const unsigned char *b = (const unsigned char *)at;
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

int sz_vlen_begin(const char *data, size_t n, size_t count) {
  if (n < 4) return SZ_TRUNCATED;
  if (get(data) != count) return SZ_CORRUPT;
  return (n - 4) / 4 < count ? SZ_TRUNCATED : SZ_OK;
}

int sz_vlen_skip(const char *data, size_t n, size_t count, size_t *at) {
  size_t place = *at;
  for (size_t i = 0; i < count; i++) {
    size_t size;
    if (n - place < 4) return SZ_TRUNCATED;
    size = get(data + place);
    place += 4;
    if (n - place < size) return SZ_TRUNCATED;
    place += size;
  }
  *at = place;
  return SZ_OK;
}

const char *sz_vlen_item(const char *at, const char **item, size_t *size) {
  *size = get(at);
  *item = at + 4;
  return *item + *size;
}

char *sz_vlen_put(char *at, uint32_t number) {
  for (int i = 0; i < 4; i++) at[i] = (char)(unsigned char)(number >> 8 * i);
  return at + 4;
}

/* Return the size of the sequence that begins the n bytes at s, 0 if it is not valid. */
static size_t sequence(const unsigned char *s, size_t n) {
  unsigned char low = 0x80, high = 0xBF; /* of the second byte */
  size_t size = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
  if (size == 0 || size > n) return 0;
  if (s[0] == 0xE0) low = 0xA0;
  if (s[0] == 0xED) high = 0x9F;
  if (s[0] == 0xF0) low = 0x90;
  if (s[0] == 0xF4) high = 0x8F;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < size; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  return size;
}

int sz_is_utf8(const char *data, size_t n) {
  const unsigned char *s = (const unsigned char *)data;
  size_t i = 0;
  while (i < n) {
    uint64_t word;
    if (n - i >= 8) {
      memcpy(&word, s + i, 8);
      if (!(word & 0x8080808080808080u)) {
        i += 8;
        continue;
      }
    }
    if (s[i] < 0x80) {
      i++;
    } else {
      size_t size = sequence(s + i, n - i);
      if (size == 0) return 0;
      i += size;
    }
  }
  return 1;
}
