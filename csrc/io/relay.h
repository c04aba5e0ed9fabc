/* Bytes copied from one file to another, by way of buffers that stay in the cache between the two: as fast as
 * copy_file_range and sendfile, and it works between all files. POSIX.
 *
 * One thread copies. Another may help: it reads ahead while the first one writes, which takes a fifth of the
 * time off. The one helper may come at any time, or never; nobody waits for it to come. */
#ifndef SZ_RELAY_H
#define SZ_RELAY_H
#include "io/files.h"
#include "pause.h"

#include <stddef.h>
#include <stdint.h>

#if SZ_HAVE_FILES
#include <pthread.h>

enum { SZ_RELAY_PIECES = 4, SZ_RELAY_PIECE = 256 << 10 };

typedef struct sz_relay {
  pthread_mutex_t lock; /* guards all that follows but the buffers' content */
  pthread_cond_t changed;
  char *buffers; /* for so many pieces; made at the first copy that is worth it */
  size_t sizes[SZ_RELAY_PIECES];
  int first, filled; /* pieces that have been read and wait to be written */
  int from, error;   /* the file that is read, and what has gone wrong with it */
  int64_t offset;    /* what is to be read next, and how much is left */
  size_t left;
  int helped, reading, ended;
} sz_relay;
#else
typedef struct sz_relay {
  int none;
} sz_relay;
#endif

/* Each relay begins, copies any number of times, ends and is freed. SZ_OK, or SZ_IO with errno and nothing to
 * free. */
int sz_relay_begin(sz_relay *relay);

/* Copies n bytes from `offset` of one file to where the other stands, with a pause (or NULL) after each
 * piece. SZ_OK, or SZ_IO with errno (EIO: the file ends before; ECANCELED: a pause has ended it). Calls must
 * not overlap. */
int sz_relay_copy(sz_relay *relay, int from, int64_t offset, int to, size_t n, const sz_pause *pause);

/* Helps, in a thread of its own, until the relay ends; at once if it has. */
void sz_relay_help(sz_relay *relay);

/* Sends the helper away, one that is still to come, too; keeps errno. */
void sz_relay_end(sz_relay *relay);

/* Once no helper is to come any more. */
void sz_relay_free(sz_relay *relay);

#endif
