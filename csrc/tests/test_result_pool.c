#include "memory/result_pool.h"

#include <pthread.h>

#include "memory/page_alias.h"
#include "check.h"

static void test_any_size(void) {
  static const size_t sizes[] = {
      0, 1, 63, 64, 65, 4096, 100000, 1 << 20, (4 << 20) - 1, 4 << 20, (9 << 20) + 5};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const size_t n = sizes[i];
    char *memory = sz_result_new(NULL, n);
    CHECK(memory != NULL);
    if (SZ_RESULT_POOL) CHECK(((uintptr_t)memory & 63) == 0 && !sz_page_alias((uintptr_t)memory, 0));
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

enum { LARGE = 4 << 20 };

/* A freed block is the next one of its size, and is handed out once. */
static void test_kept(void) {
  if (!SZ_RESULT_POOL) return;
  char *first = sz_result_new(NULL, LARGE), *second = sz_result_new(NULL, LARGE + 1);
  CHECK(first != NULL && second != NULL);
  memset(first, 1, LARGE);
  memset(second, 2, LARGE + 1);
  sz_result_free(NULL, first, LARGE);
  sz_result_free(NULL, second, LARGE + 1);
  char *again = sz_result_new(NULL, LARGE), *other = sz_result_new(NULL, LARGE);
  CHECK(again == first && other != first && other != second);
  sz_result_free(NULL, again, LARGE);
  sz_result_free(NULL, other, LARGE);
  CHECK(sz_result_new(NULL, LARGE) == other); /* the newest is likeliest to be in the caches */
  CHECK(sz_result_new(NULL, LARGE) == first);
  sz_result_free(NULL, first, LARGE);
  sz_result_free(NULL, other, LARGE);
}

/* Free many blocks of random sizes. (The address sanitizer finds those that are lost.) */
static void test_not_too_many(void) {
  enum { MANY = 3 * SZ_RESULT_POOL_BLOCKS };
  char *blocks[MANY];
  for (int i = 0; i < MANY; i++) {
    blocks[i] = sz_result_new(NULL, LARGE + (size_t)i);
    CHECK(blocks[i] != NULL);
  }
  for (int i = 0; i < MANY; i++) sz_result_free(NULL, blocks[i], LARGE + (size_t)i);
  sz_result_free(NULL, sz_result_new(NULL, SZ_RESULT_POOL_BYTES),
                 SZ_RESULT_POOL_BYTES); /* instead of all others */
  sz_result_free(NULL, sz_result_new(NULL, SZ_RESULT_POOL_BYTES + 1), SZ_RESULT_POOL_BYTES + 1);
  sz_result_free(NULL, NULL, LARGE);
}

/* Blocks of other sizes make room for those in use now. A block never makes room for one of its own size. */
static void test_which_are_kept(void) {
  enum { MANY = 2 * SZ_RESULT_POOL_BLOCKS };
  char *blocks[MANY];
  if (!SZ_RESULT_POOL) return;
  for (size_t n = LARGE; n < LARGE + 2; n++) {
    for (int i = 0; i < MANY; i++) CHECK((blocks[i] = sz_result_new(NULL, n)) != NULL);
    for (int i = 0; i < MANY; i++) sz_result_free(NULL, blocks[i], n);
    for (int i = SZ_RESULT_POOL_BLOCKS; i-- > 0;) CHECK(sz_result_new(NULL, n) == blocks[i]);
    for (int i = 0; i < SZ_RESULT_POOL_BLOCKS; i++) sz_result_free(NULL, blocks[i], n);
  }
}

static void *use(void *number) {
  const int mark = *(const int *)number;
  for (int i = 0; i < 200; i++) {
    const size_t n = LARGE + (size_t)(i % 3);
    char *memory = sz_result_new(NULL, n);
    CHECK(memory != NULL);
    for (size_t at = 0; at < n; at += SZ_PAGE) memory[at] = (char)mark;
    for (size_t at = 0; at < n; at += SZ_PAGE) CHECK(memory[at] == mark);
    sz_result_free(NULL, memory, n);
  }
  return NULL;
}

static void test_threads(void) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  int numbers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    numbers[i] = i + 1;
    CHECK(pthread_create(&threads[i], NULL, use, &numbers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void) {
  test_any_size();
  test_zeroed();
  test_too_much();
  test_kept();
  test_not_too_many();
  test_which_are_kept();
  test_threads();
  return 0;
}
