#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/replacement.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "replacements.h"

static void test_publish(void) {
  guarded big = guarded_new(3000001);
  randomize(big.data, big.n);
  CHECK(set("empty", NULL, 0, 0) == SZ_OK);
  check_content("empty", "", 0);
  for (int durable = 0; durable < 2; durable++) {
    CHECK(set("deep/a/b//c", "before", 6, durable) == SZ_OK &&
          set("deep/a/b/c", big.data, big.n, durable) == SZ_OK);
    check_content("deep/a/b/c", big.data, big.n);
    CHECK(count_entries("deep/a/b") == 1);
    CHECK(discard("deep/a/b/c", durable) == SZ_OK && count_entries("deep") == -1);
  }
  guarded_free(big);
}

/* Write segments of random sizes, many of them empty: more in a row than one system call takes. */
static void test_parts(void) {
  enum { MOST = 2000, BYTES = 200000 };
  static sz_segment segments[MOST];
  guarded bytes = guarded_new(BYTES);
  randomize(bytes.data, bytes.n);
  for (long run = fuzz_runs(300); run > 0; run--) {
    const int n = draw(4) == 0 ? draw(MOST) : draw(5), first = draw(3) == 0 ? draw(n + 1) : 0;
    size_t at = 0;
    for (int i = 0; i < n; i++) {
      const size_t size = i < first || draw(4) == 0 ? 0 : (size_t)draw(draw(50) == 0 ? 50000 : 50);
      segments[i].data = size > 0 ? bytes.data + at : NULL;
      segments[i].n = at + size <= BYTES ? size : 0;
      at += segments[i].n;
    }
    sz_replacement r = replacement_of("segments", 0);
    CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, segments, (size_t)n) == SZ_OK);
    forget(&r);
    check_content("segments", bytes.data, at);
  }
  guarded_free(bytes);
}

/* Zeros at the end are part of the object. They are not on the disk if the file system does not need them. */
static void test_zeros(void) {
  enum { BYTES = 1 << 20 };
  guarded bytes = guarded_new(BYTES);
  for (long run = fuzz_runs(200); run > 0; run--) {
    const size_t n = (size_t)draw(BYTES + 1), data = draw(3) == 0 ? 0 : (size_t)draw((int)n + 1),
                 cut = (size_t)draw((int)n + 1);
    memset(bytes.data, 0, n);
    randomize(bytes.data, data);
    if (data > 0) bytes.data[data - 1] = 1;
    const sz_segment segments[] = {{bytes.data, cut, 0}, {bytes.data + cut, n - cut, 0}};
    sz_replacement r = replacement_of("zeros", 0);
    const int known = r.local != 0;
    CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, segments, 2) == SZ_OK);
    forget(&r);
    check_content("zeros", bytes.data, n);
    struct stat status;
    CHECK(stat(path_of("zeros"), &status) == 0 && (size_t)status.st_size == n);
    const size_t needed = data > cut ? data : cut;
    if (known) CHECK((size_t)status.st_blocks * 512 <= needed + (64 << 10));
  }
  guarded_free(bytes);
}

static void test_relative(void) {
  CHECK(chdir(directory) == 0);
  const sz_segment segment = {"12", 2, 0};
  static const char *const names[] = {"here", "beside/here"};
  for (int i = 0; i < 2; i++) {
    sz_replacement r = {
        .object = names[i], .directory = SZ_NO_DIRECTORY, .durable = 1, .source_fd = -1, .fd = -1};
    CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, &segment, 1) == SZ_OK);
    check_content(names[i], "12", 2);
    CHECK(sz_remove_object(&r) == SZ_OK);
  }
  CHECK(!exists("here") && !exists("beside"));
}

