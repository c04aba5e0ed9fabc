#include "codecs/zstd.h"

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

static int decode_by_blocks(ZSTD_DCtx *decoder, const char *src, size_t n, char *dst, size_t *size,
                            const sz_pause *pause) {
  size_t done = 0;
  for (int status; n > 0;) { /* a frame */
    size_t wanted = ZSTD_decompressBegin(decoder);
    if (ZSTD_isError(wanted)) return status_of(wanted);
    while ((wanted = ZSTD_nextSrcSizeToDecompress(decoder)) > 0) {
      if (wanted > n) return SZ_TRUNCATED;
      const size_t got = ZSTD_decompressContinue(decoder, dst + done, *size - done, src, wanted);
      if (ZSTD_isError(got)) return status_of(got);
      src += wanted;
      n -= wanted;
      done += got;
      if ((status = sz_look(pause)) != SZ_OK) return status;
    }
  }
  *size = done;
  return SZ_OK;
}

int sz_zstd_decode(ZSTD_DCtx *decoder, const char *src, size_t n, char *dst, size_t *size,
                   const sz_pause *pause) {
  enum { AT_ONCE = 32 << 20 };
  if (n == 0) return SZ_TRUNCATED;
  if (*size >= AT_ONCE && pause != NULL) return decode_by_blocks(decoder, src, n, dst, size, pause);
  const size_t got = ZSTD_decompressDCtx(decoder, dst, *size, src, n);
  if (ZSTD_isError(got)) return status_of(got);
  *size = got;
  return SZ_OK;
}

/* Return a number of bytes that are encoded in about 0.1 s, even if they are hard to compress. */
static size_t encoded_at_once(int level) {
  enum { FAST = 5, MEDIUM = 12 };
  if (level <= FAST) return 8 << 20;
  return level <= MEDIUM ? 1 << 20 : 256 << 10;
}

static int encode_by_blocks(ZSTD_CCtx *encoder, const char *src, size_t n, char *dst, size_t *size,
                            const sz_pause *pause) {
  enum { BLOCK = 128 << 10 };
  ZSTD_inBuffer in = {src, 0, 0};
  ZSTD_outBuffer out = {dst, *size, 0};
  ZSTD_CCtx_setParameter(encoder, SZ_ZSTD_STABLE_INPUT, 1);
  ZSTD_CCtx_setParameter(encoder, SZ_ZSTD_STABLE_OUTPUT, 1);
  size_t code = ZSTD_CCtx_setPledgedSrcSize(encoder, n);
  while (!ZSTD_isError(code)) {
    in.size = n - in.size > BLOCK ? in.size + BLOCK : n;
    code = ZSTD_compressStream2(encoder, &out, &in, in.size < n ? SZ_ZSTD_E_CONTINUE : SZ_ZSTD_E_END);
    if (in.size == n) break;
    const int status = sz_look(pause);
    if (status != SZ_OK) return status;
  }
  *size = out.pos;
  if (ZSTD_isError(code)) return ZSTD_getErrorCode(code) == SZ_ZSTD_ERROR_MEMORY ? SZ_NO_MEMORY : SZ_TOO_LONG;
  return code == 0 ? SZ_OK : SZ_TOO_LONG;
}

int sz_zstd_encode(ZSTD_CCtx *encoder, int level, int checksum, const char *src, size_t n, char *dst,
                   size_t *size, const sz_pause *pause) {
  ZSTD_CCtx_reset(encoder, SZ_ZSTD_RESET_SESSION); /* after a failure no parameter could be set */
  ZSTD_CCtx_setParameter(encoder, SZ_ZSTD_COMPRESSION_LEVEL, level);
  ZSTD_CCtx_setParameter(encoder, SZ_ZSTD_CHECKSUM_FLAG, checksum);
  if (n > encoded_at_once(level)) {
    const int status = encode_by_blocks(encoder, src, n, dst, size, pause);
    ZSTD_CCtx_reset(encoder, SZ_ZSTD_RESET_ALL);
    return status;
  }
  const size_t got = ZSTD_compress2(encoder, dst, *size, src, n);
  if (ZSTD_isError(got)) return ZSTD_getErrorCode(got) == SZ_ZSTD_ERROR_MEMORY ? SZ_NO_MEMORY : SZ_TOO_LONG;
  *size = got;
  return SZ_OK;
}

int sz_zstd_open(ZSTD_DCtx *decoder, const char *src, size_t n, size_t size, sz_zstd_frame *frame) {
  if (n <= FLAGS || ZSTD_getFrameContentSize(src, n) != size || ZSTD_findFrameCompressedSize(src, n) != n)
    return 0;
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
    const size_t got = ZSTD_decompressContinue(decoder, frame->dst + frame->done, frame->size - frame->done,
                                               frame->src, wanted);
    if (ZSTD_isError(got)) return status_of(got);
    frame->src += wanted;
    frame->n -= wanted;
    frame->done += got;
  }
  return SZ_OK;
}
