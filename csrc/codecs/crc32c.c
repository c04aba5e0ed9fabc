#include "codecs/crc32c.h"

#include <string.h>

/* A CRC is linear: the entry of a number is the exclusive or of the entries of its bits, so eight constants
 * make a table of 256 at compile time, and no thread ever finds a table half made. */
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                                     \
  (((i) & 1 ? a : 0u) ^ ((i) & 2 ? b : 0u) ^ ((i) & 4 ? c : 0u) ^ ((i) & 8 ? d : 0u) ^ ((i) & 16 ? e : 0u) ^ \
   ((i) & 32 ? f : 0u) ^ ((i) & 64 ? g : 0u) ^ ((i) & 128 ? h : 0u))
#define ENTRIES_4(i, a, b, c, d, e, f, g, h)                                \
  ENTRY(i, a, b, c, d, e, f, g, h), ENTRY((i) + 1, a, b, c, d, e, f, g, h), \
      ENTRY((i) + 2, a, b, c, d, e, f, g, h), ENTRY((i) + 3, a, b, c, d, e, f, g, h)
#define ENTRIES_16(i, a, b, c, d, e, f, g, h)                                       \
  ENTRIES_4(i, a, b, c, d, e, f, g, h), ENTRIES_4((i) + 4, a, b, c, d, e, f, g, h), \
      ENTRIES_4((i) + 8, a, b, c, d, e, f, g, h), ENTRIES_4((i) + 12, a, b, c, d, e, f, g, h)
#define ENTRIES_64(i, a, b, c, d, e, f, g, h)                                          \
  ENTRIES_16(i, a, b, c, d, e, f, g, h), ENTRIES_16((i) + 16, a, b, c, d, e, f, g, h), \
      ENTRIES_16((i) + 32, a, b, c, d, e, f, g, h), ENTRIES_16((i) + 48, a, b, c, d, e, f, g, h)
#define ROW(a, b, c, d, e, f, g, h)                                               \
  {ENTRIES_64(0, a, b, c, d, e, f, g, h), ENTRIES_64(64, a, b, c, d, e, f, g, h), \
   ENTRIES_64(128, a, b, c, d, e, f, g, h), ENTRIES_64(192, a, b, c, d, e, f, g, h)}

/* slices[k][i]: the checksum of byte i with k zero bytes behind it. */
static const uint32_t slices[8][256] = {
    ROW(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu,
        0x82f63b78u),
    ROW(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u,
        0xfbc3faf9u),
    ROW(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u,
        0x8b277743u),
    ROW(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u,
        0x52a0c93fu),
    ROW(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu,
        0x6ea2d55cu),
    ROW(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu,
        0x1c08b7d6u),
    ROW(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au,
        0xf56e0ef4u),
    ROW(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u,
        0x34019664u),
};

