/* Long work asks between its pieces whether it is still wanted. */
#ifndef SZ_PAUSE_H
#define SZ_PAUSE_H
#include <stddef.h>

#include "status.h"

/* `look` returns SZ_OK to go on; any other status ends the work, which returns it at once. */
typedef struct {
  int (*look)(void *what);
  void *what;
} sz_pause;

/* NULL: the work is never ended. */
static inline int sz_look(const sz_pause *pause) { return pause != NULL ? pause->look(pause->what) : SZ_OK; }

#endif
