#include "zstd.h"

#include "status.h"

enum { FLAGS = 4, CHECKSUM_FLAG = 4 }; /* the byte of a frame's flags and the bit in it (RFC 8878, 3.1.1.1) */

static int status_of(size_t error) {
  switch (ZSTD_getErrorCode(error)) {
    case SZ_ZSTD_ERROR_DST_TOO_SMALL: return SZ_TOO_LONG;
    case SZ_ZSTD_ERROR_CHECKSUM: return SZ_CHECKSUM;
    case SZ_ZSTD_ERROR_SRC_SIZE: return SZ_TRUNCATED;
    case SZ_ZSTD_ERROR_MEMORY: return SZ_NO_MEMORY;
    default: return SZ_CORRUPT;
  }
}

int sz_zstd_decode(ZSTD_DCtx *decoder, const char *src, size_t n, char *dst, size_t *size) {
  if (n == 0) return SZ_TRUNCATED;
  const size_t got = ZSTD_decompressDCtx(decoder, dst, *size, src, n);
  if (ZSTD_isError(got)) return status_of(got);
  *size = got;
  return SZ_OK;
}

int sz_zstd_open(ZSTD_DCtx *decoder, const char *src, size_t n, size_t size, sz_zstd_frame *frame) {
  if (n <= FLAGS || ZSTD_getFrameContentSize(src, n) != size || ZSTD_findFrameCompressedSize(src, n) != n) return 0;
  if (ZSTD_isError(ZSTD_decompressBegin(decoder))) return 0;
  frame->src = src;
  frame->n = n;
  frame->size = size;
  frame->done = 0;
  frame->checked = src[FLAGS] & CHECKSUM_FLAG;
  return 1;
}

int sz_zstd_more(ZSTD_DCtx *decoder, sz_zstd_frame *frame) {
  const size_t before = frame->done;
  while (frame->done == before || frame->done == frame->size) {
    const size_t wanted = ZSTD_nextSrcSizeToDecompress(decoder);
    if (wanted == 0) return frame->done == frame->size ? SZ_OK : SZ_TOO_SHORT; /* the end of the frame */
    if (wanted > frame->n) return SZ_TRUNCATED;
    const size_t got =
        ZSTD_decompressContinue(decoder, frame->dst + frame->done, frame->size - frame->done, frame->src, wanted);
    if (ZSTD_isError(got)) return status_of(got);
    frame->src += wanted;
    frame->n -= wanted;
    frame->done += got;
  }
  return SZ_OK;
}
