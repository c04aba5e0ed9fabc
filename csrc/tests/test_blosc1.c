#include "codecs/blosc1.h"

#include "status.h"
#include "codecs/vendor.h"
#include "check.h"

static ZSTD_CCtx *compressor;
static ZSTD_DCtx *decompressor;

enum { COMPRESSORS = 5 };
static const int COMPRESSOR[COMPRESSORS] = {SZ_BLOSCLZ, SZ_LZ4, SZ_LZ4HC, SZ_ZLIB, SZ_ZSTD};

/* Make numbers that compress in different ways: a slope, a walk, a constant, noise, noise with a slope. */
static void invent(char *data, size_t n) {
  const int kind = draw(5);
  int walk = 0;
  memset(data, 0, n);
  if (kind >= 3) randomize(data, n);
  for (size_t i = 0; kind != 2 && kind != 3 && i + 4 <= n; i += kind == 4 ? 16 : 4) {
    walk += kind == 1 ? draw(7) - 3 : 1;
    memcpy(data + i, &walk, 4);
  }
}

static guarded encode(const guarded *data, int which, int level, int shuffle, int typesize,
                      int32_t blocksize) {
  const sz_blosc1_settings settings = {which, level, shuffle, typesize, blocksize};
  guarded scratch = guarded_new(sz_blosc1_scratch(&settings, data->n));
  guarded dst = guarded_new(sz_blosc1_bound(data->n));
  size_t size = 0;
  CHECK(sz_blosc1_encode(&settings, data->data, data->n, scratch.data, compressor, NULL, dst.data, &size) ==
        SZ_OK);
  CHECK(size >= 16 && size <= dst.n);
  guarded result = guarded_new(size);
  memcpy(result.data, dst.data, size);
  guarded_free(scratch);
  guarded_free(dst);
  return result;
}

/* Decode block by block, each into a buffer of exactly its size, with a sentinel in tmp and dst. */
static int decode(const char *src, size_t n, const sz_blosc1 *header, char *whole) {
  int status = SZ_OK;
  for (int32_t i = 0; i < header->nblocks && status == SZ_OK; i++) {
    const int32_t size = sz_blosc1_block_size(header, i);
    CHECK(size > 0 && size <= header->blocksize);
    guarded dst = guarded_new((size_t)size), tmp = guarded_new((size_t)header->blocksize);
    status = sz_blosc1_decode_block(src, n, header, i, dst.data, tmp.data, decompressor, NULL);
    if (status == SZ_OK && whole != NULL)
      memcpy(whole + (size_t)i * (size_t)header->blocksize, dst.data, (size_t)size);
    guarded_free(dst);
    guarded_free(tmp);
  }
  return status;
}

static void check_round_trip(size_t n, int which, int level, int shuffle, int typesize, int32_t blocksize) {
  guarded data = guarded_new(n), back = guarded_new(n);
  invent(data.data, n);
  guarded encoded = encode(&data, which, level, shuffle, typesize, blocksize);
  sz_blosc1 header;
  CHECK(sz_blosc1_open(encoded.data, encoded.n, &header) == SZ_OK);
  CHECK((size_t)header.nbytes == n && header.typesize == typesize && (level > 0 || header.stored));
  CHECK(decode(encoded.data, encoded.n, &header, back.data) == SZ_OK);
  CHECK(memcmp(back.data, data.data, n) == 0);
  guarded_free(data);
  guarded_free(back);
  guarded_free(encoded);
}

static void test_round_trips(void) {
  static const int TYPESIZES[] = {1, 2, 3, 4, 8, 16, 17, 255};
  static const size_t SIZES[] = {0, 1, 7, 127, 128, 129, 256, 1000, 4096, 5000, 40001};
  static const int32_t BLOCKSIZES[] = {0, 1, 300, 2048};
  for (int i = 0; i < COMPRESSORS * 3 * 8 * 11; i++) {
    const size_t n = SIZES[i / 120];
    const int level = n > 2000 && COMPRESSOR[i % 5] == SZ_ZSTD ? draw(6) : draw(10);
    check_round_trip(n, COMPRESSOR[i % 5], level, i / 5 % 3, TYPESIZES[i / 15 % 8], BLOCKSIZES[draw(4)]);
  }
  check_round_trip(700001, SZ_LZ4, 5, SZ_SHUFFLE, 2, 0);
  check_round_trip(700000, SZ_ZSTD, 1, SZ_BITSHUFFLE, 4, 0);
  check_round_trip(700000, SZ_BLOSCLZ, 9, SZ_NOSHUFFLE, 8, 1 << 30);
}

