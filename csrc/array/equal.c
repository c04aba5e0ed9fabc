#include "array/equal.h"

#include <string.h>

/* If all elements are equal, the data equal themselves shifted by one element. So after the first element,
 * one memcmp of the data with themselves compares the rest, at the speed of memory. */
int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize) {
  if (n == 0) return 1;
  if (memcmp(data + (n - itemsize), value, itemsize) != 0 || memcmp(data, value, itemsize) != 0) return 0;
  return memcmp(data, data + itemsize, n - itemsize) == 0;
}
