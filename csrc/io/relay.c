#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* pread also under -std=c11 */
#endif
#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif
#include "io/relay.h"

#include <errno.h>

#include "status.h"

#if SZ_HAVE_FILES
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "memory/pages.h"

enum { FEW_BYTES = 8 << 10 };

static int write_all(int fd, const char *data, size_t n) {
  while (n > 0) {
    const ssize_t done = write(fd, data, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SZ_IO;
    data += done;
    n -= (size_t)done;
  }
  return SZ_OK;
}

/* Reads exactly n bytes; 0 or what has gone wrong, as errno has it. */
static int read_all(int fd, char *data, size_t n, int64_t offset) {
  while (n > 0) {
    const ssize_t got = pread(fd, data, n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EIO; /* the file has become shorter */
    data += got;
    offset += got;
    n -= (size_t)got;
  }
  return 0;
}

int sz_relay_begin(sz_relay *relay) {
  memset(relay, 0, sizeof *relay);
  errno = pthread_mutex_init(&relay->lock, NULL);
  if (errno != 0) return SZ_IO;
  errno = pthread_cond_init(&relay->changed, NULL);
  if (errno == 0) return SZ_OK;
  const int error = errno;
  pthread_mutex_destroy(&relay->lock);
  errno = error;
  return SZ_IO;
}

/* Reads the next piece. The helper lets go of the lock meanwhile; `reading` then says that a piece is under
 * way. */
static void read_piece(sz_relay *relay, int helper) {
  const int slot = (relay->first + relay->filled) % SZ_RELAY_PIECES;
  const size_t n = relay->left < SZ_RELAY_PIECE ? relay->left : SZ_RELAY_PIECE;
  relay->reading = 1;
  if (helper) pthread_mutex_unlock(&relay->lock);
  const int error = read_all(relay->from, relay->buffers + (size_t)slot * SZ_RELAY_PIECE, n, relay->offset);
  if (helper) pthread_mutex_lock(&relay->lock);
  relay->reading = 0;
  relay->error = error;
  relay->sizes[slot] = n;
  relay->filled += error == 0;
  relay->offset += (int64_t)n;
  relay->left -= n;
  pthread_cond_broadcast(&relay->changed);
}

void sz_relay_help(sz_relay *relay) {
  pthread_mutex_lock(&relay->lock);
  relay->helped = 1;
  while (!relay->ended) {
    if (relay->left > 0 && relay->error == 0 && relay->filled < SZ_RELAY_PIECES) read_piece(relay, 1);
    else pthread_cond_wait(&relay->changed, &relay->lock);
  }
  relay->helped = 0;
  pthread_cond_broadcast(&relay->changed);
  pthread_mutex_unlock(&relay->lock);
}

void sz_relay_end(sz_relay *relay) {
  const int error = errno;
  pthread_mutex_lock(&relay->lock);
  relay->ended = 1;
  pthread_cond_broadcast(&relay->changed);
  while (relay->helped) pthread_cond_wait(&relay->changed, &relay->lock);
  pthread_mutex_unlock(&relay->lock);
  errno = error;
}

void sz_relay_free(sz_relay *relay) {
  const int error = errno;
  free(relay->buffers);
  pthread_cond_destroy(&relay->changed);
  pthread_mutex_destroy(&relay->lock);
  errno = error;
}

/* Writes the piece that has waited longest, which others may be read meanwhile. */
static int write_piece(sz_relay *relay, int to, const sz_pause *pause) {
  const char *data = relay->buffers + (size_t)relay->first * SZ_RELAY_PIECE;
  const size_t n = relay->sizes[relay->first];
  pthread_mutex_unlock(&relay->lock);
  const int written = write_all(to, data, n), stopped = written == SZ_OK && sz_look(pause) != SZ_OK;
  const int status = stopped ? SZ_IO : written, error = stopped ? ECANCELED : errno;
  pthread_mutex_lock(&relay->lock);
  relay->first = (relay->first + 1) % SZ_RELAY_PIECES;
  relay->filled--;
  pthread_cond_broadcast(&relay->changed);
  errno = error;
  return status;
}

/* With the lock held, but while it writes. */
static int copy_pieces(sz_relay *relay, int to, const sz_pause *pause) {
  while (relay->left > 0 || relay->reading || relay->filled > 0) {
    while (relay->filled == 0 && relay->error == 0) {
      if (relay->helped) {
        pthread_cond_wait(&relay->changed, &relay->lock);
      } else {
        relay->first = 0; /* always the same one, which stays in the cache */
        read_piece(relay, 0);
      }
    }
    if (relay->filled > 0 && write_piece(relay, to, pause) != SZ_OK) return SZ_IO;
    if (relay->filled == 0 && relay->error != 0) {
      errno = relay->error;
      return SZ_IO;
    }
  }
  return SZ_OK;
}

static int copy_few(int from, int64_t offset, int to, size_t n) {
  char few[FEW_BYTES];
  for (size_t at = 0; at < n; at += sizeof few) {
    const size_t length = n - at < sizeof few ? n - at : sizeof few;
    const int error = read_all(from, few, length, offset + (int64_t)at);
    if (error != 0) errno = error;
    if (error != 0 || write_all(to, few, length) != SZ_OK) return SZ_IO;
  }
  return SZ_OK;
}

int sz_relay_copy(sz_relay *relay, int from, int64_t offset, int to, size_t n, const sz_pause *pause) {
  if (relay->buffers == NULL && n > FEW_BYTES)
    relay->buffers = sz_allocate((size_t)SZ_RELAY_PIECES * SZ_RELAY_PIECE);
  if (relay->buffers == NULL || n <= FEW_BYTES) return copy_few(from, offset, to, n);
  pthread_mutex_lock(&relay->lock);
  relay->from = from, relay->offset = offset, relay->left = n;
  pthread_cond_broadcast(&relay->changed);
  const int status = copy_pieces(relay, to, pause), error = errno;
  while (relay->reading)
    pthread_cond_wait(&relay->changed, &relay->lock); /* a helper, when writing has failed */
  relay->left = 0, relay->filled = 0, relay->error = 0;
  pthread_mutex_unlock(&relay->lock);
  errno = error;
  return status;
}
#else
static int refuse(void) {
  errno = ENOSYS;
  return SZ_IO;
}

int sz_relay_begin(sz_relay *relay) {
  relay->none = 0;
  return refuse();
}

int sz_relay_copy(sz_relay *relay, int from, int64_t offset, int to, size_t n, const sz_pause *pause) {
  (void)relay, (void)from, (void)offset, (void)to, (void)n, (void)pause;
  return refuse();
}

void sz_relay_help(sz_relay *relay) { (void)relay; }

void sz_relay_end(sz_relay *relay) { (void)relay; }

void sz_relay_free(sz_relay *relay) { (void)relay; }
#endif
