#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/draft.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/files.h"
#include "status.h"
#include "check.h"

static char directory[] = "/tmp/simplezarr-test-XXXXXX";

static const char *path_of(const char *name) {
  static _Thread_local char buffers[4][5000];
  static _Thread_local int next = 0;
  char *buffer = buffers[next++ % 4];
  snprintf(buffer, sizeof buffers[0], "%s/%s", directory, name);
  return buffer;
}

static int origin = SZ_NO_DIRECTORY; /* where the names of drafts are looked up from, if it is open */

static sz_draft draft_of(const char *name, int durable) {
  sz_draft draft = {
      .object = strdup(path_of(name)), .root = strlen(directory), .directory = origin, .durable = durable};
  draft.within = origin == SZ_NO_DIRECTORY ? 0 : strlen(directory) + 1;
  draft.local = sz_local_device(origin);
  draft.kept = draft.fd = -1;
  return draft;
}

static void forget(sz_draft *draft) {
  CHECK(draft->fd == -1);
  free((void *)(uintptr_t)draft->object);
}

/* How many entries the directory holds; drafts would be counted. -1: there is none. */
static int count_entries(const char *name) {
  DIR *d = opendir(path_of(name));
  if (d == NULL) return -1;
  int n = -2; /* "." and ".." */
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

static int exists(const char *name) { return access(path_of(name), F_OK) == 0; }

static void check_content(const char *name, const char *expected, size_t n) {
  FILE *file = fopen(path_of(name), "rb");
  CHECK(file != NULL);
  guarded g = guarded_new(n + 1);
  CHECK(fread(g.data, 1, n + 1, file) == n && (n == 0 || memcmp(g.data, expected, n) == 0));
  guarded_free(g);
  fclose(file);
}

static void write_plainly(const char *name, const char *text) {
  FILE *file = fopen(path_of(name), "wb");
  CHECK(file != NULL && fwrite(text, 1, strlen(text), file) == strlen(text) && fclose(file) == 0);
}

/* As a writer does it that looks after its job whenever it has waited for a while. */
static int open_patiently(sz_draft *draft) {
  int opened;
  do opened = sz_draft_open(draft);
  while (opened != SZ_OK && errno == EINTR);
  return opened;
}

static int set(const char *name, const char *data, size_t n, int durable) {
  const sz_part part = {data, n, 0};
  sz_draft draft = draft_of(name, durable);
  const int done = open_patiently(&draft) == SZ_OK ? sz_draft_publish(&draft, &part, 1) : SZ_IO,
            error = errno;
  forget(&draft);
  errno = error;
  return done;
}

static int discard(const char *name, int durable) {
  sz_draft draft = draft_of(name, durable);
  const int done = sz_remove(&draft), error = errno;
  forget(&draft);
  errno = error;
  return done;
}

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

/* Any sizes of parts, among them none: more empty ones in a row than one call of the system takes. */
static void test_parts(void) {
  enum { MOST = 2000, BYTES = 200000 };
  static sz_part parts[MOST];
  guarded bytes = guarded_new(BYTES);
  randomize(bytes.data, bytes.n);
  for (long run = fuzz_runs(300); run > 0; run--) {
    const int n = draw(4) == 0 ? draw(MOST) : draw(5), first = draw(3) == 0 ? draw(n + 1) : 0;
    size_t at = 0;
    for (int i = 0; i < n; i++) {
      const size_t size = i < first || draw(4) == 0 ? 0 : (size_t)draw(draw(50) == 0 ? 50000 : 50);
      parts[i].data = size > 0 ? bytes.data + at : NULL;
      parts[i].n = at + size <= BYTES ? size : 0;
      at += parts[i].n;
    }
    sz_draft draft = draft_of("parts", 0);
    CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, parts, (size_t)n) == SZ_OK);
    forget(&draft);
    check_content("parts", bytes.data, at);
  }
  guarded_free(bytes);
}

