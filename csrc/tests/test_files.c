#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/files.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "status.h"
#include "folder.h"

static void check_content(const char *name, const char *expected, size_t n) {
  sz_file file;
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of(name), &file) == SZ_OK);
  CHECK(file.size == (int64_t)n);
  guarded g = guarded_new(n);
  CHECK(sz_read(&file, g.data, n, 0) == SZ_OK);
  CHECK(memcmp(g.data, expected, n) == 0);
  guarded_free(g);
  sz_close(&file);
  CHECK(file.fd == -1);
  sz_close(&file);
}

static void test_missing(void) {
  sz_file file;
  char name[400];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("nothing"), &file) == SZ_MISSING);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("nothing/below"), &file) == SZ_MISSING);
  CHECK(sz_open(SZ_NO_DIRECTORY, directory, &file) == SZ_MISSING);
  write_file("plain", "", 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("plain/below"), &file) == SZ_MISSING);
  check_content("plain", "", 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of(name), &file) == SZ_MISSING); /* no file has so long a name */
}

/* Errors are told apart from missing files: a loop of links, a FIFO without a writer. */
static void test_refused(void) {
  sz_file file;
  CHECK(symlink("loop", path_of("loop")) == 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("loop"), &file) == SZ_IO && errno == ELOOP);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("fifo"), &file) == SZ_IO && errno == EINVAL);
}

/* Names are looked up from a directory, and one read returns all of a small file. */
static void test_from_a_directory(void) {
  char data[16];
  size_t size = 0;
  sz_file file;
  const int from = sz_open_directory(directory);
  CHECK(from != SZ_NO_DIRECTORY);
  write_file("relative", "0123456789", 10);
  CHECK(sz_open(from, "relative", &file) == SZ_OK && file.size == 10);
  sz_close(&file);
  CHECK(sz_open(from, path_of("relative"), &file) == SZ_OK); /* absolute names stay absolute */
  sz_close(&file);
  CHECK(sz_read_once(from, "relative", data, sizeof data, &size) == SZ_OK && size == 10);
  CHECK(memcmp(data, "0123456789", 10) == 0);
  CHECK(sz_read_once(from, "relative", data, 4, &size) == SZ_OK && size == 4);
  CHECK(sz_read_once(SZ_NO_DIRECTORY, path_of("relative"), data, sizeof data, &size) == SZ_OK && size == 10);
  CHECK(sz_read_once(from, "none", data, sizeof data, &size) == SZ_MISSING);
  CHECK(sz_read_once(from, ".", data, sizeof data, &size) == SZ_MISSING);
  CHECK(sz_read_once(from, "fifo", data, sizeof data, &size) == SZ_IO);
  sz_close_directory(from);
  CHECK(sz_open_directory(path_of("relative")) == SZ_NO_DIRECTORY);
  sz_close_directory(SZ_NO_DIRECTORY);
}

static void test_ranges(void) {
  const char data[] = "0123456789";
  sz_file file;
  write_file("ranges", data, 10);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("ranges"), &file) == SZ_OK);
  guarded g = guarded_new(4);
  CHECK(sz_read(&file, g.data, 4, 3) == SZ_OK && memcmp(g.data, "3456", 4) == 0);
  CHECK(sz_read(&file, g.data, 4, 6) == SZ_OK && memcmp(g.data, "6789", 4) == 0);
  CHECK(sz_read(&file, g.data, 4, 7) == SZ_TRUNCATED);
  CHECK(sz_read(&file, g.data, 1, 10) == SZ_TRUNCATED);
  CHECK(sz_read(&file, g.data, 1, 1000000) == SZ_TRUNCATED);
  CHECK(sz_read(&file, g.data, 0, 10) == SZ_OK);
  CHECK(sz_read(&file, g.data, 1, -1) == SZ_IO && errno == EINVAL);
  guarded_free(g);
  sz_close(&file);
  char byte;
  CHECK(sz_read(&file, &byte, 1, 0) == SZ_IO && errno == EBADF);
}

