#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* madvise, also under -std=c11 */
#endif
#include "memory/result_pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory/atomic.h"
#include "memory/page_alias.h"

#if defined(__linux__)
#include <sys/mman.h>

enum { LARGE = 4 << 20 }; /* bytes, of what malloc takes from the system and gives back to it at once */

/* Give advice on all whole pages of the memory. The kernel may ignore it. */
static void advise(void *memory, size_t n, int advice) {
  const size_t before = (SZ_PAGE - ((uintptr_t)memory & (SZ_PAGE - 1))) & (SZ_PAGE - 1);
  madvise((char *)memory + before, (n - before) / SZ_PAGE * SZ_PAGE, advice);
}

/* The pool: blocks of freed results, the oldest first. */
static struct {
  int32_t taken; /* by a thread. Others skip the pool, so none blocks here, not even in a forked child */
  int count;
  size_t bytes;
  struct {
    void *memory;
    size_t n;
  } blocks[SZ_RESULT_POOL_BLOCKS];
} kept;

/* Remove block number i from the pool. */
static void *take_out(int i) {
  void *memory = kept.blocks[i].memory;
  kept.bytes -= kept.blocks[i].n;
  kept.count--;
  memmove(&kept.blocks[i], &kept.blocks[i + 1], (size_t)(kept.count - i) * sizeof kept.blocks[0]);
  return memory;
}

/* Take the newest block of this size, or NULL. */
static void *find_kept(size_t n) {
  void *memory = NULL;
  if (n < LARGE || !sz_claim(&kept.taken)) return NULL;
  for (int i = kept.count; i-- > 0 && memory == NULL;)
    if (kept.blocks[i].n == n) memory = take_out(i);
  sz_unclaim(&kept.taken);
  return memory;
}

static int is_full(size_t n) {
  return kept.count == SZ_RESULT_POOL_BLOCKS || kept.bytes > SZ_RESULT_POOL_BYTES - n;
}

/* Put a block into the pool, if need be in place of older ones of other sizes. 0: the caller must free it. */
static int keep(void *memory, size_t n) {
  if (n < LARGE || n > SZ_RESULT_POOL_BYTES || !sz_claim(&kept.taken)) return 0;
  while (is_full(n) && kept.blocks[0].n != n) free(take_out(0));
  const int room = !is_full(n);
  if (room) {
    advise(memory, n, MADV_FREE);
    kept.blocks[kept.count].memory = memory;
    kept.blocks[kept.count++].n = n;
    kept.bytes += n;
  }
  sz_unclaim(&kept.taken);
  return room;
}

void *sz_result_new(void *context, size_t n) {
  (void)context;
  void *memory = find_kept(n);
  if (memory != NULL) return memory;
  memory = sz_allocate(n);
  if (memory != NULL && n >= LARGE) advise(memory, n, MADV_HUGEPAGE);
  return memory;
}
#else
static int keep(void *memory, size_t n) {
  (void)memory, (void)n;
  return 0;
}

void *sz_result_new(void *context, size_t n) {
  (void)context;
  return sz_allocate(n);
}
#endif

void *sz_result_new_zeroed(void *context, size_t count, size_t size) {
  (void)context;
  return calloc(count, size);
}

void *sz_result_resize(void *context, void *memory, size_t n) {
  (void)context;
  return realloc(memory, n);
}

void sz_result_free(void *context, void *memory, size_t n) {
  (void)context;
  if (memory != NULL && !keep(memory, n)) free(memory);
}
