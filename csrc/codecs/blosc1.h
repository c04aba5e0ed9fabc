/* The Blosc 1 container: 16-byte header, block starts, blocks of one or several streams. It is read block by
 * block, so that a caller can place each while it is in cache. It is written as c-blosc 1 reads it, because
 * blosc2 writes another format. */
#ifndef SZ_BLOSC1_H
#define SZ_BLOSC1_H
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

enum { SZ_BLOSCLZ = 0, SZ_LZ4 = 1, SZ_LZ4HC = 2, SZ_SNAPPY = 3, SZ_ZLIB = 4, SZ_ZSTD = 5 }; /* compressors */
enum { SZ_NOSHUFFLE = 0, SZ_SHUFFLE = 1, SZ_BITSHUFFLE = 2 };

/* Choose the shuffles for this processor. Call it once, before threads use the other functions. */
void sz_blosc1_init(void);

/* A checked header. */
typedef struct {
  int format;       /* inner format in the flags' bits 5 to 7: 0 blosclz, 1 lz4, 2 snappy, 3 zlib, 4 zstd */
  int stored;       /* memcpyed: the data follow the header as they are */
  int shuffle;      /* SZ_NOSHUFFLE, SZ_SHUFFLE or SZ_BITSHUFFLE */
  int split;        /* full blocks may be split into one stream per byte of the type */
  int32_t typesize; /* 1 to 255 */
  int32_t nbytes, blocksize, nblocks; /* blocks of stored data are pieces that fit the cache */
} sz_blosc1;

/* Read and check the header and the table of block starts of the n bytes at src. None of it is trusted.
 * SZ_OK, SZ_TRUNCATED (n < 16 or cbytes > n), SZ_CORRUPT (version other than 2, blocksize 0 or beyond nbytes,
 * a block start outside, a Blosc 2 frame), SZ_TRAILING (cbytes < n, all else is valid). */
int sz_blosc1_open(const char *src, size_t n, sz_blosc1 *header);

/* Return the decoded size of block i: blocksize, or less for the last. */
int32_t sz_blosc1_block_size(const sz_blosc1 *header, int32_t i);

/* Decode block i of the container at src (opened before, the same n) into dst. tmp: blocksize bytes of
 * scratch. zstd: a ZSTD_DCtx * of this thread, used for zstd streams. pause: within a block that takes
 * long, or NULL. SZ_OK, SZ_CORRUPT, SZ_NO_MEMORY or a status of the pause. Never writes outside dst[0 ..
 * block size) and tmp[0 .. blocksize). */
int sz_blosc1_decode_block(const char *src, size_t n, const sz_blosc1 *header, int32_t i, char *dst,
                           char *tmp, void *zstd, const sz_pause *pause);

/* Return the largest output of sz_blosc1_encode for nbytes of input. */
size_t sz_blosc1_bound(size_t nbytes);

/* How a container is encoded. */
typedef struct {
  int compressor;    /* SZ_BLOSCLZ … SZ_ZSTD but not SZ_SNAPPY */
  int level;         /* 0 (store) to 9 */
  int shuffle;       /* SZ_NOSHUFFLE, SZ_SHUFFLE or SZ_BITSHUFFLE */
  int typesize;      /* 1 to 255 */
  int32_t blocksize; /* 0: chosen by size and settings */
} sz_blosc1_settings;

/* Return how many bytes of scratch are needed to encode n bytes. */
size_t sz_blosc1_scratch(const sz_blosc1_settings *settings, size_t n);

/* Encode n bytes (at most 2^31 - 1 - 16) into dst (sz_blosc1_bound(n) bytes); *size receives the length
 * written. Makes a stored container if compression does not pay. zstd: a ZSTD_CCtx *, or NULL for the others;
 * pause: between blocks, and within those that take long, or NULL. SZ_OK, SZ_NO_MEMORY, SZ_UNSUPPORTED or a
 * status of the pause. */
int sz_blosc1_encode(const sz_blosc1_settings *settings, const char *src, size_t n, char *scratch, void *zstd,
                     const sz_pause *pause, char *dst, size_t *size);

#endif