/* Zeros at the end are part of the object, but not on the disk where that is known not to need them. */
static void test_zeros(void) {
  enum { BYTES = 1 << 20 };
  guarded bytes = guarded_new(BYTES);
  for (long run = fuzz_runs(200); run > 0; run--) {
    const size_t n = (size_t)draw(BYTES + 1), data = draw(3) == 0 ? 0 : (size_t)draw((int)n + 1),
                 cut = (size_t)draw((int)n + 1);
    memset(bytes.data, 0, n);
    randomize(bytes.data, data);
    if (data > 0) bytes.data[data - 1] = 1;
    const sz_part parts[] = {{bytes.data, cut, 0}, {bytes.data + cut, n - cut, 0}};
    sz_draft draft = draft_of("zeros", 0);
    const int known = draft.local != 0;
    CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, parts, 2) == SZ_OK);
    forget(&draft);
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
  const sz_part part = {"12", 2, 0};
  static const char *const names[] = {"here", "beside/here"};
  for (int i = 0; i < 2; i++) {
    sz_draft draft = {.object = names[i], .directory = SZ_NO_DIRECTORY, .durable = 1, .kept = -1, .fd = -1};
    CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, &part, 1) == SZ_OK);
    check_content(names[i], "12", 2);
    CHECK(sz_remove(&draft) == SZ_OK);
  }
  CHECK(!exists("here") && !exists("beside"));
}

/* What is dropped or deleted leaves nothing behind, neither files nor directories; what others have there
 * stays. */
static void test_ends(void) {
  sz_draft draft = draft_of("ends/a/b/c", 0);
  CHECK(sz_draft_open(&draft) == SZ_OK && exists("ends/a/b/c.partial"));
  errno = ENOSPC;
  sz_draft_drop(&draft);
  sz_draft_drop(&draft);
  CHECK(errno == ENOSPC && !exists("ends"));
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_delete(&draft) == SZ_OK && !exists("ends"));
  CHECK(sz_remove(&draft) == SZ_OK && !exists("ends"));
  forget(&draft);
  CHECK(set("ends/a/b/c", "1", 1, 0) == SZ_OK && set("ends/a/d", "2", 1, 0) == SZ_OK);
  CHECK(discard("ends/a", 0) == SZ_OK && count_entries("ends/a") == 2); /* a directory is no object */
  CHECK(discard("ends/a/b/c", 0) == SZ_OK && count_entries("ends/a") == 1);
  CHECK(discard("ends/a/d/below", 0) == SZ_OK); /* below a file there is nothing */
  CHECK(discard("ends/a/d", 1) == SZ_OK && !exists("ends"));
  CHECK(exists("") && set("top", "3", 1, 0) == SZ_OK && discard("top", 1) == SZ_OK && exists(""));
}

/* Names of 247 bytes are the last that fit with the suffix; of longer ones the draft's name is cut, not in a
 * character. */
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
  sz_draft draft = draft_of(name, 0);
  CHECK(sz_draft_open(&draft) == SZ_OK);
  char cut[400] = "long/a";
  for (int i = 0; i < 66; i++) strcat(cut, "\xe2\x82\xac");
  strcat(cut, ".62a1f2a7e64aca8c.partial"); /* tests/stores/test_local.py has the same */
  CHECK(exists(cut));
  CHECK(sz_draft_publish(&draft, NULL, 0) == SZ_OK && count_entries("long") == 1);
  check_content(name, "", 0);
  forget(&draft);
  CHECK(discard(name, 0) == SZ_OK && !exists("long"));
  strcat(name, "1234");
  CHECK(set(name, "x", 1, 0) == SZ_IO && errno == ENAMETOOLONG && !exists("long"));
  char far[5000];
  memset(far, 'd', sizeof far);
  far[sizeof far - 1] = '\0';
  CHECK(set(far, "x", 1, 0) == SZ_IO && errno == ENAMETOOLONG);
  CHECK(discard(far, 0) == SZ_IO && errno == ENAMETOOLONG);
}

