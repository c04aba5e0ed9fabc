"""Find, fetch and name the stored objects of an array, and cache the indexes of its shards."""

from collections import OrderedDict
from functools import partial

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from simplezarr.csrc cimport SZ_MISSING, SZ_OK, SZ_TOO_LONG
from simplezarr.csrc.io cimport SZ_HAVE_FILES, sz_file
from simplezarr.engine.chunks.byte_source cimport UNKNOWN_SIZE, ByteRange, ByteSource, bytes_in_store, find_inner_chunk
from simplezarr.engine.chunks.decode cimport shard_index
from simplezarr.engine.chunks.pipeline cimport Pipeline, pipeline_is_shard, pipeline_outermost, free_bytes
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.chunks.shard_reader cimport data_end
from simplezarr.engine.files.files cimport PyUnicode_EncodeFSDefault, is_settled
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.kernels.context cimport Context, raised, status_message, take_error, context_acquire, context_release
from simplezarr.errors import ChangedError, ChunkError, TooLargeError, UnsupportedError
from simplezarr.engine.files.reader import read_version

cdef enum:
    INDEX_BYTES = 16 << 20      # of cached shard indexes for one array


cdef class ShardIndex:
    """A shard's decoded index and the version of the shard that it was read from."""


cdef class ChunkSource:
    """The chunks of one array: where they are stored and how they are decoded.

    keys: the array's chunk key encoding. path: the array's path in the store. chunks: the shape of a chunk.
    """

    def __init__(self, CodecPipeline pipeline, store, keys, str path, tuple chunks):
        self.pipeline, self.store, self.keys, self.path, self.chunks = pipeline, store, keys, path, chunks
        self.in_memory = store.in_memory
        self.separator = ord(keys.separator)
        self.bare = keys.name == "v2"
        self.indexes = OrderedDict() if pipeline.compiled.inner != NULL else None
        root = store.local_root if SZ_HAVE_FILES else None
        self.local = root is not None
        self.find_file_ranges = store.find_file_ranges if SZ_HAVE_FILES and not self.local else None
        if self.local:
            encoded = PyUnicode_EncodeFSDefault(root)
            self.root_nbytes = len(encoded)
            self.folder = encoded if encoded.endswith(b"/") else encoded + b"/"
            if path:
                self.folder += PyUnicode_EncodeFSDefault(path) + b"/"
            self.folder_nbytes = len(self.folder)
        else:
            self.folder = f"{path}/".encode() if path else b""
        self.prefix = self.folder if self.bare else self.folder + b"c"
        self.prefix_bytes, self.prefix_nbytes = PyBytes_AS_STRING(self.prefix), len(self.prefix)

    def key(self, tuple index) -> str:
        """Return the key of a stored object: of a shard if the array has shards, otherwise of a chunk."""
        return f"{self.path}/{self.keys.key(index)}" if self.path else self.keys.key(index)

    cdef bint is_near(self) except -1:
        """Return whether no request has to wait for another machine."""
        return self.local or self.in_memory or (self.find_file_ranges is not None and self.store.concurrency is None)

    cdef object getter(self):
        """Return the function that `fetch` calls, for as long as this process is not forked."""
        cdef const Pipeline *pipeline = &self.pipeline.compiled
        if self.in_memory:
            return self.store.get
        if pipeline_is_shard(pipeline):
            return self.store.getter(PY_SSIZE_T_MAX)
        if pipeline.python == NULL:
            return self.store.getter(pipeline.most)
        return self.store.getter(free_bytes(pipeline), holes=True)

    cdef object fetch(self, getter, str key):
        """Return a whole stored object, or None if it is not stored. TooLargeError may come before the object is read."""
        cdef const Pipeline *pipeline = &self.pipeline.compiled
        try:
            return getter(key)
        except TooLargeError:
            if pipeline.python != NULL or pipeline_is_shard(pipeline):
                raise
            codec = pipeline_outermost(pipeline).decode()
            raise CodecFailure(f"{codec}: {status_message(SZ_TOO_LONG)}; the stored object is damaged or not what the "
                               "array's metadata say", codec) from None

    def failure(self, tuple index, str key, str why, str codec=None):
        """Return the ChunkError for a chunk, by its index and the key of its stored object."""
        return ChunkError(f"array '/{self.path}', chunk {index}, key {key!r}: {why}", path=self.path, index=index, key=key,
                          codec=codec).of_store(self.store)

    def encoded_chunk(self, tuple index):
        """Return the stored bytes of one chunk, or None if it is not stored."""
        cdef const Pipeline *pipeline = &self.pipeline.compiled
        cdef Py_ssize_t outer[MAX_NDIM]
        cdef Py_ssize_t inner = 0
        cdef int d
        if pipeline.inner == NULL:
            value = self.store.get(self.key(index))
            return None if value is None else bytes(value)
        if not pipeline_is_shard(pipeline):
            raise UnsupportedError(f"array '/{self.path}', chunk {index}: it has no bytes of its own, because a codec "
                                   "encodes the whole shard; call get_chunk, which decodes it").of_store(self.store)
        for d in range(pipeline.ndim):
            outer[d] = index[d] // (self.pipeline.shape[d] // self.chunks[d])
        for d in range(pipeline.ndim):  # in C order of the stored form
            inner = inner * pipeline.grid[d] + index[pipeline.order[d]] % pipeline.grid[d]
        key = self.key(tuple([outer[d] for d in range(pipeline.ndim)]))
        try:
            return read_version(self.store, key, partial(self._inner_bytes, inner))
        except (ChangedError, CodecFailure) as error:
            raise self.failure(index, key, str(error), getattr(error, "codec", None)) from error.__cause__

    def _inner_bytes(self, Py_ssize_t inner, reader):
        """Return the stored bytes of an inner chunk, by its number, or None if it is not stored."""
        cdef const Pipeline *pipeline = &self.pipeline.compiled
        cdef ByteSource byte_source = bytes_in_store(<PyObject *>reader)
        cdef Context *context
        cdef ByteRange found
        cdef int status
        context = context_acquire()
        status = shard_index(context, pipeline, &byte_source, 0, &byte_source.index)
        if status == SZ_OK:
            status = find_inner_chunk(&byte_source, inner, UNKNOWN_SIZE, &found)
            reader.least = data_end(pipeline, &byte_source)
        error = take_error(context)
        context_release(context)
        if error is not None:
            raise error
        if status == SZ_MISSING:
            return None
        part = reader.get_range(found.offset, found.nbytes) if status == SZ_OK else None
        if part is None or <uint64_t>len(part) != found.nbytes:
            raise CodecFailure("sharding_indexed: the index is damaged", "sharding_indexed")
        return bytes(part)

    cdef ShardIndex cached_index(self, bytes name, const ByteSource *shard):
        """Return the shard's index, or None unless it is cached and still that of the shard's version.

        Requests to a store then ask for that version. If there is another one, they raise ChangedError.
        """
        cdef ShardIndex index = self.indexes.get(name)
        cdef const sz_file *file = shard.file
        if index is None:
            return None
        if file != NULL:
            if (index.inode != file.inode or index.mtime_ns != file.mtime_ns or index.ctime_ns != file.ctime_ns
                    or index.size != file.size or index.device != file.device or index.base != file.base):
                return None
        elif index.validator is not None and not (<object>shard.reader).pin(index.validator):
            return None
        return index

    cdef int keep_index(self, bytes name, const ByteSource *shard) except -1:
        """Cache a shard's index, unless it is too large or a change of the shard might not show."""
        cdef ShardIndex index = ShardIndex.__new__(ShardIndex)
        cdef const sz_file *file = shard.file
        cdef Py_ssize_t nbytes = 16 * self.pipeline.compiled.ninner
        if nbytes > INDEX_BYTES:
            return 0
        if file != NULL:
            if not is_settled(file.mtime_ns, file.ctime_ns):
                return 0
            index.device, index.inode, index.base, index.size = file.device, file.inode, file.base, file.size
            index.mtime_ns, index.ctime_ns = file.mtime_ns, file.ctime_ns
        elif not self.store.immutable:
            reader = <object>shard.reader
            index.validator = reader.validator
            if index.validator is None or not reader.pin(index.validator):
                return 0
        index.data = PyBytes_FromStringAndSize(<const char *>shard.index, nbytes)
        while len(self.indexes) >= max(1, INDEX_BYTES // (nbytes + 200)):
            self.indexes.popitem(last=False)
        self.indexes[name] = index
        return 0

    cdef int forget_index(self, bytes name) except -1:
        if self.indexes is not None:
            self.indexes.pop(name, None)
        return 0


cdef int known_index(Context *context, ChunkSource source, const Py_ssize_t *index, ByteSource *byte_source,
                     PyObject **held) noexcept with gil:
    """Point a shard's byte source to its index if that is cached. *held is a reference that the caller drops."""
    cdef ShardIndex known
    try:
        known = source.cached_index(PyBytes_FromStringAndSize(<const char *>index, source.pipeline.compiled.ndim * 8),
                                    byte_source)
        if known is not None:
            Py_INCREF(known)
            held[0] = <PyObject *>known
            byte_source.index = <const uint64_t *>PyBytes_AS_STRING(known.data)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef int learn_index(Context *context, ChunkSource source, const Py_ssize_t *index,
                     const ByteSource *byte_source) noexcept with gil:
    try:
        source.keep_index(PyBytes_FromStringAndSize(<const char *>index, source.pipeline.compiled.ndim * 8), byte_source)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)
