#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "io/files.h"
#include "status.h"
#include "io/temporary_file.h"
#include "folder.h"

static void test_names(void) {
  CHECK(sz_directory_of("a/b", 3) == 1 && sz_directory_of("a", 1) == 0 && sz_directory_of("/a", 2) == 1);
  CHECK(sz_directory_of("a//b", 4) == 1 && sz_directory_of("/", 1) == 1 && sz_directory_of("a/b/", 4) == 3);
  char path[SZ_PATH_BYTES], long_name[300] = "d/";
  CHECK(sz_name_temporary("d/a", 0, path) == SZ_OK && strcmp(path, "d/a.partial") == 0);
  CHECK(sz_name_temporary("d/a", 1, path) == SZ_OK && strcmp(path, "d/a.af63dc4c8601ec8c.partial") == 0);
  CHECK(sz_name_temporary("a", 0, path) == SZ_OK && strcmp(path, "a.partial") == 0);
  memset(long_name + 2, 'n', 255);
  CHECK(sz_name_temporary(long_name, 0, path) == SZ_OK && strlen(path) == 2 + 225 && sz_is_temporary(path));
  CHECK(sz_name_temporary(long_name, 1, path) == SZ_OK && strlen(path) == 2 + 227 && sz_is_temporary(path));
  CHECK(!sz_is_temporary("partial") && sz_is_temporary(".partial") && !sz_is_temporary("a.partia"));
}

static void test_make_and_prune(void) {
  char *path = path_of("a/b//c/d/x");
  const size_t root = strlen(directory);
  for (int durable = 0; durable < 2; durable++)
    for (int find = 0; find < 2; find++) {
      CHECK(sz_make_directory(path, sz_directory_of(path, strlen(path)), durable) == SZ_OK);
      CHECK(sz_make_directory(path, sz_directory_of(path, strlen(path)), durable) == SZ_OK);
      CHECK(access(path_of("a/b/c/d"), F_OK) == 0);
      CHECK(sz_prune(path, root, find) == root && access(path_of("a"), F_OK) != 0);
      CHECK(sz_prune(path, root, find) == root && access(directory, F_OK) == 0);
    }
  CHECK(sz_make_directory(path, sz_directory_of(path, strlen(path)), 0) == SZ_OK);
  write_text("a/b/kept", "");
  CHECK(sz_prune(path, root, 1) == root + strlen("/a/b"));
  char *deep = path_of("new/");
  memset(deep + strlen(deep), 'n', 300);
  strcpy(deep + root + 5 + 300, "/x/y"); /* directories above a too long name can be pruned */
  CHECK(sz_make_directory(deep, sz_directory_of(deep, strlen(deep)), 0) == SZ_IO && errno == ENAMETOOLONG);
  CHECK(access(path_of("new"), F_OK) == 0 && sz_prune(deep, root, 0) == root);
  CHECK(access(path_of("new"), F_OK) != 0);
  char *below = path_of("a/b/kept/c/x");
  CHECK(sz_make_directory(below, sz_directory_of(below, strlen(below)), 0) == SZ_IO && errno == ENOTDIR);
  CHECK(unlink(path_of("a/b/kept")) == 0 && rmdir(path_of("a/b")) == 0 && rmdir(path_of("a")) == 0);
}

/* Remove a directory that has the name of a temporary file, which writers may lock. */
static void test_locked_directories(void) {
  CHECK(mkdir(path_of("x.partial"), 0777) == 0);
  const int fd = open(path_of("x.partial"), O_RDONLY | O_DIRECTORY);
  CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
  CHECK(sz_remove_directory(AT_FDCWD, path_of("x.partial")) == -1 && errno == EWOULDBLOCK);
  close(fd);
  CHECK(sz_remove_directory(AT_FDCWD, path_of("x.partial")) == 0);
  CHECK(sz_remove_directory(AT_FDCWD, path_of("x.partial")) == -1 && errno == ENOENT);
}

static int opens(const char *name, int how) {
  const int fd = sz_open_beneath(path_of(name), strlen(directory), how);
  if (fd < 0) return errno;
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  close(fd);
  return 0;
}

static void link_to(const char *target, const char *name) { CHECK(symlink(target, path_of(name)) == 0); }

