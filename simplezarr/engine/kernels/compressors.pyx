"""The compressors and checksums as kernels behind one C function type, from the compression archive.

Each kernel decodes into memory of a given capacity and never past it. So no kernel relies on the size that an encoded
chunk claims to have.
"""

import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t

from simplezarr.csrc cimport SZ_CHECKSUM, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TRUNCATED, sz_pause
from simplezarr.csrc.codecs cimport (
    SZ_BITSHUFFLE, SZ_BLOSCLZ, SZ_LZ4, SZ_LZ4HC, SZ_NOSHUFFLE, SZ_SHUFFLE, SZ_SNAPPY, SZ_ZLIB, SZ_ZSTD, ZSTD_CCtx,
    ZSTD_DCtx, ZSTD_compressBound, ZSTD_createCCtx, ZSTD_createDCtx, ZSTD_freeCCtx, ZSTD_freeDCtx, sz_blosc1,
    sz_blosc1_block_size, sz_blosc1_bound, sz_blosc1_decode_block, sz_blosc1_encode, sz_blosc1_init, sz_blosc1_open,
    sz_blosc1_scratch, sz_crc32c, sz_zstd_decode, sz_zstd_encode, sz_zstd_frame, sz_zstd_more, sz_zstd_open,
    sz_zstd_prefix, sz_zstd_prefix_room)
from simplezarr.engine.kernels.context cimport (
    BLOCK_SLOT, PIECE_BYTES, PREFIX_SLOT, add_discard, bytes_at, copy_bytes, pause, pause_of, scratch, status_message,
    take_error, context_acquire, context_release)

# The largest zstd chunk, in bytes, whose beginning sz_zstd_prefix may decode. libzstd decodes larger ones block after
# block, and with SIMPLEZARR_PARTIAL_ZSTD=0 all of them.
cdef size_t PREFIX_BYTES = 0 if os.environ.get("SIMPLEZARR_PARTIAL_ZSTD") == "0" else 512 << 10


cdef void discard(Context *context) noexcept:
    """Free the contexts of zstd."""
    ZSTD_freeDCtx(context.zstd_decoder)
    ZSTD_freeCCtx(context.zstd_encoder)
    context.zstd_decoder, context.zstd_encoder = NULL, NULL


add_discard(discard)


# ---------------------------------------------------------------- zstd (RFC 8878)

cdef ZSTD_DCtx *zstd_decoder(Context *context) noexcept nogil:  # NULL without memory for one, as below
    if context.zstd_decoder == NULL:
        context.zstd_decoder = ZSTD_createDCtx()
    return context.zstd_decoder


cdef ZSTD_CCtx *zstd_encoder(Context *context) noexcept nogil:
    if context.zstd_encoder == NULL:
        context.zstd_encoder = ZSTD_createCCtx()
    return context.zstd_encoder


cdef int zstd_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                     size_t *size) noexcept nogil:
    cdef sz_pause pauses = pause_of(context)
    if zstd_decoder(context) == NULL:
        return SZ_NO_MEMORY
    return sz_zstd_decode(context.zstd_decoder, src, n, dst, size, &pauses)


cdef bint zstd_open(Context *context, const char *src, size_t n, size_t size, sz_zstd_frame *frame) noexcept nogil:
    return zstd_decoder(context) != NULL and sz_zstd_open(context.zstd_decoder, src, n, size, frame)


cdef int zstd_decode_more(Context *context, sz_zstd_frame *frame) noexcept nogil:
    return sz_zstd_more(context.zstd_decoder, frame)


cdef bint zstd_prefix(Context *context, const char *src, size_t n, size_t size, size_t wanted,
                      char *dst) noexcept nogil:
    """Decode the first `wanted` bytes of a chunk of `size` bytes; return whether that was done.

    It is not tried if nearly all is wanted, because libzstd decodes whole blocks faster. dst has room for `size` +
    SZ_ZSTD_SLACK bytes.
    """
    cdef bint pays = size <= PREFIX_BYTES and wanted <= size // 8 * 7
    cdef char *memory = scratch(context, PREFIX_SLOT, sz_zstd_prefix_room()) if pays else NULL
    return memory != NULL and sz_zstd_prefix(src, n, size, wanted, dst, memory)


