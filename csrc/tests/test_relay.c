#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "status.h"
#include "check.h"

enum { MOST = 3 << 20 };
static char content[MOST], back[MOST];

/* An open file without a name. */
static int file_of(size_t n) {
  char path[] = "/tmp/simplezarr-test-XXXXXX";
  const int fd = mkstemp(path);
  CHECK(fd >= 0 && unlink(path) == 0 && write(fd, content, n) == (ssize_t)n);
  return fd;
}

typedef struct {
  sz_relay *relay;
  struct timespec delay;
  pthread_t thread;
} helper;

static void *help(void *argument) {
  const helper *own = argument;
  nanosleep(&own->delay, NULL);
  sz_relay_help(own->relay);
  return NULL;
}

static void call_helper(helper *h, sz_relay *relay) {
  h->relay = relay, h->delay = (struct timespec){0, draw(400) * 1000L};
  CHECK(pthread_create(&h->thread, NULL, help, h) == 0);
}

static void check_copied(int to, size_t before, size_t offset, size_t n) {
  CHECK(lseek(to, 0, SEEK_CUR) == (off_t)(before + n));
  CHECK(pread(to, back, n, (off_t)before) == (ssize_t)n && memcmp(back, content + offset, n) == 0);
}

static size_t random_length(size_t most) {
  const size_t near[] = {
      0, 1, 8 << 10, (8 << 10) + 1, SZ_RELAY_PIECE - 1, SZ_RELAY_PIECE, SZ_RELAY_PIECE + 1};
  const size_t n = draw(3) == 0 ? near[draw(7)] : (size_t)draw((int)most + 1);
  return n < most ? n : most;
}

/* Any copies, one after another; the helper comes early, late, in the middle, or not at all. */
static void test_copies(void) {
  const int from = file_of(MOST);
  for (long run = 0; run < fuzz_runs(60); run++) {
    const int to = file_of(0), helped = draw(2);
    sz_relay relay;
    helper other;
    CHECK(sz_relay_begin(&relay) == SZ_OK);
    if (helped) call_helper(&other, &relay);
    size_t written = 0;
    for (int copies = draw(4); copies >= 0; copies--) {
      const size_t offset = (size_t)draw(MOST), n = random_length(MOST - offset);
      CHECK(sz_relay_copy(&relay, from, (int64_t)offset, to, n, NULL) == SZ_OK);
      check_copied(to, written, offset, n);
      written += n;
    }
    sz_relay_end(&relay);
    if (helped) CHECK(pthread_join(other.thread, NULL) == 0);
    sz_relay_free(&relay);
    close(to);
  }
  close(from);
}

/* What goes wrong is told, with and without help, and the next copy is as good as any. */
static void test_failures(void) {
  const size_t size = 2 << 20;
  const int from = file_of(size), deaf = open("/dev/null", O_RDONLY);
  for (int run = 0; run < 40; run++) {
    const int to = file_of(0), helped = run % 2;
    sz_relay relay;
    helper other;
    CHECK(sz_relay_begin(&relay) == SZ_OK);
    if (helped) call_helper(&other, &relay);
    errno = 0;
    CHECK(sz_relay_copy(&relay, from, (int64_t)size - 1000000, to, 1000001, NULL) == SZ_IO && errno == EIO);
    CHECK(sz_relay_copy(&relay, from, (int64_t)size, to, 1, NULL) == SZ_IO && errno == EIO);
    CHECK(sz_relay_copy(&relay, -1, 0, to, 1000000, NULL) == SZ_IO && errno == EBADF);
    CHECK(sz_relay_copy(&relay, from, 0, deaf, 1000000, NULL) == SZ_IO && errno == EBADF);
    CHECK(sz_relay_copy(&relay, from, 0, deaf, 1000, NULL) == SZ_IO && errno == EBADF);
    const int second = file_of(0);
    CHECK(sz_relay_copy(&relay, from, 5, second, 1000000, NULL) == SZ_OK);
    check_copied(second, 0, 5, 1000000);
    sz_relay_end(&relay);
    if (helped) CHECK(pthread_join(other.thread, NULL) == 0);
    sz_relay_free(&relay);
    close(second);
    close(to);
  }
  close(from);
  close(deaf);
}

/* A helper that comes after the end goes at once. */
static void test_too_late(void) {
  sz_relay relay;
  CHECK(sz_relay_begin(&relay) == SZ_OK);
  errno = 77;
  sz_relay_end(&relay);
  sz_relay_help(&relay);
  sz_relay_free(&relay);
  CHECK(errno == 77);
}

int main(void) {
  randomize(content, sizeof content);
  test_copies();
  test_failures();
  test_too_late();
  return 0;
}
