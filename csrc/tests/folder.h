/* Shared by the tests of files: a temporary folder, and short functions for what is in it. */
#ifndef SZ_TESTS_FOLDER_H
#define SZ_TESTS_FOLDER_H
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char directory[] = "/tmp/simplezarr-test-XXXXXX"; /* as `mkdtemp` completes it */

/* Return the path of a name in the folder, which stays until the thread has asked for 64 more. */
static inline char *path_of(const char *name) {
  static _Thread_local char buffers[64][9000];
  static _Thread_local int next = 0;
  char *buffer = buffers[next++ % 64];
  snprintf(buffer, sizeof buffers[0], "%s/%s", directory, name);
  return buffer;
}

static inline int exists(const char *name) {
  struct stat status;
  return lstat(path_of(name), &status) == 0;
}

static inline void write_file(const char *name, const char *data, size_t n) {
  FILE *file = fopen(path_of(name), "wb");
  CHECK(file != NULL && fwrite(data, 1, n, file) == n && fclose(file) == 0);
}

static inline void write_text(const char *name, const char *text) { write_file(name, text, strlen(text)); }

static inline int count_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 1000; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}

static inline void remove_folder(void) {
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", directory);
  CHECK(system(command) == 0);
}

#endif
