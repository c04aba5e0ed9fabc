/* Addresses that avoid 4 KiB aliasing.
 *
 * Long copies, in the kernel and in memcpy, use `rep movsb`. On AMD it runs at a tenth of its speed if
 * (dst - src) mod 4096 is between 1 and 31. Files begin at pages, and malloc returns large blocks 16 bytes
 * after a page. */
#ifndef SZ_PAGE_ALIAS_H
#define SZ_PAGE_ALIAS_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SZ_PAGE = 4096, SZ_ALIAS_BYTES = 32 };

static inline int sz_page_alias(uintptr_t dst, uintptr_t src) {
  return ((dst - src) & (SZ_PAGE - 1)) - 1 < SZ_ALIAS_BYTES - 1;
}

/* Allocate memory to read files into, at a cache line, so it never aliases the beginning of a file. To be
 * freed by `free`; `realloc` does not keep the alignment. NULL if there is no memory. */
static inline void *sz_allocate(size_t n) {
#if defined(__linux__)
  enum { LINE = 64 };
  return n <= SIZE_MAX - LINE ? aligned_alloc(LINE, (n + LINE - 1) / LINE * LINE) : NULL;
#else
  return malloc(n);
#endif
}

/* As memcpy, in short steps if dst aliases src. */
static inline void sz_move(char *dst, const char *src, size_t n) {
  enum { LONG = 2048, STEP = 1024 }; /* memcpy moves shorter ones in vectors */
  if (n >= LONG && sz_page_alias((uintptr_t)dst, (uintptr_t)src))
    for (; n > STEP; n -= STEP, dst += STEP, src += STEP) memcpy(dst, src, STEP);
  memcpy(dst, src, n);
}

#endif
