#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/replacement.h"

#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "replacements.h"

/* Run a function in a forked process, whose exit code tells whether it succeeded. */
static pid_t begin(void (*work)(int), int argument) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    work(argument);
    _exit(0);
  }
  return pid;
}

static void finish(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_as_another_user(int unused) {
  (void)unused;
  if (setgid(12345) != 0 || setuid(12345) != 0) return; /* only root can */
  CHECK(set("users/object", "theirs", 6, 0) == SZ_OK);
  CHECK(set("users/live", "x", 1, 0) == SZ_OK);
}

/* Meet temporary files of another user: replace an abandoned one, wait for one that has a writer. */
static void test_users(void) {
  umask(022);
  CHECK(chmod(directory, 0777) == 0 && mkdir(path_of("users"), 0777) == 0 &&
        chmod(path_of("users"), 0777) == 0);
  write_text("users/object.partial", "");
  sz_replacement live = replacement_of("users/live", 0);
  CHECK(sz_replacement_open(&live) == SZ_OK);
  const pid_t pid = begin(write_as_another_user, 0);
  while (geteuid() == 0 && !exists("users/object")) usleep(1000);
  usleep(100000);
  CHECK(exists("users/live.partial") && !exists("users/live"));
  CHECK(sz_replacement_publish(&live, NULL, 0) == SZ_OK);
  forget(&live);
  finish(pid);
  if (geteuid() == 0) check_content("users/live", "x", 1);
}

static void do_nothing(int unused) { (void)unused; }

/* A waiting writer returns every 50 ms, and at once at a signal. */
static void test_waiting(void) {
  sz_replacement first = replacement_of("wait/object", 0), second = replacement_of("wait/object", 0);
  CHECK(sz_replacement_open(&first) == SZ_OK);
  struct timespec before, after;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  CHECK(sz_replacement_open(&second) == SZ_IO && errno == EINTR && second.fd == -1);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 5000);
  const struct sigaction action = {.sa_handler = do_nothing};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  ualarm(2000, 0);
  CHECK(sz_replacement_open(&second) == SZ_IO && errno == EINTR);
  CHECK(sz_remove_object(&second) == SZ_IO && errno == EINTR);
  CHECK(exists("wait/object.partial"));
  sz_replacement_discard(&first);
  CHECK(sz_replacement_open(&second) == SZ_OK);
  sz_replacement_discard(&second);
  forget(&first);
  forget(&second);
  CHECK(!exists("wait"));
}

/* ------------------------------------------------------------ many writers */

enum { WRITERS = 4, COUNTERS = 2 * WRITERS };

static int rounds(void) { return (int)fuzz_runs(80); }

/* Add one to a writer's own counter in an object that all share. Now and then, discard a replacement first.
 */
static void *count(void *own) {
  const int mine = *(const int *)own;
  for (int round = 0; round < rounds(); round++) {
    int32_t counters[COUNTERS] = {0};
    sz_replacement r = replacement_of("shared/a/object", 0);
    CHECK(open_patiently(&r) == SZ_OK);
    if (round % 7 == 3) {
      sz_replacement_discard(&r);
      CHECK(open_patiently(&r) == SZ_OK);
    }
    FILE *file = fopen(r.object, "rb");
    if (file != NULL) {
      CHECK(fread(counters, 1, sizeof counters, file) == sizeof counters);
      fclose(file);
    }
    counters[mine]++;
    const sz_segment segments[2] = {{(const char *)counters, 6, 0},
                                    {(const char *)counters + 6, sizeof counters - 6, 0}};
    CHECK(sz_replacement_publish(&r, segments, 2) == SZ_OK);
    forget(&r);
  }
  return NULL;
}

