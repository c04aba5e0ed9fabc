#include "codecs/blosc1.h"

#include <string.h>

#include "memory/page_alias.h"
#include "codecs/lz4.h"
#include "codecs/snappy.h"
#include "status.h"
#include "codecs/vendor.h"
#include "codecs/zstd.h"

enum { HEADER = 16, VERSION = 2, STREAM_VERSION = 1 };
enum { SHUFFLED = 0x01, STORED = 0x02, BITSHUFFLED = 0x04, RESERVED = 0x08, NOT_SPLIT = 0x10 };
enum { FORMAT_BLOSCLZ, FORMAT_LZ4, FORMAT_SNAPPY, FORMAT_ZLIB, FORMAT_ZSTD };
/* c-blosc 1 stores less than SMALLEST bytes as they are, and splits a block only into streams of at least as
 * many elements, one per byte of a type of at most MOST_STREAMS bytes. */
enum { SMALLEST = 128, MOST_STREAMS = 16 };
static const int32_t LARGEST_BLOCK = (INT32_MAX - 255 * 4) / 3;
static const size_t LARGEST_INPUT = INT32_MAX - HEADER;

static uint32_t load(const char *p) {
  unsigned char b[4];
  memcpy(b, p, sizeof b);
  return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void store(char *p, size_t value) {
  const unsigned char b[4] = {(unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16),
                              (unsigned char)(value >> 24)};
  memcpy(p, b, sizeof b);
}

void sz_blosc1_init(void) {
  const char in[16] = {0};
  char out[16];
  blosc2_shuffle(2, sizeof in, in, out);
}

/* Check the format and the block starts of a container that is not stored. */
static int check_blocks(const char *src, size_t n, int flags, const sz_blosc1 *h) {
  if (h->format > FORMAT_ZSTD || src[1] != STREAM_VERSION) return SZ_CORRUPT;
  if (flags & SHUFFLED && flags & BITSHUFFLED) return SZ_CORRUPT;
  if (h->split && h->blocksize % h->typesize != 0) return SZ_CORRUPT;
  const size_t blocks = (size_t)h->nblocks, first = HEADER + 4 * blocks;
  if (blocks > (n - HEADER) / 4) return SZ_CORRUPT;
  for (size_t i = 0; i < blocks; i++) {
    const size_t start = load(src + HEADER + 4 * i);
    if (start < first || start > n - 4) return SZ_CORRUPT;
  }
  return SZ_OK;
}

int sz_blosc1_open(const char *src, size_t n, sz_blosc1 *header) {
  enum { PIECE = 1 << 18 };
  if (n < HEADER) return SZ_TRUNCATED;
  const int flags = (unsigned char)src[2];
  const uint32_t nbytes = load(src + 4), blocksize = load(src + 8), cbytes = load(src + 12);
  if (src[0] != VERSION || flags & RESERVED || cbytes < HEADER || nbytes > LARGEST_INPUT) return SZ_CORRUPT;
  if (cbytes > n) return SZ_TRUNCATED;
  *header = (sz_blosc1){.format = flags >> 5,
                        .stored = (flags & STORED) != 0,
                        .typesize = (unsigned char)src[3],
                        .nbytes = (int32_t)nbytes};
  if (nbytes == 0) return cbytes < n ? SZ_TRAILING : SZ_OK;
  if (blocksize == 0 || blocksize > nbytes || header->typesize == 0) return SZ_CORRUPT;
  header->blocksize = (int32_t)blocksize;
  if (header->stored) {
    if (cbytes - HEADER != nbytes) return SZ_CORRUPT;
    /* Blocks have no meaning here, and c-blosc may write sizes down to one byte. */
    header->blocksize = nbytes < PIECE ? (int32_t)nbytes : PIECE;
  } else if (flags & SHUFFLED) {
    header->shuffle = SZ_SHUFFLE;
  } else if (flags & BITSHUFFLED) {
    header->shuffle = SZ_BITSHUFFLE;
  }
  header->nblocks = (header->nbytes - 1) / header->blocksize + 1;
  header->split = !header->stored && !(flags & NOT_SPLIT) && header->typesize <= MOST_STREAMS &&
                  header->blocksize / header->typesize >= SMALLEST;
  const int status = header->stored ? SZ_OK : check_blocks(src, cbytes, flags, header);
  return status == SZ_OK && cbytes < n ? SZ_TRAILING : status;
}

int32_t sz_blosc1_block_size(const sz_blosc1 *header, int32_t i) {
  const int32_t left = header->nbytes - i * header->blocksize;
  return left < header->blocksize ? left : header->blocksize;
}

/* Return whether a run of bytes 255 could overflow the int in which blosclz adds up a match's length. Each
 * byte adds 255, and no valid match is as long as 2^31. */
static int overflows_blosclz(const char *src, size_t n) {
  enum { LONGEST = 1 << 23 };
  size_t run = 0;
  for (size_t i = 0; n > LONGEST && i < n; i++) {
    run = (unsigned char)src[i] == 255 ? run + 1 : 0;
    if (run > LONGEST) return 1;
  }
  return 0;
}

/* Decode a stream of zlib, PIECE bytes at a time. */
static int decode_zlib(const char *src, size_t n, char *dst, size_t size, const sz_pause *pause) {
  enum { PIECE = 16 << 20, WINDOW_BITS = 15 };
  zng_stream z = {.next_in = (const uint8_t *)src, .avail_in = (uint32_t)n, .next_out = (uint8_t *)dst};
  if (zng_inflateInit2(&z, WINDOW_BITS) != SZ_Z_OK) return SZ_NO_MEMORY;
  int32_t answer = SZ_Z_OK;
  int status = SZ_OK;
  while (answer == SZ_Z_OK && status == SZ_OK) {
    const size_t left = size - z.total_out;
    z.avail_out = left < PIECE ? (uint32_t)left : PIECE;
    answer = zng_inflate(&z, left > PIECE ? SZ_Z_NO_FLUSH : SZ_Z_FINISH);
    if (answer == SZ_Z_OK) status = sz_look(pause);
  }
  if (answer == SZ_Z_MEM_ERROR) status = SZ_NO_MEMORY;
  else if (status == SZ_OK && (answer != SZ_Z_STREAM_END || z.total_out != size)) status = SZ_CORRUPT;
  zng_inflateEnd(&z);
  return status;
}

static int decode_zstd(const char *src, size_t n, char *dst, size_t size, ZSTD_DCtx *context,
                       const sz_pause *pause) {
  size_t got = size;
  const int status = sz_zstd_decode(context, src, n, dst, &got, pause);
  if (status == SZ_NO_MEMORY || status >= 0) return status == SZ_OK && got != size ? SZ_CORRUPT : status;
  return SZ_CORRUPT;
}

/* Decode one stream of n bytes to exactly `size` bytes. Both fit an int, because a container has less than
 * 2 GiB. */
static int decode_stream(int format, const char *src, size_t n, char *dst, size_t size, void *zstd,
                         const sz_pause *pause) {
  switch (format) {
    case FORMAT_BLOSCLZ:
      if (overflows_blosclz(src, n)) return SZ_CORRUPT;
      return blosclz_decompress(src, (int)n, dst, (int)size) == (int)size ? SZ_OK : SZ_CORRUPT;
    case FORMAT_LZ4: return sz_lz4_decode(src, n, dst, size, pause);
    case FORMAT_SNAPPY: return sz_snappy_decode(src, n, dst, size);
    case FORMAT_ZLIB: return decode_zlib(src, n, dst, size, pause);
    case FORMAT_ZSTD: return decode_zstd(src, n, dst, size, zstd, pause);
    default: return SZ_UNSUPPORTED;
  }
}

/* Decode the streams of block i, which has `size` bytes. */
static int decode_streams(const char *src, size_t n, const sz_blosc1 *header, int32_t i, size_t size,
                          char *dst, void *zstd, const sz_pause *pause) {
  const int split = header->split && size == (size_t)header->blocksize;
  const size_t streams = split ? (size_t)header->typesize : 1, raw = size / streams;
  size_t at = load(src + HEADER + 4 * (size_t)i);
  for (size_t k = 0; k < streams; k++, dst += raw) {
    if (at > n || n - at < 4) return SZ_CORRUPT;
    const size_t length = load(src + at);
    at += 4;
    if (length > n - at || length > raw) return SZ_CORRUPT;
    if (length == raw) {
      memcpy(dst, src + at, raw);
    } else {
      const int status = decode_stream(header->format, src + at, length, dst, raw, zstd, pause);
      if (status != SZ_OK) return status;
    }
    at += length;
  }
  return SZ_OK;
}

/* Return the filter of a block. Elements of one byte are not shuffled. c-blosc 1 does not bitshuffle blocks
 * whose number of elements is not a multiple of 8. */
static int block_filter(int shuffle, int32_t typesize, int32_t size) {
  if (shuffle == SZ_SHUFFLE) return typesize > 1 ? SZ_SHUFFLE : SZ_NOSHUFFLE;
  if (shuffle == SZ_BITSHUFFLE)
    return size >= typesize && size / typesize % 8 == 0 ? SZ_BITSHUFFLE : SZ_NOSHUFFLE;
  return SZ_NOSHUFFLE;
}

int sz_blosc1_decode_block(const char *src, size_t n, const sz_blosc1 *header, int32_t i, char *dst,
                           char *tmp, void *zstd, const sz_pause *pause) {
  const int32_t size = sz_blosc1_block_size(header, i);
  if (header->stored) {
    sz_move(dst, src + HEADER + (size_t)i * (size_t)header->blocksize, (size_t)size);
    return SZ_OK;
  }
  const int filter = block_filter(header->shuffle, header->typesize, size);
  char *const filtered = filter == SZ_NOSHUFFLE ? dst : tmp;
  const int status = decode_streams(src, n, header, i, (size_t)size, filtered, zstd, pause);
  if (status != SZ_OK) return status;
  int32_t done = size;
  if (filter == SZ_SHUFFLE) done = blosc2_unshuffle(header->typesize, size, tmp, dst);
  if (filter == SZ_BITSHUFFLE) done = blosc2_bitunshuffle(header->typesize, size, tmp, dst);
  return done < 0 ? SZ_NO_MEMORY : SZ_OK;
}

size_t sz_blosc1_bound(size_t nbytes) { return nbytes + HEADER; }

/* Return a size of blocks that stay in the second-level cache while a reader decodes and places them. Larger
 * blocks pay with slow compressors at high levels, and with fast ones whose blocks are split. In streams of
 * less than 128 KiB the fast ones find matches that hardly reduce the size and make decoding slower. */
static int32_t automatic_blocksize(const sz_blosc1_settings *s) {
  static const unsigned char SHIFT[10] = {17, 15, 16, 16, 17, 17, 18, 18, 18, 18};
  const int fast = s->compressor == SZ_LZ4 || s->compressor == SZ_BLOSCLZ;
  const int level = s->level < 0 || s->level > 9 ? 5 : s->level;
  if (fast && s->shuffle != SZ_NOSHUFFLE && s->typesize <= MOST_STREAMS)
    return (int32_t)(s->typesize < 4 ? s->typesize : 4) << 17;
  return (int32_t)1 << (SHIFT[level] + (!fast && level != 0));
}

/* Return a multiple of 8 elements, so that bits can be shuffled. If all elements fit in one block, return
 * whole elements. */
static int32_t choose_blocksize(const sz_blosc1_settings *s, size_t n) {
  const int32_t step = 8 * s->typesize, total = (int32_t)n;
  int32_t size = s->blocksize > 0 ? s->blocksize : automatic_blocksize(s);
  if (size < SMALLEST) size = SMALLEST;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size >= total && (s->shuffle != SZ_BITSHUFFLE || total < step))
    return total > s->typesize ? total / s->typesize * s->typesize : total;
  if (size > total) size = total;
  if (size < step) size = step < total ? step : total;
  return size >= step ? size / step * step : size;
}