cdef int zstd_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                     size_t *size) noexcept nogil:
    """Encode to one frame with its content size."""
    cdef sz_pause pauses = pause_of(context)
    if zstd_encoder(context) == NULL:
        return SZ_NO_MEMORY
    return sz_zstd_encode(context.zstd_encoder, step.level, step.checksum, src, n, dst, size, &pauses)


cdef size_t zstd_bound(const CodecStep *step, size_t n) noexcept nogil:
    return ZSTD_compressBound(n)


# ---------------------------------------------------------------- Blosc 1

sz_blosc1_init()  # the archive chooses its shuffles at the first use, which several threads must not make at once


cdef int blosc_open(const char *src, size_t n, sz_blosc1 *header) noexcept nogil:
    return sz_blosc1_open(src, n, header)


cdef int32_t blosc_block_size(const sz_blosc1 *header, int32_t i) noexcept nogil:
    return sz_blosc1_block_size(header, i)


cdef int blosc_decode_block(Context *context, const char *src, size_t n, const sz_blosc1 *header, int32_t i,
                            char *dst) noexcept nogil:
    cdef sz_pause pauses = pause_of(context)
    cdef char *tmp = scratch(context, BLOCK_SLOT, header.blocksize)
    if tmp == NULL or zstd_decoder(context) == NULL:
        return SZ_NO_MEMORY
    return sz_blosc1_decode_block(src, n, header, i, dst, tmp, context.zstd_decoder, &pauses)


cdef int blosc_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                      size_t *size) noexcept nogil:
    cdef sz_blosc1 header
    cdef int32_t i
    cdef int status = sz_blosc1_open(src, n, &header)
    if status != SZ_OK:
        return status
    if <size_t>header.nbytes > size[0]:
        return SZ_TOO_LONG
    for i in range(header.nblocks):
        status = blosc_decode_block(context, src, n, &header, i, dst + <size_t>i * header.blocksize)
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            return status
    size[0] = header.nbytes
    return SZ_OK


cdef int blosc_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                      size_t *size) noexcept nogil:
    cdef sz_pause pauses = pause_of(context)
    cdef char *tmp
    if n > 0x7fffffff - 16:
        return SZ_TOO_LONG
    tmp = scratch(context, BLOCK_SLOT, sz_blosc1_scratch(&step.blosc, n))
    if tmp == NULL or zstd_encoder(context) == NULL:
        return SZ_NO_MEMORY
    return sz_blosc1_encode(&step.blosc, src, n, tmp, context.zstd_encoder, &pauses, dst, size)


cdef size_t blosc_bound(const CodecStep *step, size_t n) noexcept nogil:
    return sz_blosc1_bound(n)


# ---------------------------------------------------------------- crc32c (RFC 3720)

cdef int checksum_of(Context *context, const char *src, size_t n, uint32_t *crc) noexcept nogil:
    cdef int status = SZ_OK
    crc[0] = 0
    while n > PIECE_BYTES and status == SZ_OK:
        crc[0] = sz_crc32c(crc[0], src, PIECE_BYTES)
        src += PIECE_BYTES
        n -= PIECE_BYTES
        status = pause(context)
    crc[0] = sz_crc32c(crc[0], src, n)
    return status


cdef int crc32c_decode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                       size_t *size) noexcept nogil:
    cdef uint32_t crc
    cdef int status
    if n < 4:
        return SZ_TRUNCATED
    status = checksum_of(context, src, n - 4, &crc)
    if status == SZ_OK and crc != get_little(src + n - 4):
        return SZ_CHECKSUM
    size[0] = n - 4
    return status


cdef int crc32c_encode(Context *context, const CodecStep *step, const char *src, size_t n, char *dst,
                       size_t *size) noexcept nogil:
    cdef uint32_t crc
    cdef int status = checksum_of(context, src, n, &crc)
    if status == SZ_OK and src != dst:
        status = copy_bytes(context, dst, src, n)
    put_little(dst + n, crc)
    size[0] = n + 4
    return status


cdef size_t crc32c_bound(const CodecStep *step, size_t n) noexcept nogil:
    return n + 4


# ---------------------------------------------------------------- codecs for Python

