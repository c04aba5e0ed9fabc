#include "array/equal.h"
#include "check.h"

static void test_floats(void) {
  const double zero = 0.0, minus_zero = -0.0;
  double data[64] = {0};
  CHECK(sz_all_equal((const char *)data, sizeof data, (const char *)&zero, 8) == 1);
  CHECK(sz_all_equal((const char *)data, sizeof data, (const char *)&minus_zero, 8) == 0);
  data[63] = minus_zero;
  CHECK(sz_all_equal((const char *)data, sizeof data, (const char *)&zero, 8) == 0);
  const uint64_t quiet = 0x7ff8000000000000u, other = 0x7ff8000000000001u;
  uint64_t nans[5] = {quiet, quiet, quiet, quiet, quiet};
  CHECK(sz_all_equal((const char *)nans, sizeof nans, (const char *)&quiet, 8) == 1);
  CHECK(sz_all_equal((const char *)nans, sizeof nans, (const char *)&other, 8) == 0);
  nans[2] = other;
  CHECK(sz_all_equal((const char *)nans, sizeof nans, (const char *)&quiet, 8) == 0);
}

/* Compare equal data, and data that differ in one bit anywhere. */
static void test_random(void) {
  for (long run = fuzz_runs(3000); run > 0; run--) {
    const size_t itemsize = (size_t)(1 + draw(20)), count = (size_t)draw(300), n = count * itemsize;
    guarded data = guarded_new(n), value = guarded_new(itemsize);
    randomize(value.data, itemsize);
    for (size_t i = 0; i < count; i++) memcpy(data.data + i * itemsize, value.data, itemsize);
    CHECK(sz_all_equal(data.data, n, value.data, itemsize) == 1);
    if (n > 0) {
      data.data[draw((int)n)] ^= (char)(1 << draw(8));
      CHECK(sz_all_equal(data.data, n, value.data, itemsize) == 0);
    }
    guarded_free(data);
    guarded_free(value);
  }
}

int main(void) {
  const char none = 0;
  CHECK(sz_all_equal(NULL, 0, &none, 1) == 1);
  test_floats();
  test_random();
  return 0;
}