/* What can't be written leaves nothing behind, and what was there stays. */
static void test_failures(void) {
  CHECK(mkdir(path_of("bad"), 0777) == 0 && mkdir(path_of("bad/taken"), 0777) == 0);
  CHECK(set("bad/taken", "x", 1, 0) == SZ_IO && errno == EISDIR && count_entries("bad") == 1);
  CHECK(set("bad/file", "kept", 4, 0) == SZ_OK);
  CHECK(set("bad/file/below", "x", 1, 0) == SZ_IO && errno == ENOTDIR);
  CHECK(symlink("nowhere", path_of("bad/link")) == 0);
  CHECK(set("bad/link/below", "x", 1, 0) == SZ_IO && errno == ENOENT);
  CHECK(symlink("file", path_of("bad/new.partial")) ==
        0); /* nobody's draft: it must not be written through */
  CHECK(set("bad/new", "x", 1, 0) == SZ_IO && errno == ELOOP);
  CHECK(unlink(path_of("bad/new.partial")) == 0 && mkfifo(path_of("bad/new.partial"), 0600) == 0);
  CHECK(set("bad/new", "x", 1, 0) == SZ_IO && errno == EINVAL);
  check_content("bad/file", "kept", 4);
  CHECK(count_entries("bad") == 4);
}

/* A write that the system ends half-way, here at the largest size of a file, keeps the old object. */
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
  const sz_part kept = {NULL, big.n, 0};
  sz_draft draft = draft_of("full/object", 0);
  draft.kept = open(path_of("full/big"), O_RDONLY);
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, &kept, 1) == SZ_IO && errno == EFBIG);
  close(draft.kept);
  forget(&draft);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  check_content("full/object", "old", 3);
  CHECK(count_entries("full") == 2);
  CHECK(discard("full/object", 0) == SZ_OK && discard("full/big", 0) == SZ_OK);
  guarded_free(big);
}

/* Left behind by killed writers: longer than what is written next, empty, or another user's. */
static void test_left_overs(void) {
  CHECK(set("left/object", "old", 3, 0) == SZ_OK);
  write_plainly("left/object.partial", "much more than the next value");
  CHECK(set("left/object", "new", 3, 0) == SZ_OK && count_entries("left") == 1);
  check_content("left/object", "new", 3);
  write_plainly("left/object.partial", "");
  CHECK(set("left/object", "newer", 5, 0) == SZ_OK && count_entries("left") == 1);
  write_plainly("left/object.partial", "half");
  CHECK(discard("left/object", 0) == SZ_OK && !exists("left"));
  CHECK(mkdir(path_of("left"), 0777) == 0);
  write_plainly("left/object.partial", "half");
  CHECK(discard("left/object", 0) == SZ_OK && !exists("left"));
}

/* What a forked process does; its exit code tells whether all went well. */
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

/* Drafts of another user: a left-over is replaced, a live one is waited for. */
static void test_users(void) {
  umask(022);
  CHECK(chmod(directory, 0777) == 0 && mkdir(path_of("users"), 0777) == 0 &&
        chmod(path_of("users"), 0777) == 0);
  write_plainly("users/object.partial", "");
  sz_draft live = draft_of("users/live", 0);
  CHECK(sz_draft_open(&live) == SZ_OK);
  const pid_t pid = begin(write_as_another_user, 0);
  while (geteuid() == 0 && !exists("users/object")) usleep(1000);
  usleep(100000);
  CHECK(exists("users/live.partial") && !exists("users/live"));
  CHECK(sz_draft_publish(&live, NULL, 0) == SZ_OK);
  forget(&live);
  finish(pid);
  if (geteuid() == 0) check_content("users/live", "x", 1);
}

static void do_nothing(int unused) { (void)unused; }

