#include "codecs/snappy.h"

#include <stdint.h>
#include <string.h>

#include "status.h"

enum { LITERAL, COPY_1, COPY_2, COPY_4 }; /* the low bits of a tag; copies by the bytes of their offsets */
enum { LONGEST_SHORT = 60 };              /* bytes of a literal whose length is in its tag */

typedef struct {
  const unsigned char *at, *end;
} input;

/* Return the next k bytes as a little-endian number. If there are too few, clear *ok and return 0. */
static size_t take(input *in, size_t k, int *ok) {
  size_t value = 0;
  if ((size_t)(in->end - in->at) < k) {
    *ok = 0;
    return 0;
  }
  for (size_t i = 0; i < k; i++) value |= (size_t)*in->at++ << 8 * i;
  return value;
}

/* Read the decoded size, seven bits a byte, the low ones first; return whether it is the expected one. */
static int takes_size(input *in, size_t expected) {
  uint64_t size = 0;
  for (int shift = 0; shift < 35 && in->at < in->end; shift += 7) {
    const unsigned char byte = *in->at++;
    size |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return size == expected;
  }
  return 0;
}

/* Copy n bytes from `offset` bytes back. If they overlap the copy, they repeat. */
static void copy_back(char *dst, size_t offset, size_t n) {
  while (n > offset) {
    memcpy(dst, dst - offset, offset);
    dst += offset;
    n -= offset;
    offset *= 2;
  }
  memcpy(dst, dst - offset, n);
}

int sz_snappy_decode(const char *src, size_t n, char *dst, size_t size) {
  input in = {(const unsigned char *)src, (const unsigned char *)src + n};
  size_t done = 0;
  int ok = 1;
  if (!takes_size(&in, size)) return SZ_CORRUPT;
  while (in.at < in.end) {
    const unsigned tag = *in.at++;
    size_t length = (tag >> 2) + 1, offset = 0;
    switch (tag & 3) {
      case LITERAL:
        if (length > LONGEST_SHORT) length = take(&in, length - LONGEST_SHORT, &ok) + 1;
        if (!ok || length > size - done || length > (size_t)(in.end - in.at)) return SZ_CORRUPT;
        memcpy(dst + done, in.at, length);
        in.at += length;
        done += length;
        continue;
      case COPY_1:
        length = (tag >> 2 & 7) + 4;
        offset = (size_t)(tag >> 5) << 8 | take(&in, 1, &ok);
        break;
      case COPY_2: offset = take(&in, 2, &ok); break;
      default: offset = take(&in, 4, &ok);
    }
    if (!ok || offset == 0 || offset > done || length > size - done) return SZ_CORRUPT;
    copy_back(dst + done, offset, length);
    done += length;
  }
  return done == size ? SZ_OK : SZ_CORRUPT;
}