cdef class CompiledCodec:
    """A bytes -> bytes codec with its settings, made by one of the functions below.

    >>> codec = crc32c_codec()
    >>> codec.encode(b"a").hex()
    '613043d0c1'
    """

    @property
    def name(self) -> str:
        """The codec's name in the Zarr specification."""
        return self.step.name.decode()

    def decode(self, data, limit=None) -> bytes:
        """Return the decoded bytes. Raise ValueError if data are corrupt or decode to more than `limit` bytes.

        Pass no limit only for trusted bytes. Memory is allocated as it is needed, so a large limit costs nothing.
        """
        cdef bytes decoded
        room = 16 * memoryview(data).nbytes + (1 << 20)
        while limit is None or room < limit:
            decoded = self.run(data, room, self.step.decode, True)
            if decoded is not None:
                return decoded
            room *= 16
        decoded = self.run(data, limit, self.step.decode, True)
        if decoded is None:
            raise ValueError(f"{self.name}: decodes to more than {limit} bytes")
        return decoded

    def encode(self, data) -> bytes:
        """Return the encoded bytes."""
        return self.run(data, self.step.bound(&self.step, memoryview(data).nbytes), self.step.encode, False)

    cdef bytes run(self, data, size_t limit, codec_fn kernel, bint may_fail):
        """Return the kernel's output; None if it is longer than the limit and `may_fail` is set."""
        cdef Py_buffer view
        cdef size_t size = limit
        cdef char *dst
        cdef int status = SZ_NO_MEMORY
        cdef Context *context = context_acquire()
        try:
            PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
            try:
                dst = scratch(context, 0, limit)
                if dst != NULL:
                    with nogil:
                        status = kernel(context, &self.step, <const char *>view.buf, view.len, dst, &size)
                    if status == SZ_OK and size > limit:  # a checksum was removed, which needs no room in dst
                        status = SZ_TOO_LONG
                if status == SZ_OK:
                    if self.step.trims and kernel == self.step.decode:
                        return bytes_at(<const char *>view.buf, size)
                    return bytes_at(dst, size)
            finally:
                PyBuffer_Release(&view)
        finally:
            error = take_error(context)
            context_release(context)
        if status == SZ_TOO_LONG and may_fail:
            return None
        if error is not None:
            raise error
        raise (MemoryError if status == SZ_NO_MEMORY else ValueError)(f"{self.name}: {status_message(status)}")


cdef CompiledCodec new_codec(const char *name, codec_fn decode, codec_fn encode, bound_t bound):
    cdef CompiledCodec codec = CompiledCodec.__new__(CompiledCodec)
    codec.step.name, codec.step.bound = name, bound
    codec.step.decode, codec.step.encode = decode, encode
    return codec


def zstd_codec(int level=0, bint checksum=False) -> CompiledCodec:
    """Return the codec zstd (RFC 8878), level -131072 to 22, 0 for the library's default."""
    cdef CompiledCodec codec = new_codec("zstd", zstd_decode, zstd_encode, zstd_bound)
    codec.step.level = level
    codec.step.checksum = checksum
    codec.step.in_order = True
    return codec


def blosc_codec(str cname="zstd", int clevel=5, str shuffle="noshuffle", int typesize=1, int blocksize=0) -> CompiledCodec:
    """Return the codec Blosc 1; cname blosclz, lz4, lz4hc, snappy (only read), zlib or zstd; clevel 0 to 9."""
    cdef CompiledCodec codec = new_codec("blosc", blosc_decode, blosc_encode, blosc_bound)
    codec.step.in_blocks = True
    codec.step.blosc.compressor = {"blosclz": SZ_BLOSCLZ, "lz4": SZ_LZ4, "lz4hc": SZ_LZ4HC, "snappy": SZ_SNAPPY,
                                   "zlib": SZ_ZLIB, "zstd": SZ_ZSTD}[cname]
    codec.step.blosc.shuffle = {"noshuffle": SZ_NOSHUFFLE, "shuffle": SZ_SHUFFLE, "bitshuffle": SZ_BITSHUFFLE}[shuffle]
    codec.step.blosc.level, codec.step.blosc.typesize, codec.step.blosc.blocksize = clevel, typesize, blocksize
    return codec


def crc32c_codec() -> CompiledCodec:
    """Return the checksum CRC-32C (RFC 3720), 4 bytes little endian behind the data."""
    cdef CompiledCodec codec = new_codec("crc32c", crc32c_decode, crc32c_encode, crc32c_bound)
    codec.step.trims = True
    return codec
