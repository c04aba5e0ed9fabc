/* Shared by the tests of replacements: short functions that write objects. */
#ifndef SZ_TESTS_REPLACEMENTS_H
#define SZ_TESTS_REPLACEMENTS_H
#include <dirent.h>
#include <errno.h>

#include "io/replacement.h"
#include "status.h"
#include "folder.h"

static int origin = SZ_NO_DIRECTORY; /* an open directory to look names up from, if any */

static inline sz_replacement replacement_of(const char *name, int durable) {
  sz_replacement r = {
      .object = strdup(path_of(name)), .root = strlen(directory), .directory = origin, .durable = durable};
  r.within = origin == SZ_NO_DIRECTORY ? 0 : strlen(directory) + 1;
  r.local = sz_local_device(origin);
  r.source_fd = r.fd = -1;
  return r;
}

static inline void forget(sz_replacement *r) {
  CHECK(r->fd == -1);
  free((void *)(uintptr_t)r->object);
}

/* Return the number of entries of a directory, temporary files included, or -1 if it does not exist. */
static inline int count_entries(const char *name) {
  DIR *d = opendir(path_of(name));
  if (d == NULL) return -1;
  int n = -2; /* "." and ".." */
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

static inline void check_content(const char *name, const char *expected, size_t n) {
  FILE *file = fopen(path_of(name), "rb");
  CHECK(file != NULL);
  guarded g = guarded_new(n + 1);
  CHECK(fread(g.data, 1, n + 1, file) == n && (n == 0 || memcmp(g.data, expected, n) == 0));
  guarded_free(g);
  fclose(file);
}

/* Open a replacement, and call again after each EINTR, as a writer does after it has checked its job. */
static inline int open_patiently(sz_replacement *r) {
  int opened;
  do opened = sz_replacement_open(r);
  while (opened != SZ_OK && errno == EINTR);
  return opened;
}

static inline int set(const char *name, const char *data, size_t n, int durable) {
  const sz_segment segment = {data, n, 0};
  sz_replacement r = replacement_of(name, durable);
  const int done = open_patiently(&r) == SZ_OK ? sz_replacement_publish(&r, &segment, 1) : SZ_IO,
            error = errno;
  forget(&r);
  errno = error;
  return done;
}

static inline int discard(const char *name, int durable) {
  sz_replacement r = replacement_of(name, durable);
  const int done = sz_remove_object(&r), error = errno;
  forget(&r);
  errno = error;
  return done;
}

/* Run the tests twice: with absolute names, and with names looked up from the open directory. */
static inline int run_twice(void (*tests)(void)) {
  CHECK(mkdtemp(directory) != NULL);
  const int descriptors = count_descriptors();
  tests();
  remove_folder();
  CHECK(mkdir(directory, 0777) == 0);
  origin = sz_open_directory(directory);
  tests();
  sz_close_directory(origin);
  CHECK(count_descriptors() == descriptors);
  remove_folder();
  return 0;
}

#endif
