/* A pause: a callback that long work calls between its pieces, to learn whether to stop. */
#ifndef SZ_PAUSE_H
#define SZ_PAUSE_H
#include <stddef.h>

#include "status.h"

/* `look` returns SZ_OK to continue. Any other status ends the work. */
typedef struct {
  int (*look)(void *what);
  void *what;
} sz_pause;

/* Call the pause; NULL never ends the work. */
static inline int sz_look(const sz_pause *pause) { return pause != NULL ? pause->look(pause->what) : SZ_OK; }

#endif