static void test_beneath(void) {
  CHECK(mkdir(path_of("d"), 0777) == 0 && mkdir(path_of("d/e"), 0777) == 0);
  write_text("d/f", "inside");
  link_to("f", "d/same");
  link_to("../d/e/../f", "d/around");
  link_to(path_of("d/f"), "absolute");
  link_to(directory, "root");
  link_to("..", "up");
  link_to("/etc/passwd", "out");
  link_to("/", "slash");
  link_to("loop", "loop");
  link_to("nowhere", "broken");
  link_to("d", "to-d");
  char text[100];
  for (int i = 0; i < 60; i++) {
    char name[20];
    snprintf(name, sizeof name, "chain%d", i);
    snprintf(text, sizeof text, i == 0 ? "d/f" : "chain%d", i - 1);
    link_to(text, name);
  }
  const char *const files[] = {"d/f",          "d/same",        "d/around", "absolute",
                               "root/d/f",     "to-d/f",        "chain30",  "/d/f",
                               "to-d//e/../f", "root/root/d/f", "./d/./f",  "root/to-d/around"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    CHECK(opens(files[i], SZ_BENEATH_FILE) == 0 && opens(files[i], SZ_BENEATH_STATUS) == 0);
  const char *const outside[] = {"up",        "out", "slash/etc", "slash",
                                 "d/../../x", "..",  "root/..",   "to-d/../up"};
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
    CHECK(opens(outside[i], SZ_BENEATH_FILE) == EXDEV && opens(outside[i], SZ_BENEATH_MAKE) == EXDEV);
  CHECK(opens("loop", SZ_BENEATH_FILE) == ELOOP && opens("chain50", SZ_BENEATH_FILE) == ELOOP);
  CHECK(opens("broken", SZ_BENEATH_FILE) == ENOENT && opens("d/f/x", SZ_BENEATH_FILE) == ENOTDIR);
  CHECK(opens("to-d", SZ_BENEATH_LIST) == 0 && opens("d/f", SZ_BENEATH_LIST) == ENOTDIR);
  CHECK(opens("", SZ_BENEATH_LIST) == 0 && opens("", SZ_BENEATH_ENTER) == 0);
  CHECK(opens("root", SZ_BENEATH_LIST) == 0);
  CHECK(opens("to-d/new/er", SZ_BENEATH_ENTER) == ENOENT && opens("to-d/new/er", SZ_BENEATH_MAKE) == 0);
  CHECK(opens("d/new/est", SZ_BENEATH_MAKE_DURABLE) == 0 && access(path_of("d/new/est"), F_OK) == 0);
  char far[9000];
  memset(far, 'd', sizeof far);
  far[8500] = '\0';
  CHECK(opens(far, SZ_BENEATH_FILE) == ENAMETOOLONG);
  for (size_t i = 1; i < 8500; i += 2) far[i] = '/';
  CHECK(opens(far, SZ_BENEATH_FILE) == ENAMETOOLONG);
}

static void test_owners(void) {
  write_text("owned", "");
  const int fd = open(path_of("owned"), O_RDONLY);
  struct stat status;
  CHECK(fd >= 0 && fstat(fd, &status) == 0);
  const sz_owner now = {status.st_mode, status.st_uid, status.st_gid};
  sz_owner wanted = now;
  for (uint32_t mode = 0; mode < 01000; mode += 37) {
    wanted.mode = S_IFREG | mode;
    CHECK(sz_keep_owner(fd, now, wanted) == SZ_OK || mode == (now.mode & 0777));
    CHECK(fstat(fd, &status) == 0 && (mode == (now.mode & 0777) || (status.st_mode & 0777) == mode));
  }
  if (geteuid() == 0) {
    wanted.uid = 1234, wanted.gid = 2345;
    CHECK(sz_keep_owner(fd, now, wanted) == SZ_OK && fstat(fd, &status) == 0);
    CHECK(status.st_uid == 1234 && status.st_gid == 2345);
  }
  close(fd);
}

int main(void) {
  CHECK(mkdtemp(directory) != NULL);
  const int descriptors = count_descriptors();
  test_names();
  test_make_and_prune();
  test_locked_directories();
  test_beneath();
  test_owners();
  CHECK(count_descriptors() == descriptors);
  remove_folder();
  return 0;
}
