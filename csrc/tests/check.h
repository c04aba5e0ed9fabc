/* Shared by the test programs: a check that ends the program, repeatable random numbers, and buffers between
 * guard bytes. */
#ifndef SZ_TESTS_CHECK_H
#define SZ_TESTS_CHECK_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint32_t random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32);
}

/* Return a number from 0 to n - 1. */
static inline int draw(int n) { return (int)(random_word() % (uint32_t)n); }

static inline void randomize(char *p, size_t n) {
  for (size_t i = 0; i < n; i += 4) {
    const uint32_t word = random_word();
    memcpy(p + i, &word, n - i < 4 ? n - i : 4);
  }
}

/* Return how often to run a loop over random cases: SIMPLEZARR_FUZZ_RUNS, or `usual`. */
static inline long fuzz_runs(long usual) {
  const char *text = getenv("SIMPLEZARR_FUZZ_RUNS");
  return text == NULL ? usual : atol(text);
}

/* Allocate n bytes between guard bytes, and fill all with a sentinel. */
enum { GUARD = 64, SENTINEL = 0x5a };
typedef struct {
  char *all, *data;
  size_t n;
} guarded;

static inline guarded guarded_new(size_t n) {
  guarded g = {malloc(n + 2 * GUARD), NULL, n};
  CHECK(g.all != NULL);
  memset(g.all, SENTINEL, n + 2 * GUARD);
  g.data = g.all + GUARD;
  return g;
}

static inline void guarded_free(guarded g) {
  for (int i = 0; i < GUARD; i++) CHECK(g.all[i] == SENTINEL && g.data[g.n + (size_t)i] == SENTINEL);
  free(g.all);
}

#endif