size_t sz_blosc1_scratch(const sz_blosc1_settings *settings, size_t n) {
  if (n == 0 || n > LARGEST_INPUT) return 1;
  return (size_t)choose_blocksize(settings, n);
}

/* Return one stream for each byte of the type, as c-blosc 1 except for zstd. Shuffled bytes of one
 * significance are similar, and compressors give up incompressible streams early. */
static size_t choose_streams(const sz_blosc1_settings *s, int32_t blocksize) {
  if (s->compressor == SZ_ZSTD || s->shuffle == SZ_NOSHUFFLE || s->typesize > MOST_STREAMS) return 1;
  return blocksize / s->typesize >= SMALLEST ? (size_t)s->typesize : 1;
}

/* What the blocks of a container are encoded with. A whole block has `streams` streams. */
typedef struct {
  sz_blosc1_settings settings;
  size_t streams;
  char *scratch;
  ZSTD_CCtx *zstd;
  const sz_pause *pause;
} encoder;

static int format_of(int compressor) {
  switch (compressor) {
    case SZ_BLOSCLZ: return FORMAT_BLOSCLZ;
    case SZ_LZ4:
    case SZ_LZ4HC: return FORMAT_LZ4;
    case SZ_ZLIB: return FORMAT_ZLIB;
    case SZ_ZSTD: return FORMAT_ZSTD;
    default: return -1;
  }
}