/* A replaced file has another identity, and a reader that has the old one open still reads it. */
static void test_replaced(void) {
  sz_file before, after;
  char data[3];
  write_file("replaced", "old", 3);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("replaced"), &before) == SZ_OK);
  write_file("new", "new, and longer", 15);
  CHECK(rename(path_of("new"), path_of("replaced")) == 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("replaced"), &after) == SZ_OK);
  CHECK(before.device == after.device && before.inode != after.inode && before.size == 3 && after.size == 15);
  CHECK(after.mtime_ns >= before.mtime_ns && before.mtime_ns > 1500000000 * (int64_t)1000000000);
  CHECK(sz_read(&before, data, 3, 0) == SZ_OK && memcmp(data, "old", 3) == 0);
  sz_close(&before);
  sz_close(&after);
  check_content("replaced", "new, and longer", 15);
}

/* Holes are counted if the file system has them, and counting ends beyond `enough`. */
static void test_holes(void) {
  enum { MANY = 64 << 20 };
  sz_file file;
  write_file("hollow", "begin", 5);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("hollow"), &file) == SZ_OK);
  CHECK(sz_holes(&file, 1 << 20) == 0);
  sz_close(&file);
  CHECK(truncate(path_of("hollow"), MANY) == 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("hollow"), &file) == SZ_OK);
  errno = 77;
  const int64_t holes = sz_holes(&file, MANY);
  CHECK(errno == 77 && holes >= 0 && holes < MANY && (holes == 0 || holes > MANY - (1 << 20)));
  CHECK(sz_holes(&file, 10) >= (holes ? 11 : 0));
  sz_close(&file);
}

/* A part of a file is read from its base, and only its holes are counted. */
static void test_part(void) {
  enum { HALF = 1 << 20 };
  static char half[HALF];
  char data[4];
  sz_file file;
  memset(half, 'x', HALF);
  memcpy(half, "0123456789", 10);
  write_file("part", half, HALF);
  CHECK(truncate(path_of("part"), 2 * HALF) == 0);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("part"), &file) == SZ_OK && file.base == 0);
  sz_file part = file;
  part.base = 3, part.size = 4;
  CHECK(sz_read(&part, data, 4, 0) == SZ_OK && memcmp(data, "3456", 4) == 0);
  CHECK(sz_read(&part, data, 2, 2) == SZ_OK && memcmp(data, "56", 2) == 0);
  part.base = 2 * HALF - 2;
  CHECK(sz_read(&part, data, 4, 0) == SZ_TRUNCATED);
  part.base = 0, part.size = HALF;
  CHECK(sz_holes(&part, HALF) == 0);
  part.base = HALF;
  CHECK(sz_holes(&part, HALF) == sz_holes(&file, HALF));
  sz_close(&file);
}

/* The bytes read are those of the file at every offset in the page, and an early end is noticed. */
static void test_places(void) {
  enum { BYTES = 100000, PAGE = 4096 };
  static char content[BYTES], place[BYTES + 2 * PAGE];
  sz_file file;
  randomize(content, sizeof content);
  write_file("places", content, sizeof content);
  CHECK(sz_open(SZ_NO_DIRECTORY, path_of("places"), &file) == SZ_OK);
  for (long run = fuzz_runs(1000); run > 0; run--) {
    const int offset = draw(BYTES), n = draw(2) == 0 ? BYTES - offset : draw(BYTES - offset);
    char *dst = place + (((uintptr_t)offset - (uintptr_t)place + (uintptr_t)draw(40)) & (PAGE - 1));
    memset(place, SENTINEL, sizeof place);
    CHECK(sz_read(&file, dst, (size_t)n, offset) == SZ_OK);
    CHECK(memcmp(dst, content + offset, (size_t)n) == 0);
    CHECK(dst[n] == SENTINEL && (dst == place || dst[-1] == SENTINEL));
    CHECK(sz_read(&file, dst, (size_t)(BYTES - offset) + 1, offset) == SZ_TRUNCATED);
  }
  sz_close(&file);
}

int main(void) {
  CHECK(mkdtemp(directory) != NULL);
  test_missing();
  test_refused();
  test_from_a_directory();
  test_ranges();
  test_replaced();
  test_holes();
  test_part();
  test_places();
  remove_folder();
  return 0;
}