/* Discarding and deleting leave neither files nor directories behind. Files of other writers stay. */
static void test_ends(void) {
  sz_replacement r = replacement_of("ends/a/b/c", 0);
  CHECK(sz_replacement_open(&r) == SZ_OK && exists("ends/a/b/c.partial"));
  errno = ENOSPC;
  sz_replacement_discard(&r);
  sz_replacement_discard(&r);
  CHECK(errno == ENOSPC && !exists("ends"));
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_delete(&r) == SZ_OK && !exists("ends"));
  CHECK(sz_remove_object(&r) == SZ_OK && !exists("ends"));
  forget(&r);
  CHECK(set("ends/a/b/c", "1", 1, 0) == SZ_OK && set("ends/a/d", "2", 1, 0) == SZ_OK);
  CHECK(discard("ends/a", 0) == SZ_OK && count_entries("ends/a") == 2); /* a directory is not an object */
  CHECK(discard("ends/a/b/c", 0) == SZ_OK && count_entries("ends/a") == 1);
  CHECK(discard("ends/a/d/below", 0) == SZ_OK); /* nothing exists below a file */
  CHECK(discard("ends/a/d", 1) == SZ_OK && !exists("ends"));
  CHECK(exists("") && set("top", "3", 1, 0) == SZ_OK && discard("top", 1) == SZ_OK && exists(""));
}

/* Names of 247 bytes are the longest that fit with the suffix. The temporary file of a longer one has a cut
 * name, cut between characters. */
static void test_long_names(void) {
  char name[400] = "long/a";
  for (int i = 0; i < 84; i++) strcat(name, "\xe2\x82\xac");
  for (size_t n = 245; n <= 253; n += 1) {
    char other[400];
    memset(other, 'y', sizeof other);
    memcpy(other, "long/", 5);
    other[5 + n] = '\0';
    CHECK(set(other, "x", 1, 0) == SZ_OK && count_entries("long") == 1 && discard(other, 0) == SZ_OK);
  }
  sz_replacement r = replacement_of(name, 0);
  CHECK(sz_replacement_open(&r) == SZ_OK);
  char cut[400] = "long/a";
  for (int i = 0; i < 66; i++) strcat(cut, "\xe2\x82\xac");
  strcat(cut, ".62a1f2a7e64aca8c.partial"); /* tests/stores/test_local.py has the same */
  CHECK(exists(cut));
  CHECK(sz_replacement_publish(&r, NULL, 0) == SZ_OK && count_entries("long") == 1);
  check_content(name, "", 0);
  forget(&r);
  CHECK(discard(name, 0) == SZ_OK && !exists("long"));
  strcat(name, "1234");
  CHECK(set(name, "x", 1, 0) == SZ_IO && errno == ENAMETOOLONG && !exists("long"));
  char far[5000];
  memset(far, 'd', sizeof far);
  far[sizeof far - 1] = '\0';
  CHECK(set(far, "x", 1, 0) == SZ_IO && errno == ENAMETOOLONG);
  CHECK(discard(far, 0) == SZ_IO && errno == ENAMETOOLONG);
}

/* Failed writing leaves nothing behind, and keeps the old object. */
static void test_failures(void) {
  CHECK(mkdir(path_of("bad"), 0777) == 0 && mkdir(path_of("bad/taken"), 0777) == 0);
  CHECK(set("bad/taken", "x", 1, 0) == SZ_IO && errno == EISDIR && count_entries("bad") == 1);
  CHECK(set("bad/file", "kept", 4, 0) == SZ_OK);
  CHECK(set("bad/file/below", "x", 1, 0) == SZ_IO && errno == ENOTDIR);
  CHECK(symlink("nowhere", path_of("bad/link")) == 0);
  CHECK(set("bad/link/below", "x", 1, 0) == SZ_IO && errno == ENOENT);
  CHECK(symlink("file", path_of("bad/new.partial")) == 0); /* a link: it must not be followed */
  CHECK(set("bad/new", "x", 1, 0) == SZ_IO && errno == ELOOP);
  CHECK(unlink(path_of("bad/new.partial")) == 0 && mkfifo(path_of("bad/new.partial"), 0600) == 0);
  CHECK(set("bad/new", "x", 1, 0) == SZ_IO && errno == EINVAL);
  check_content("bad/file", "kept", 4);
  CHECK(count_entries("bad") == 4);
}

