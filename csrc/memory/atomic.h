/* Numbers that threads draw their work from, and flags by which they agree. */
#ifndef SZ_ATOMIC_H
#define SZ_ATOMIC_H
#include <stdint.h>

#if defined(_MSC_VER)
#include <intrin.h>
static inline int64_t sz_draw(int64_t *counter) { return _InterlockedExchangeAdd64(counter, 1); }
static inline int64_t sz_add(int64_t *counter, int64_t n) { return _InterlockedExchangeAdd64(counter, n); }
static inline int32_t sz_peek(const int32_t *flag) { return *(const volatile int32_t *)flag; }
static inline int32_t sz_is_ready(int32_t *flag) { return _InterlockedCompareExchange((long *)flag, 1, 1); }
static inline void sz_make_ready(int32_t *flag) { _InterlockedExchange((long *)flag, 1); }
static inline int sz_claim(int32_t *flag) { return _InterlockedCompareExchange((long *)flag, 1, 0) == 0; }
static inline void sz_unclaim(int32_t *flag) { _InterlockedExchange((long *)flag, 0); }
#else
/* Return the next number; each is returned once. */
static inline int64_t sz_draw(int64_t *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
/* Add n and return the counter as it was. */
static inline int64_t sz_add(int64_t *counter, int64_t n) {
  return __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}
static inline int32_t sz_peek(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
/* A thread that sees the flag ready also sees what was written before `sz_make_ready`. */
static inline int32_t sz_is_ready(int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
static inline void sz_make_ready(int32_t *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }
/* Return 1 to the first caller and 0 to all others, until `sz_unclaim`. */
static inline int sz_claim(int32_t *flag) {
  int32_t none = 0;
  return __atomic_compare_exchange_n(flag, &none, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
static inline void sz_unclaim(int32_t *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
#endif

#endif
