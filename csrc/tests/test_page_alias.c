#include "memory/page_alias.h"

#include "check.h"

/* All differences within a page, compared with plain arithmetic. */
static void test_aliased(void) {
  for (uintptr_t dst = 0; dst < 2 * SZ_PAGE; dst += 7)
    for (uintptr_t src = 0; src < 2 * SZ_PAGE; src += 5) {
      const uintptr_t further = (dst % SZ_PAGE + SZ_PAGE - src % SZ_PAGE) % SZ_PAGE;
      CHECK(sz_page_alias(dst, src) == (further >= 1 && further <= 31));
    }
}

static void test_allocate(void) {
  CHECK(sz_allocate(SIZE_MAX) == NULL);
  static const size_t SIZES[] = {1, 100, 4096, 1 << 18, 1 << 22};
  for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
    char *memory = sz_allocate(SIZES[i]);
    CHECK(memory != NULL);
#if defined(__linux__)
    CHECK((uintptr_t)memory % 64 == 0);
    CHECK(!sz_page_alias((uintptr_t)memory, 0));
#endif
    memset(memory, 1, SIZES[i]);
    free(memory);
  }
}

/* Copy sizes on both sides of each step, at every distance that aliases and at some that do not. */
static void test_move(void) {
  static char content[3 * SZ_PAGE + 64], place[5 * SZ_PAGE];
  randomize(content, sizeof content);
  for (long run = fuzz_runs(3000); run > 0; run--) {
    const size_t n = (size_t)draw(3 * SZ_PAGE);
    const char *src = content + draw(64);
    char *dst = place + (((uintptr_t)src - (uintptr_t)place + (uintptr_t)draw(40)) & (SZ_PAGE - 1));
    memset(place, SENTINEL, sizeof place);
    sz_move(dst, src, n);
    CHECK(memcmp(dst, src, n) == 0);
    for (const char *p = place; p < place + sizeof place; p++)
      CHECK((p >= dst && p < dst + n) || *p == SENTINEL);
  }
}

int main(void) {
  test_aliased();
  test_allocate();
  test_move();
  return 0;
}
