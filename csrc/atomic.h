/* One counter that threads draw their work from. */
#ifndef SZ_ATOMIC_H
#define SZ_ATOMIC_H
#include <stdint.h>

#if defined(_MSC_VER)
#include <intrin.h>
static inline int64_t sz_draw(int64_t *counter) { return _InterlockedExchangeAdd64(counter, 1); }
static inline int32_t sz_peek(const int32_t *flag) { return *(const volatile int32_t *)flag; }
static inline int sz_claim(int32_t *flag) { return _InterlockedCompareExchange((long *)flag, 1, 0) == 0; }
#else
/* The next number, each given once. */
static inline int64_t sz_draw(int64_t *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
static inline int32_t sz_peek(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
/* 1 for the first caller, 0 for all others. */
static inline int sz_claim(int32_t *flag) {
  int32_t none = 0;
  return __atomic_compare_exchange_n(flag, &none, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
#endif

#endif