static int encode_zlib(int level, const char *src, size_t n, char *dst, size_t capacity, size_t *size) {
  size_t length = capacity;
  const int32_t status = zng_compress2((uint8_t *)dst, &length, (const uint8_t *)src, n, level);
  *size = status == SZ_Z_OK ? length : 0;
  return status == SZ_Z_MEM_ERROR ? SZ_NO_MEMORY : SZ_OK;
}

/* Levels are translated as c-blosc 1 does it. */
static int encode_zstd(const encoder *e, const char *src, size_t n, char *dst, size_t capacity,
                       size_t *size) {
  size_t length = capacity;
  const int level = e->settings.level < 9 ? 2 * e->settings.level - 1 : 22;
  const int status = sz_zstd_encode(e->zstd, level, 0, src, n, dst, &length, e->pause);
  *size = status == SZ_OK ? length : 0;
  return status == SZ_TOO_LONG ? SZ_OK : status;
}

static int encode_lz4(const encoder *e, const char *src, size_t n, int setting, char *dst, size_t capacity,
                      size_t *size) {
  size_t length = capacity;
  const int status =
      sz_lz4_encode(src, n, setting, e->settings.compressor == SZ_LZ4HC, dst, &length, e->pause);
  *size = status == SZ_OK ? length : 0;
  return status == SZ_TOO_LONG ? SZ_OK : status;
}