/* Who waits for a lock comes back now and then, and at once at a signal. */
static void test_waiting(void) {
  sz_draft first = draft_of("wait/object", 0), second = draft_of("wait/object", 0);
  CHECK(sz_draft_open(&first) == SZ_OK);
  struct timespec before, after;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  CHECK(sz_draft_open(&second) == SZ_IO && errno == EINTR && second.fd == -1);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 5000);
  const struct sigaction action = {.sa_handler = do_nothing};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  ualarm(2000, 0);
  CHECK(sz_draft_open(&second) == SZ_IO && errno == EINTR);
  CHECK(sz_remove(&second) == SZ_IO && errno == EINTR);
  CHECK(exists("wait/object.partial"));
  sz_draft_drop(&first);
  CHECK(sz_draft_open(&second) == SZ_OK);
  sz_draft_drop(&second);
  forget(&first);
  forget(&second);
  CHECK(!exists("wait"));
}

/* ------------------------------------------------------------ many writers */

enum { WRITERS = 4, COUNTERS = 2 * WRITERS };

static int rounds(void) { return (int)fuzz_runs(80); }

/* Adds one to a writer's own counter in an object that all share; now and then drops the draft first. */
static void *count(void *own) {
  const int mine = *(const int *)own;
  for (int round = 0; round < rounds(); round++) {
    int32_t counters[COUNTERS] = {0};
    sz_draft draft = draft_of("shared/a/object", 0);
    CHECK(open_patiently(&draft) == SZ_OK);
    if (round % 7 == 3) {
      sz_draft_drop(&draft);
      CHECK(open_patiently(&draft) == SZ_OK);
    }
    FILE *file = fopen(draft.object, "rb");
    if (file != NULL) {
      CHECK(fread(counters, 1, sizeof counters, file) == sizeof counters);
      fclose(file);
    }
    counters[mine]++;
    const sz_part parts[2] = {{(const char *)counters, 6, 0},
                              {(const char *)counters + 6, sizeof counters - 6, 0}};
    CHECK(sz_draft_publish(&draft, parts, 2) == SZ_OK);
    forget(&draft);
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

/* Two processes, each with threads: no update is lost, nothing is left. */
static void test_counting(void) {
  int32_t wanted[COUNTERS];
  const pid_t child = begin(count_in_threads, WRITERS);
  count_in_threads(0);
  finish(child);
  for (int i = 0; i < COUNTERS; i++) wanted[i] = rounds();
  check_content("shared/a/object", (const char *)wanted, sizeof wanted);
  CHECK(count_entries("shared/a") == 1 && discard("shared/a/object", 0) == SZ_OK && !exists("shared"));
}

/* Objects come and go, and with them the directories they share. */
static void *come_and_go(void *own) {
  char name[40];
  snprintf(name, sizeof name, "brief/a/b/%d", *(const int *)own % 3);
  for (int round = 0; round < rounds(); round++) {
    CHECK(set(name, "x", 1, round % 16 == 0) == SZ_OK);
    sz_draft draft = draft_of(name, round % 16 == 1);
    CHECK(open_patiently(&draft) == SZ_OK && sz_draft_delete(&draft) == SZ_OK);
    forget(&draft);
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
    const sz_part parts[2] = {{value, 1000, 0}, {value + 1000, sizeof value - 1000, 0}};
    sz_draft draft = draft_of("killed/object", 0);
    CHECK(open_patiently(&draft) == SZ_OK && sz_draft_publish(&draft, parts, 2) == SZ_OK);
    forget(&draft);
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
    const int is_old =
        i > 0 && n == 4 && memcmp(value, "next", 4) == 0; /* killed before they came to write */
    CHECK(is_old || n == sizeof value - 1);
    for (size_t at = 1; at < n && !is_old; at++) CHECK(value[at] == value[0]);
    CHECK(set("killed/object", "next", 4, 0) == SZ_OK && count_entries("killed") == 1);
  }
}

static int count_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 1000; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}

/* Parts without data come from another file, here the object's own old one. */
static void test_kept_parts(void) {
  enum { SIZE = 300000 };
  static char old[SIZE], expected[SIZE];
  for (int i = 0; i < SIZE; i++) old[i] = (char)(i * 7 % 251);
  sz_draft draft = draft_of("kept", 0);
  const sz_part whole = {old, SIZE, 0};
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, &whole, 1) == SZ_OK);
  const sz_part parts[6] = {{NULL, 1000, 5}, {"new", 3, 0},         {"", 0, 0},
                            {NULL, 0, 9},    {NULL, 200000, 77777}, {"end", 3, 0}};
  memcpy(expected, old + 5, 1000);
  memcpy(expected + 1000, "new", 3);
  memcpy(expected + 1003, old + 77777, 200000);
  memcpy(expected + 201003, "end", 3);
  draft.kept = open(path_of("kept"), O_RDONLY);
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, parts, 6) == SZ_OK);
  check_content("kept", expected, 201006);
  const sz_part behind = {NULL, 10, SIZE - 5}; /* the old file ends there: it stays as it is */
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, &behind, 1) == SZ_IO && errno == EIO);
  check_content("kept", expected, 201006);
  close(draft.kept);
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_delete(&draft) == SZ_OK);
  forget(&draft);
}

