#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/file_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "status.h"
#include "check.h"

enum { MOST = 3 << 20, PIECE = 1 << 20 };
static char content[MOST], back[MOST];

/* Open a file without a name. */
static int file_of(size_t n) {
  char path[] = "/tmp/simplezarr-test-XXXXXX";
  const int fd = mkstemp(path);
  CHECK(fd >= 0 && unlink(path) == 0 && write(fd, content, n) == (ssize_t)n);
  return fd;
}

static void check_copied(int to, size_t before, size_t offset, size_t n) {
  CHECK(lseek(to, 0, SEEK_CUR) == (off_t)(before + n));
  CHECK(pread(to, back, n, (off_t)before) == (ssize_t)n && memcmp(back, content + offset, n) == 0);
}

static size_t random_length(size_t most) {
  const size_t near[] = {0, 1, 64 << 10, (64 << 10) + 1, PIECE - 1, PIECE, PIECE + 1};
  const size_t n = draw(3) == 0 ? near[draw(7)] : (size_t)draw((int)most + 1);
  return n < most ? n : most;
}

/* Copy random ranges, one after another. */
static void test_ranges(void) {
  const int from = file_of(MOST);
  for (long run = 0; run < fuzz_runs(60); run++) {
    const int to = file_of(0);
    size_t written = 0;
    for (int copies = draw(4); copies >= 0; copies--) {
      const size_t offset = (size_t)draw(MOST), n = random_length(MOST - offset);
      CHECK(sz_copy_range(from, (int64_t)offset, to, n, NULL) == SZ_OK);
      check_copied(to, written, offset, n);
      written += n;
    }
    close(to);
  }
  close(from);
}

/* Copy the rest of a file, in steps. */
static void test_next(void) {
  const int from = file_of(MOST), to = file_of(0);
  size_t copied = 1, done = 1000;
  CHECK(lseek(from, 1000, SEEK_SET) == 1000);
  for (; copied > 0; done += copied) {
    const size_t most = 1 + (size_t)draw(PIECE);
    CHECK(sz_copy_next(from, to, most, &copied) == SZ_OK && copied <= most);
  }
  CHECK(done == MOST);
  check_copied(to, 0, 1000, MOST - 1000);
  CHECK(sz_copy_next(-1, to, 1, &copied) == SZ_IO && errno == EBADF);
  close(from);
  close(to);
}

static void test_failures(void) {
  const size_t size = 2 << 20;
  const int from = file_of(size), to = file_of(0), read_only = open("/dev/null", O_RDONLY);
  CHECK(sz_copy_range(from, (int64_t)size - 1000000, to, 1000001, NULL) == SZ_IO && errno == EIO);
  CHECK(sz_copy_range(from, (int64_t)size, to, 1, NULL) == SZ_IO && errno == EIO);
  CHECK(sz_copy_range(-1, 0, to, 1000000, NULL) == SZ_IO && errno == EBADF);
  CHECK(sz_copy_range(from, 0, read_only, 1000000, NULL) == SZ_IO && errno == EBADF);
  CHECK(sz_copy_range(from, 0, read_only, 1000, NULL) == SZ_IO && errno == EBADF);
  close(from);
  close(to);
  close(read_only);
}

static int count_down(void *left) { return --*(int *)left > 0 ? SZ_OK : SZ_IO; }

/* A pause that fails ends the copy after the piece before it. */
static void test_pause(void) {
  const int from = file_of(MOST), to = file_of(0);
  int left = 2;
  const sz_pause pause = {count_down, &left};
  CHECK(sz_copy_range(from, 0, to, MOST, &pause) == SZ_IO && errno == ECANCELED);
  check_copied(to, 0, 0, 2 * PIECE);
  close(from);
  close(to);
}

int main(void) {
  randomize(content, sizeof content);
  test_ranges();
  test_next();
  test_failures();
  test_pause();
  return 0;
}