/* Encode one stream. *size is 0 if it does not fit the capacity. */
static int encode_stream(const encoder *e, const char *src, size_t n, char *dst, size_t capacity,
                         size_t *size) {
  int done = 0;
  switch (e->settings.compressor) {
    case SZ_BLOSCLZ:
      if (n >= SMALLEST) done = blosclz_compress(e->settings.level, src, (int)n, dst, (int)capacity, NULL);
      break;
    case SZ_LZ4: return encode_lz4(e, src, n, 10 - e->settings.level, dst, capacity, size);
    case SZ_LZ4HC: return encode_lz4(e, src, n, e->settings.level, dst, capacity, size);
    case SZ_ZLIB: return encode_zlib(e->settings.level, src, n, dst, capacity, size);
    default: return encode_zstd(e, src, n, dst, capacity, size);
  }
  *size = done > 0 ? (size_t)done : 0;
  return SZ_OK;
}

static int filter_block(const encoder *e, const char *src, int32_t n, const char **filtered) {
  int32_t done = n;
  *filtered = e->scratch;
  switch (block_filter(e->settings.shuffle, e->settings.typesize, n)) {
    case SZ_SHUFFLE: done = blosc2_shuffle(e->settings.typesize, n, src, e->scratch); break;
    case SZ_BITSHUFFLE: done = blosc2_bitshuffle(e->settings.typesize, n, src, e->scratch); break;
    default: *filtered = src;
  }
  return done < 0 ? SZ_NO_MEMORY : SZ_OK;
}