static uint32_t load_little_32(const char *p) {
  unsigned char b[4];
  memcpy(b, p, sizeof b);
  return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* The checksum's register without the inversions before and after. */
static uint32_t update_portable(uint32_t crc, const char *data, size_t n) {
  for (; n >= 8; n -= 8, data += 8) {
    const uint32_t low = load_little_32(data) ^ crc, high = load_little_32(data + 4);
    crc = slices[7][low & 255] ^ slices[6][low >> 8 & 255] ^ slices[5][low >> 16 & 255] ^
          slices[4][low >> 24] ^ slices[3][high & 255] ^ slices[2][high >> 8 & 255] ^
          slices[1][high >> 16 & 255] ^ slices[0][high >> 24];
  }
  for (; n > 0; n--, data++) crc = crc >> 8 ^ slices[0][(crc ^ (unsigned char)*data) & 255];
  return crc;
}

uint32_t sz_crc32c_portable(uint32_t crc, const char *data, size_t n) {
  return ~update_portable(~crc, data, n);
}

/* The processor's instruction: STEP_8 takes 8 bytes, STEP_1 one; HARDWARE marks functions that may use it. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2")))
#define STEP_8(crc, word) ((uint32_t)_mm_crc32_u64(crc, word))
#define STEP_1(crc, byte) _mm_crc32_u8(crc, byte)
static int have_hardware(void) { return __builtin_cpu_supports("sse4.2"); }

#elif defined(_M_X64)
#include <intrin.h>
#include <nmmintrin.h>
#define HARDWARE
#define STEP_8(crc, word) ((uint32_t)_mm_crc32_u64(crc, word))
#define STEP_1(crc, byte) _mm_crc32_u8(crc, byte)
/* Asked once: under a hypervisor the instruction costs a microsecond. Threads that ask together find the
 * same. */
static int have_hardware(void) {
  static long answer = 0;
  long known = _InterlockedOr(&answer, 0);
  if (known == 0) {
    int info[4];
    __cpuid(info, 1);
    known = info[2] >> 20 & 1 ? 1 : 2;
    _InterlockedExchange(&answer, known);
  }
  return known == 1;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define HARDWARE
#define STEP_8(crc, word) __crc32cd(crc, word)
#define STEP_1(crc, byte) __crc32cb(crc, byte)
static int have_hardware(void) { return 1; }

#elif defined(__aarch64__) && defined(__linux__) && !defined(__clang__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define HARDWARE __attribute__((target("+crc")))
#define STEP_8(crc, word) __crc32cd(crc, word)
#define STEP_1(crc, byte) __crc32cb(crc, byte)
static int have_hardware(void) { return (getauxval(AT_HWCAP) >> 7 & 1) != 0; } /* HWCAP_CRC32 */
#endif

#ifdef HARDWARE
/* past_short[k][i]: byte k of a checksum, of value i, carried past 256 zero bytes. */
static const uint32_t past_short[4][256] = {
    ROW(0xdcb17aa4u, 0xbc8e83b9u, 0x7cf17183u, 0xf9e2e306u, 0xf629b0fdu, 0xe9bf170bu, 0xd69258e7u,
        0xa8c8c73fu),
    ROW(0x547df88fu, 0xa8fbf11eu, 0x541b94cdu, 0xa837299au, 0x558225c5u, 0xab044b8au, 0x53e4e1e5u,
        0xa7c9c3cau),
    ROW(0x4a7ff165u, 0x94ffe2cau, 0x2c13b365u, 0x582766cau, 0xb04ecd94u, 0x6571edd9u, 0xcae3dbb2u,
        0x902bc195u),
    ROW(0x25bbf5dbu, 0x4b77ebb6u, 0x96efd76cu, 0x2833d829u, 0x5067b052u, 0xa0cf60a4u, 0x4472b7b9u,
        0x88e56f72u),
};
/* past_long[k][i]: byte k of a checksum, of value i, carried past 4096 zero bytes. */
static const uint32_t past_long[4][256] = {
    ROW(0xc2a5b65eu, 0x80a71a4du, 0x04a2426bu, 0x094484d6u, 0x128909acu, 0x25121358u, 0x4a2426b0u,
        0x94484d60u),
    ROW(0x2d7cec31u, 0x5af9d862u, 0xb5f3b0c4u, 0x6e0b1779u, 0xdc162ef2u, 0xbdc02b15u, 0x7e6c20dbu,
        0xfcd841b6u),
    ROW(0xfc5cf59du, 0xfd559dcbu, 0xff474d67u, 0xfb62ec3fu, 0xf329ae8fu, 0xe3bf2befu, 0xc292212fu,
        0x80c834afu),
    ROW(0x047c1fafu, 0x08f83f5eu, 0x11f07ebcu, 0x23e0fd78u, 0x47c1faf0u, 0x8f83f5e0u, 0x1aeb9d31u,
        0x35d73a62u),
};

static uint32_t carry_past(const uint32_t past[4][256], uint32_t crc) {
  return past[0][crc & 255] ^ past[1][crc >> 8 & 255] ^ past[2][crc >> 16 & 255] ^ past[3][crc >> 24];
}

/* The instruction reads its word with the first byte lowest. */
static inline uint64_t load_word(const char *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* Three lanes of `lane` bytes at once, as the instruction takes three cycles but can start every cycle. */
HARDWARE static uint32_t update_lanes(uint32_t crc, const char *data, size_t lane,
                                      const uint32_t past[4][256]) {
  uint32_t second = 0, third = 0;
  for (const char *const end = data + lane; data < end; data += 8) {
    crc = STEP_8(crc, load_word(data));
    second = STEP_8(second, load_word(data + lane));
    third = STEP_8(third, load_word(data + 2 * lane));
  }
  return carry_past(past, carry_past(past, crc) ^ second) ^ third;
}

HARDWARE static uint32_t update_hardware(uint32_t crc, const char *data, size_t n) {
  enum { SHORT_LANE = 256, LONG_LANE = 4096 };
  for (; n >= 3 * LONG_LANE; n -= 3 * LONG_LANE, data += 3 * LONG_LANE)
    crc = update_lanes(crc, data, LONG_LANE, past_long);
  for (; n >= 3 * SHORT_LANE; n -= 3 * SHORT_LANE, data += 3 * SHORT_LANE)
    crc = update_lanes(crc, data, SHORT_LANE, past_short);
  for (; n >= 8; n -= 8, data += 8) crc = STEP_8(crc, load_word(data));
  for (; n > 0; n--, data++) crc = STEP_1(crc, (unsigned char)*data);
  return crc;
}

uint32_t sz_crc32c(uint32_t crc, const char *data, size_t n) {
  return have_hardware() ? ~update_hardware(~crc, data, n) : sz_crc32c_portable(crc, data, n);
}
#else
uint32_t sz_crc32c(uint32_t crc, const char *data, size_t n) { return sz_crc32c_portable(crc, data, n); }
#endif
