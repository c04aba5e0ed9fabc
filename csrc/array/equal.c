#include "array/equal.h"

#include <string.h>

/* Data whose elements are all the same equal themselves shifted by one element: after the first element was
 * compared, one memcmp of the data with itself settles the rest, at the speed of memory. */
int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize) {
  if (n == 0) return 1;
  if (memcmp(data + (n - itemsize), value, itemsize) != 0 || memcmp(data, value, itemsize) != 0) return 0;
  return memcmp(data, data + itemsize, n - itemsize) == 0;
}