/* Encode n filtered bytes to streams of equal size, each behind its length, and raw if that is shorter. *size
 * is 0 if they do not fit the capacity. */
static int encode_streams(const encoder *e, const char *src, size_t n, size_t streams, char *dst,
                          size_t capacity, size_t *size) {
  const size_t raw = n / streams;
  size_t at = 0;
  *size = 0;
  for (size_t i = 0; i < streams; i++, src += raw) {
    if (capacity - at < 5) return SZ_OK;
    at += 4;
    const size_t room = capacity - at < raw ? capacity - at : raw - 1;
    size_t length = 0;
    const int status = room > 0 ? encode_stream(e, src, raw, dst + at, room, &length) : SZ_OK;
    if (status != SZ_OK) return status;
    if (length == 0) {
      if (capacity - at < raw) return SZ_OK;
      length = raw;
      sz_move(dst + at, src, raw);
    }
    store(dst + at - 4, length);
    at += length;
  }
  *size = at;
  return SZ_OK;
}

/* Write the table of block starts and the blocks behind the header. *size is 0 if they take more room than
 * the data. */
static int encode_blocks(const encoder *e, const char *src, size_t n, int32_t blocksize, char *dst,
                         size_t *size) {
  const size_t step = (size_t)blocksize, blocks = (n - 1) / step + 1, limit = n + HEADER;
  size_t at = HEADER + 4 * blocks;
  *size = 0;
  for (size_t i = 0; i < blocks; i++) {
    const size_t left = n - i * step;
    const size_t length = left < step ? left : step;
    const char *filtered;
    size_t written = 0;
    if (at >= limit) return SZ_OK;
    int status = filter_block(e, src + i * step, (int32_t)length, &filtered);
    if (status == SZ_OK)
      status = encode_streams(e, filtered, length, length == step ? e->streams : 1, dst + at, limit - at,
                              &written);
    if (status == SZ_OK) status = sz_look(e->pause);
    if (status != SZ_OK || written == 0) return status;
    store(dst + HEADER + 4 * i, at);
    at += written;
  }
  *size = at;
  return SZ_OK;
}

int sz_blosc1_encode(const sz_blosc1_settings *settings, const char *src, size_t n, char *scratch, void *zstd,
                     const sz_pause *pause, char *dst, size_t *size) {
  const sz_blosc1_settings s = *settings;
  const int format = format_of(s.compressor);
  if (format < 0 || n > LARGEST_INPUT) return SZ_UNSUPPORTED;
  if (s.typesize < 1 || s.typesize > 255 || s.level < 0 || s.level > 9) return SZ_UNSUPPORTED;
  const int32_t block = n == 0 ? 1 : choose_blocksize(&s, n);
  const size_t streams = choose_streams(&s, block);
  int flags = format << 5 | (streams > 1 ? 0 : NOT_SPLIT);
  if (s.shuffle != SZ_NOSHUFFLE) flags |= s.shuffle == SZ_SHUFFLE ? SHUFFLED : BITSHUFFLED;
  *size = 0;
  if (s.level > 0 && n >= SMALLEST) {
    const encoder e = {s, streams, scratch, zstd, pause};
    if (s.compressor == SZ_ZSTD && zstd == NULL) return SZ_NO_MEMORY;
    const int status = encode_blocks(&e, src, n, block, dst, size);
    if (status != SZ_OK) return status;
  }
  if (*size == 0) {
    flags |= STORED;
    if (n > 0) sz_move(dst + HEADER, src, n);
    *size = n + HEADER;
  }
  dst[0] = VERSION;
  dst[1] = STREAM_VERSION;
  dst[2] = (char)flags;
  dst[3] = (char)s.typesize;
  store(dst + 4, n);
  store(dst + 8, (size_t)block);
  store(dst + 12, *size);
  return SZ_OK;
}
