#include "../results.h"

#include "../pages.h"
#include "check.h"

static void test_any_size(void) {
  static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000, 1 << 20, (4 << 20) - 1, 4 << 20, (9 << 20) + 5};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const size_t n = sizes[i];
    char *memory = sz_result_new(NULL, n);
    CHECK(memory != NULL);
    if (SZ_RESULTS) CHECK(((uintptr_t)memory & 63) == 0 && !sz_aliased((uintptr_t)memory, 0));
    memset(memory, 7, n);
    memory = sz_result_resize(NULL, memory, n + 1000);
    CHECK(memory != NULL && (n == 0 || (memory[0] == 7 && memory[n - 1] == 7)));
    memset(memory, 8, n + 1000);
    sz_result_free(NULL, memory, n + 1000);
  }
}

static void test_zeroed(void) {
  char *memory = sz_result_new_zeroed(NULL, 1000, 7);
  CHECK(memory != NULL);
  for (int i = 0; i < 7000; i++) CHECK(memory[i] == 0);
  sz_result_free(NULL, memory, 7000);
}

static void test_too_much(void) {
  volatile size_t all = SIZE_MAX;
  CHECK(sz_result_new(NULL, all) == NULL);
}

int main(void) {
  test_any_size();
  test_zeroed();
  test_too_much();
  return 0;
}