static size_t from_hex(const char *hex, char *bytes) {
  const size_t n = strlen(hex) / 2;
  for (size_t i = 0; i < n; i++) {
    unsigned value;
    CHECK(sscanf(hex + 2 * i, "%2x", &value) == 1);
    bytes[i] = (char)value;
  }
  return n;
}

/* Check decoded data whose element i is i / divisor, as two bytes. */
static void check_frame(const char *hex, int streams, int32_t nbytes, int divisor) {
  char frame[512], back[1024];
  const size_t n = from_hex(hex, frame);
  sz_blosc1 header;
  CHECK(sz_blosc1_open(frame, n, &header) == SZ_OK);
  CHECK(header.nbytes == nbytes && header.split == (streams > 1));
  CHECK(decode(frame, n, &header, back) == SZ_OK);
  for (int i = 0; i < nbytes / 2; i++)
    CHECK((unsigned char)back[2 * i] == (i / divisor & 255) &&
          (unsigned char)back[2 * i + 1] == i / divisor >> 8);
}

/* Frames that c-blosc 1 wrote: two streams per block and a shorter last block; a raw stream; one stream;
 * blocks whose bits were not shuffled, because their number of elements is not divisible by 8; stored data;
 * no data. */
static void test_frames(void) {
  check_frame(
      "02016102300200003002000057000000140000002e000000785e5dc14102801000003052210affff6c972e6d0be12f62"
      "43c28e0327320a2a2e3474dc783030b13e2f37e909090d000000785e63601805d8000001180001",
      2, 560, 16);
  check_frame(
      "020121020001000000010000a70000001400000080000000000102030405060708090a0b0c0d0e0f1011121314151617"
      "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647"
      "48494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f7071727374757677"
      "78797a7b7c7d7e7f0b0000001f00010067500000000000",
      2, 256, 1);
  check_frame(
      "020134028000000080000000380000001400000020000000ff060000ffff0000ffff00000000ffffffff000000000005"
      "0053500000000000",
      1, 128, 16);
  check_frame(
      "0201110280000000800000003800000014000000200000002300000000e003030001e006000002e006000003e00600e0"
      "033be02901010000",
      1, 128, 16);
  check_frame(
      "020194021a0100000001000051000000180000003c0000002000000028b52ffd600000b50000200000ffff0600451c05"
      "3339bc10b02290c2826547041100000028b52ffd201a4500001008000100810e0b",
      1, 282, 16);
  check_frame(
      "02013402c8000000c80000003f00000014000000270000001f0001000c1f0102000c1f0202000c1f0302000c1f040200"
      "0c1f0502000c800600060006000600",
      1, 200, 16);
  check_frame("020103020800000008000000180000000000010002000300", 1, 8, 1);
  check_frame("02010201000000000000000010000000", 1, 0, 1);
}

static int open_hex(const char *hex) {
  char frame[512];
  sz_blosc1 header;
  const size_t n = from_hex(hex, frame);
  return sz_blosc1_open(frame, n, &header);
}

static void test_refused(void) {
  CHECK(open_hex("020102020800000008000000180000") == SZ_TRUNCATED);
  CHECK(open_hex("02010202080000000800000064000000"
                 "0100020003000400") == SZ_TRUNCATED);
  CHECK(open_hex("02010202080000000800000018000000"
                 "010002000300040000") == SZ_TRAILING);
  CHECK(open_hex("05010202080000000800000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02010202efffff7f0800000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02010202080000000000000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02010202080000000900000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02010200080000000800000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02010a02080000000800000018000000"
                 "0100020003000400") == SZ_CORRUPT);
  CHECK(open_hex("02015102080000000800000018000000"
                 "1400000003000400") == SZ_OK);
  CHECK(open_hex("0201b102080000000800000018000000"
                 "1400000003000400") == SZ_CORRUPT);
  CHECK(open_hex("02011102080000000800000018000000"
                 "1500000003000400") == SZ_CORRUPT);
  CHECK(open_hex("02011102080000000800000018000000"
                 "0f00000003000400") == SZ_CORRUPT);
}

