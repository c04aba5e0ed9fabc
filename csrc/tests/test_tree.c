#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "status.h"
#include "folder.h"

/* Remove a tree as a caller does: call again after each EINTR, but not for ever. Files in `own` stay. */
static int remove_all(const char *name, const char *own) {
  sz_tree tree;
  int status, tries = 0;
  sz_tree_begin(&tree, open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), name, own);
  do status = sz_tree_remove(&tree);
  while (status == SZ_IO && errno == EINTR && ++tries < 20);
  const int error = errno;
  sz_tree_end(&tree);
  sz_tree_end(&tree);
  errno = error;
  return status;
}

static void test_all_kinds(void) {
  CHECK(mkdir(path_of("a"), 0777) == 0 && mkdir(path_of("a/b"), 0777) == 0);
  CHECK(mkdir(path_of("a/b.partial"), 0777) == 0 && mkdir(path_of("other"), 0777) == 0);
  write_text("other/kept", "");
  write_text("a/b/f", "");
  write_text("a/b/x.partial", "");
  write_text("a/b.partial/f", "");
  CHECK(symlink("../other", path_of("a/link")) == 0);
  CHECK(symlink("../../other", path_of("a/b/link.partial")) == 0);
  CHECK(symlink("nowhere", path_of("a/broken")) == 0 && mkfifo(path_of("a/fifo"), 0600) == 0);
  CHECK(mkfifo(path_of("a/fifo.partial"), 0600) == 0);
  CHECK(remove_all("a", "") == SZ_OK && !exists("a") && exists("other/kept"));
  CHECK(remove_all("a", "") == SZ_OK);
  CHECK(remove_all("other/kept", "") == SZ_OK && exists("other/kept")); /* a file is not a directory */
  CHECK(symlink("other", path_of("link")) == 0 && symlink("other/kept", path_of("file")) == 0);
  CHECK(remove_all("link", "") == SZ_OK && !exists("link") && exists("other/kept"));
  CHECK(remove_all("file", "") == SZ_OK && exists("file"));
  CHECK(remove_all(NULL, "") == SZ_OK && !exists("other") && exists(""));
}

/* The walk waits for writers of temporary files, except for the caller itself. */
static void test_busy(void) {
  CHECK(mkdir(path_of("a"), 0777) == 0 && mkdir(path_of("a/b"), 0777) == 0);
  write_text("a/b/x.partial", "");
  write_text("a/b/y", "");
  const int fd = open(path_of("a/b/x.partial"), O_RDWR);
  CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
  CHECK(remove_all("a", "") == SZ_IO && errno == EINTR && exists("a/b/y") && exists("a/b/x.partial"));
  CHECK(remove_all("a", "/b/x\0/b/x.partial\0") == SZ_OK && !exists("a/b/y") && exists("a/b/x.partial"));
  close(fd);
  CHECK(remove_all("a", "") == SZ_OK && !exists("a"));
}

static void test_many(void) {
  char name[60];
  CHECK(mkdir(path_of("a"), 0777) == 0);
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "a/%s%d", i % 7 == 0 ? "directory" : "f", i);
    if (i % 7 == 0) CHECK(mkdir(path_of(name), 0777) == 0);
    else write_text(name, "");
  }
  CHECK(remove_all("a", "") == SZ_OK && !exists("a"));
}

/* Remove a tree longer than a path may be with few descriptors. It is so deep that directories are reopened
 * from below. */
static void test_depth(void) {
  struct rlimit before, small;
  int here = open(directory, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 3000; i++) {
    CHECK(mkdirat(here, i == 0 ? "a" : "name", 0777) == 0);
    const int below = openat(here, i == 0 ? "a" : "name", O_RDONLY | O_DIRECTORY);
    CHECK(below >= 0 && symlinkat("/", below, "link") == 0);
    close(here);
    here = below;
  }
  close(here);
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  small = before;
  small.rlim_cur = 60;
  CHECK(setrlimit(RLIMIT_NOFILE, &small) == 0);
  CHECK(remove_all("a", "") == SZ_OK && !exists("a"));
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

static void test_failures(void) {
  if (geteuid() == 0) return;
  CHECK(mkdir(path_of("a"), 0777) == 0 && mkdir(path_of("a/b"), 0777) == 0 && chmod(path_of("a/b"), 0) == 0);
  CHECK(remove_all("a", "") == SZ_IO && errno == EACCES);
  CHECK(chmod(path_of("a/b"), 0700) == 0 && remove_all("a", "") == SZ_OK && !exists("a"));
}

int main(void) {
  CHECK(mkdtemp(directory) != NULL);
  const int descriptors = count_descriptors();
  test_all_kinds();
  test_busy();
  test_many();
  test_depth();
  test_failures();
  CHECK(count_descriptors() == descriptors);
  CHECK(rmdir(directory) == 0);
  return 0;
}