/* A draft that is there belongs to its maker, also before it is locked: another writer makes its own. */
static void test_makers(void) {
  sz_draft draft = draft_of("makers/object", 0);
  CHECK(mkdir(path_of("makers"), 0777) == 0);
  const int made = open(path_of("makers/object.partial"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  CHECK(made >= 0 && sz_draft_open(&draft) == SZ_OK);
  struct stat first, second;
  CHECK(flock(made, LOCK_EX | LOCK_NB) == 0 && fstat(made, &first) == 0 && first.st_nlink == 0);
  CHECK(stat(path_of("makers/object.partial"), &second) == 0 && second.st_ino != first.st_ino);
  close(made);
  sz_draft_drop(&draft);
  forget(&draft);
  CHECK(!exists("makers"));
}

/* The array's directory, removed and made anew while names are looked up from the old one: the new one gets
 * the object. */
static void test_directory_made_anew(void) {
  const sz_part part = {"12", 2, 0};
  CHECK(mkdir(path_of("anew"), 0777) == 0);
  sz_draft draft = draft_of("anew/a/object", 0);
  draft.directory = sz_open_directory(path_of("anew"));
  draft.within = strlen(path_of("anew")) + 1;
  draft.local = sz_local_device(draft.directory);
  const int old = draft.directory;
  CHECK(rmdir(path_of("anew")) == 0 && mkdir(path_of("anew"), 0777) == 0);
  CHECK(sz_draft_open(&draft) == SZ_OK && sz_draft_publish(&draft, &part, 1) == SZ_OK);
  check_content("anew/a/object", "12", 2);
  CHECK(sz_remove(&draft) == SZ_OK && !exists("anew"));
  sz_close_directory(old);
  forget(&draft);
}

static void test_all(void) {
  test_kept_parts();
  test_publish();
  test_parts();
  test_zeros();
  test_relative();
  test_ends();
  test_long_names();
  test_failures();
  test_full();
  test_left_overs();
  test_users();
  test_waiting();
  test_counting();
  test_coming_and_going();
  test_killed_writers();
  test_makers();
  test_directory_made_anew();
}

int main(void) {
  CHECK(mkdtemp(directory) != NULL);
  const int descriptors = count_descriptors();
  test_all();
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", directory);
  CHECK(system(command) == 0 && mkdir(directory, 0777) == 0);
  origin = sz_open_directory(directory); /* and once more, from there */
  test_all();
  sz_close_directory(origin);
  CHECK(count_descriptors() == descriptors);
  return system(command) == 0 ? 0 : 1;
}