/* Cut off the second of two streams of 128 raw bytes: before, within or after its length. */
static void test_cut_stream(void) {
  static const char START[] = "020121020001000000010000980000001400000080000000";
  char frame[300] = {0};
  sz_blosc1 header;
  for (size_t cut = 0; cut <= 20; cut++) {
    const size_t first = from_hex(START, frame), n = first + 128 + cut;
    char *exact = malloc(n);
    CHECK(exact != NULL);
    memcpy(exact, frame, n);
    exact[12] = (char)n;
    if (cut > 0) exact[first + 128] = 127;
    CHECK(sz_blosc1_open(exact, n, &header) == SZ_OK && header.split);
    CHECK(decode(exact, n, &header, NULL) == SZ_CORRUPT);
    free(exact);
  }
}

static int encode_letters(sz_blosc1_settings settings, size_t n) {
  char dst[64], scratch[64];
  size_t size;
  return sz_blosc1_encode(&settings, "abcd", n, scratch, NULL, NULL, dst, &size);
}

static void test_arguments(void) {
  static const sz_blosc1_settings RIGHT = {SZ_LZ4, 5, SZ_NOSHUFFLE, 1, 0};
  CHECK(encode_letters(RIGHT, 4) == SZ_OK);
  CHECK(encode_letters(RIGHT, (size_t)1 << 31) == SZ_UNSUPPORTED);
  CHECK(encode_letters((sz_blosc1_settings){SZ_SNAPPY, 5, SZ_NOSHUFFLE, 1, 0}, 4) == SZ_UNSUPPORTED);
  CHECK(encode_letters((sz_blosc1_settings){SZ_LZ4, 10, SZ_NOSHUFFLE, 1, 0}, 4) == SZ_UNSUPPORTED);
  CHECK(encode_letters((sz_blosc1_settings){SZ_LZ4, 5, SZ_NOSHUFFLE, 256, 0}, 4) == SZ_UNSUPPORTED);
}

static void put_number(char *p, uint32_t value) {
  for (int i = 0; i < 4; i++) p[i] = (char)(value >> 8 * i);
}

/* Damage frames at random: bits, numbers of the header or the tables, a missing end. Often correct the length
 * afterwards, so that the decoder gets as far as the damage. */
static size_t damage(char *data, size_t n) {
  static const uint32_t NUMBERS[] = {0, 1, 127, 128, 4095, 0x7fffffff, 0x7fffffef, 0x80000000u, 0xffffffffu};
  for (int i = draw(4); i >= 0; i--) data[draw((int)n)] ^= (char)(1 << draw(8));
  if (draw(4) == 0)
    put_number(data + 4 * draw((int)n / 4), draw(2) ? NUMBERS[draw(9)] : (uint32_t)draw((int)n * 2));
  if (draw(4) == 0) n = (size_t)draw((int)n + 1);
  if (draw(3) > 0 && n >= 16) {
    data[0] = 2;
    put_number(data + 12, (uint32_t)n);
  }
  return n;
}

static void test_damaged(void) {
  for (long run = fuzz_runs(24000); run > 0;) {
    guarded data = guarded_new((size_t)(200 + draw(3000)));
    invent(data.data, data.n);
    const int32_t blocksize = draw(2) * (128 + draw(900));
    guarded encoded = encode(&data, COMPRESSOR[draw(5)], 1 + draw(3), draw(3), 1 + draw(9), blocksize);
    if (draw(2) == 0) encoded.data[2] &= (char)~0x10; /* now read as split streams */
    for (int i = 0; i < 50 && run > 0; i++, run--) {
      guarded broken = guarded_new(encoded.n);
      memcpy(broken.data, encoded.data, encoded.n);
      const size_t n = damage(broken.data, encoded.n);
      char *exact = malloc(n + 1); /* the sanitizer notices a read past the end */
      CHECK(exact != NULL);
      memcpy(exact + 1, broken.data, n);
      sz_blosc1 header;
      int status = sz_blosc1_open(exact + 1, n, &header);
      if ((status == SZ_OK || status == SZ_TRAILING) && header.nbytes <= 100000)
        status = decode(exact + 1, n, &header, NULL);
      CHECK(status == SZ_OK || status == SZ_TRAILING || status == SZ_CORRUPT || status == SZ_TRUNCATED ||
            status == SZ_UNSUPPORTED);
      free(exact);
      guarded_free(broken);
    }
    guarded_free(encoded);
    guarded_free(data);
  }
}

int main(void) {
  compressor = ZSTD_createCCtx();
  decompressor = ZSTD_createDCtx();
  CHECK(compressor != NULL && decompressor != NULL);
  sz_blosc1_init();
  test_round_trips();
  test_frames();
  test_refused();
  test_cut_stream();
  test_arguments();
  test_damaged();
  ZSTD_freeCCtx(compressor);
  ZSTD_freeDCtx(decompressor);
  return 0;
}