/* A write that the system ends half-way, here at the limit of file sizes, keeps the old object. */
static void test_full(void) {
  struct rlimit before, small;
  guarded big = guarded_new(100000);
  CHECK(set("full/object", "old", 3, 0) == SZ_OK && set("full/big", big.data, big.n, 0) == SZ_OK);
  CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
  small = before;
  small.rlim_cur = 50000;
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  for (int durable = 0; durable < 2; durable++)
    CHECK(set("full/object", big.data, big.n, durable) == SZ_IO && errno == EFBIG);
  CHECK(set("full/new/object", big.data, big.n, 0) == SZ_IO && errno == EFBIG);
  const sz_segment kept = {NULL, big.n, 0};
  sz_replacement r = replacement_of("full/object", 0);
  r.source_fd = open(path_of("full/big"), O_RDONLY);
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, &kept, 1) == SZ_IO && errno == EFBIG);
  close(r.source_fd);
  forget(&r);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  check_content("full/object", "old", 3);
  CHECK(count_entries("full") == 2);
  CHECK(discard("full/object", 0) == SZ_OK && discard("full/big", 0) == SZ_OK);
  guarded_free(big);
}

/* Replace files that killed writers left behind: longer than what is written next, empty, of another user. */
static void test_left_overs(void) {
  CHECK(set("left/object", "old", 3, 0) == SZ_OK);
  write_text("left/object.partial", "much more than the next value");
  CHECK(set("left/object", "new", 3, 0) == SZ_OK && count_entries("left") == 1);
  check_content("left/object", "new", 3);
  write_text("left/object.partial", "");
  CHECK(set("left/object", "newer", 5, 0) == SZ_OK && count_entries("left") == 1);
  write_text("left/object.partial", "half");
  CHECK(discard("left/object", 0) == SZ_OK && !exists("left"));
  CHECK(mkdir(path_of("left"), 0777) == 0);
  write_text("left/object.partial", "half");
  CHECK(discard("left/object", 0) == SZ_OK && !exists("left"));
}

/* Segments without data come from another file, here the old file of the object. */
static void test_kept_parts(void) {
  enum { SIZE = 300000 };
  static char old[SIZE], expected[SIZE];
  for (int i = 0; i < SIZE; i++) old[i] = (char)(i * 7 % 251);
  sz_replacement r = replacement_of("kept", 0);
  const sz_segment whole = {old, SIZE, 0};
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, &whole, 1) == SZ_OK);
  const sz_segment segments[6] = {{NULL, 1000, 5}, {"new", 3, 0},         {"", 0, 0},
                                  {NULL, 0, 9},    {NULL, 200000, 77777}, {"end", 3, 0}};
  memcpy(expected, old + 5, 1000);
  memcpy(expected + 1000, "new", 3);
  memcpy(expected + 1003, old + 77777, 200000);
  memcpy(expected + 201003, "end", 3);
  r.source_fd = open(path_of("kept"), O_RDONLY);
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, segments, 6) == SZ_OK);
  check_content("kept", expected, 201006);
  const sz_segment behind = {NULL, 10, SIZE - 5}; /* beyond its end: the old file stays as it is */
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, &behind, 1) == SZ_IO && errno == EIO);
  check_content("kept", expected, 201006);
  close(r.source_fd);
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_delete(&r) == SZ_OK);
  forget(&r);
}

/* If the array's directory is replaced while names are looked up from the old one, the new one gets the
 * object. */
static void test_directory_made_anew(void) {
  const sz_segment segment = {"12", 2, 0};
  CHECK(mkdir(path_of("anew"), 0777) == 0);
  sz_replacement r = replacement_of("anew/a/object", 0);
  r.directory = sz_open_directory(path_of("anew"));
  r.within = strlen(path_of("anew")) + 1;
  r.local = sz_local_device(r.directory);
  const int old = r.directory;
  CHECK(rmdir(path_of("anew")) == 0 && mkdir(path_of("anew"), 0777) == 0);
  CHECK(sz_replacement_open(&r) == SZ_OK && sz_replacement_publish(&r, &segment, 1) == SZ_OK);
  check_content("anew/a/object", "12", 2);
  CHECK(sz_remove_object(&r) == SZ_OK && !exists("anew"));
  sz_close_directory(old);
  forget(&r);
}

static void test_all(void) {
  test_publish();
  test_parts();
  test_zeros();
  test_relative();
  test_ends();
  test_long_names();
  test_failures();
  test_full();
  test_left_overs();
  test_kept_parts();
  test_directory_made_anew();
}

int main(void) { return run_twice(test_all); }
