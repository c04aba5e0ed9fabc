/* zstd frames (RFC 8878), decoded whole or block after block. */
#ifndef SZ_ZSTD_H
#define SZ_ZSTD_H
#include <stddef.h>

#include "pause.h"
#include "codecs/vendor.h"

/* Decode all frames of src, also those without a content size. Skippable frames are skipped. *size holds
 * dst's capacity, then the bytes written. If it is 32 MiB or more, there are pauses between blocks. SZ_OK,
 * SZ_TOO_LONG, SZ_TRUNCATED, SZ_CHECKSUM, SZ_CORRUPT, SZ_NO_MEMORY, or a status of the pause. */
int sz_zstd_decode(ZSTD_DCtx *decoder, const char *src, size_t n, char *dst, size_t *size,
                   const sz_pause *pause);

/* Encode src to one frame with its content size. *size holds dst's capacity, then the bytes written. Input
 * that takes long at this level is encoded block after block, with pauses between them. The frame may then
 * differ a little from that of ZSTD_compress2, which sees more input at a time. SZ_OK, SZ_TOO_LONG,
 * SZ_NO_MEMORY, or a status of the pause. */
int sz_zstd_encode(ZSTD_CCtx *encoder, int level, int checksum, const char *src, size_t n, char *dst,
                   size_t *size, const sz_pause *pause);

/* A frame that is decoded block after block: its remaining bytes, and the decoded ones. */
typedef struct {
  const char *src;
  size_t n;
  char *dst; /* for all of the content; set by the caller */
  size_t done, size;
  int checked; /* a checksum follows, so a part alone cannot be trusted */
} sz_zstd_frame;

/* Return whether src is one whole frame whose content has `size` bytes. Then sz_zstd_more can decode it. */
int sz_zstd_open(ZSTD_DCtx *decoder, const char *src, size_t n, size_t size, sz_zstd_frame *frame);

/* Decode the next block behind the `done` bytes at dst. After the last one, check the frame's end. */
int sz_zstd_more(ZSTD_DCtx *decoder, sz_zstd_frame *frame);

#endif