static void count_in_threads(int first) {
  pthread_t threads[WRITERS];
  int own[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    own[i] = first + i;
    CHECK(pthread_create(&threads[i], NULL, count, &own[i]) == 0);
  }
  for (int i = 0; i < WRITERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

/* Two processes with threads lose no update, and leave no files behind. */
static void test_counting(void) {
  int32_t wanted[COUNTERS];
  const pid_t child = begin(count_in_threads, WRITERS);
  count_in_threads(0);
  finish(child);
  for (int i = 0; i < COUNTERS; i++) wanted[i] = rounds();
  check_content("shared/a/object", (const char *)wanted, sizeof wanted);
  CHECK(count_entries("shared/a") == 1 && discard("shared/a/object", 0) == SZ_OK && !exists("shared"));
}

/* Objects are created and deleted, and with them the directories that they share. */
static void *come_and_go(void *own) {
  char name[40];
  snprintf(name, sizeof name, "brief/a/b/%d", *(const int *)own % 3);
  for (int round = 0; round < rounds(); round++) {
    CHECK(set(name, "x", 1, round % 16 == 0) == SZ_OK);
    sz_replacement r = replacement_of(name, round % 16 == 1);
    CHECK(open_patiently(&r) == SZ_OK && sz_replacement_delete(&r) == SZ_OK);
    forget(&r);
  }
  return NULL;
}

static void test_coming_and_going(void) {
  pthread_t threads[WRITERS];
  int own[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    own[i] = i;
    CHECK(pthread_create(&threads[i], NULL, come_and_go, &own[i]) == 0);
  }
  for (int i = 0; i < WRITERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(!exists("brief"));
}

static void replace_for_ever(int seed) {
  static char value[400000];
  for (int i = seed;; i++) {
    memset(value, 'a' + i % 26, sizeof value);
    const sz_segment segments[2] = {{value, 1000, 0}, {value + 1000, sizeof value - 1000, 0}};
    sz_replacement r = replacement_of("killed/object", 0);
    CHECK(open_patiently(&r) == SZ_OK && sz_replacement_publish(&r, segments, 2) == SZ_OK);
    forget(&r);
  }
}

static void test_killed_writers(void) {
  static char value[400001];
  for (int i = 0; i < 30; i++) {
    const pid_t pids[2] = {begin(replace_for_ever, 2 * i), begin(replace_for_ever, 2 * i + 1)};
    do usleep((useconds_t)draw(10000));
    while (!exists("killed/object"));
    for (int k = 0; k < 2; k++) CHECK(kill(pids[k], SIGKILL) == 0 && waitpid(pids[k], NULL, 0) == pids[k]);
    FILE *file = fopen(path_of("killed/object"), "rb");
    CHECK(file != NULL);
    const size_t n = fread(value, 1, sizeof value, file);
    fclose(file);
    const int is_old = i > 0 && n == 4 && memcmp(value, "next", 4) == 0; /* killed before it wrote */
    CHECK(is_old || n == sizeof value - 1);
    for (size_t at = 1; at < n && !is_old; at++) CHECK(value[at] == value[0]);
    CHECK(set("killed/object", "next", 4, 0) == SZ_OK && count_entries("killed") == 1);
  }
}

/* A temporary file belongs to its creator, also before it is locked. Another writer creates its own. */
static void test_makers(void) {
  sz_replacement r = replacement_of("makers/object", 0);
  CHECK(mkdir(path_of("makers"), 0777) == 0);
  const int made = open(path_of("makers/object.partial"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  CHECK(made >= 0 && sz_replacement_open(&r) == SZ_OK);
  struct stat first, second;
  CHECK(flock(made, LOCK_EX | LOCK_NB) == 0 && fstat(made, &first) == 0 && first.st_nlink == 0);
  CHECK(stat(path_of("makers/object.partial"), &second) == 0 && second.st_ino != first.st_ino);
  close(made);
  sz_replacement_discard(&r);
  forget(&r);
  CHECK(!exists("makers"));
}

static void test_all(void) {
  test_users();
  test_waiting();
  test_counting();
  test_coming_and_going();
  test_killed_writers();
  test_makers();
}

int main(void) { return run_twice(test_all); }
