/* A coarse clock that is cheap to read, for things that happen a few times a second. */
#ifndef SZ_CLOCK_H
#define SZ_CLOCK_H
#include <stdint.h>
#include <time.h>

#if defined(_MSC_VER)
__declspec(dllimport) unsigned long long __stdcall GetTickCount64(void);
static inline int64_t sz_milliseconds(void) { return (int64_t)GetTickCount64(); }
#else
#if defined(CLOCK_MONOTONIC_COARSE)
#define SZ_CLOCK CLOCK_MONOTONIC_COARSE
#elif defined(CLOCK_MONOTONIC)
#define SZ_CLOCK CLOCK_MONOTONIC
#endif
/* Return the milliseconds since an arbitrary moment. The clock may advance in steps of several ms. */
static inline int64_t sz_milliseconds(void) {
  struct timespec now;
#if defined(SZ_CLOCK)
  clock_gettime(SZ_CLOCK, &now);
#else
  timespec_get(&now, TIME_UTC);
#endif
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
#endif

#endif
