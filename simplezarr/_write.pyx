"""Writing: each stored object that a plan touches, encoded and put in place of what was stored.

A chunk that the selection covers, as far as it lies in the array, is made from the values alone. Others are read, changed
and made anew; of a shard only the inner chunks that are touched. Whoever replaces an object holds the lock on it, from
before the old one is read until the new one stands. For a local directory all of that happens without the GIL.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.errno cimport EINTR, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cimport numpy as cnp

import numpy as np

from simplezarr import executor
from simplezarr._chunks cimport Job, Source, check_signals
from simplezarr._decode cimport (
    close_file, decode_native, inner_count, inner_region, inner_spans, open_file, read_file, read_native, shard_index)
from simplezarr._encode cimport (
    NOTHING, UNBOUNDED, encode_native, encode_region, encoded_bound, gather, native_room, shard_add, shard_begin,
    shard_finish, shard_reserve)
from simplezarr._pipeline cimport chain_is_shard, fill_native, fill_outside, raised, region_permute, sz_file
from simplezarr._plan cimport Plan, product
from simplezarr._worker cimport (
    CHUNK_SLOT, SZ_CORRUPT, SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, scratch, worker_acquire, worker_release)

cnp.import_array()

cdef extern from "copy.h" nogil:
    enum:
        SZ_AS_IS

cdef extern from "draft.h" nogil:
    int sz_draft_open(sz_draft *draft)
    int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n)
    int sz_draft_delete(sz_draft *draft)
    void sz_draft_drop(sz_draft *draft)
    int sz_remove(sz_draft *draft)

cdef extern from "atomic.h" nogil:
    int64_t sz_add(int64_t *counter, int64_t n)
    int sz_claim(int32_t *flag)
    int32_t sz_peek(const int32_t *flag)
    int32_t sz_is_ready(int32_t *flag)
    void sz_make_ready(int32_t *flag)

cdef enum:
    SHARE_BYTES = 256 << 10  # decoded bytes that are worth waking another thread for
    SHARE_OBJECTS = 8        # stored objects, however small
    STAMP_BYTES = 16 << 20   # encoded constants kept for the chunks still to come

cdef uint64_t LAST_BYTE = 0x7fffffffffffffff


def write(Source source, Plan plan, value, tuple shape, bint keep_empty=False):
    """Stores `value` where the plan selects.

    value: an array of the plan's shape, in any data type that NumPy can cast; shape: of the array that is written to;
    keep_empty: whether chunks that are all fill value are stored. Raises ChunkError for a chunk that must be read first and
    can't be decoded, or that can't be encoded; OSError where the system refuses to read or write. Each chunk then is as it
    was before or as it should be after.
    """
    cdef Write job
    cdef int axis
    if plan.n:
        job = Write.__new__(Write)
        job.source, job.plan, job.chain = source, plan, &source.pipeline.chain
        for axis in range(plan.ndim):
            job.lengths[axis] = shape[axis]
        job.take(value, keep_empty)
        job.start(executor.get_num_threads())


cdef void inner_position(const Chain *chain, Py_ssize_t inner, Py_ssize_t *position) noexcept nogil:
    """Where inner chunk number `inner` is in the grid of its shard's stored form."""
    cdef int d
    for d in range(chain.ndim - 1, -1, -1):
        position[d] = inner % chain.grid[d]
        inner //= chain.grid[d]


cdef bint covers(int ndim, const Region *region, const Py_ssize_t *inside) noexcept nogil:
    """The region is all of a chunk that lies in the array. (It can't be longer; so a full one has no gaps.)"""
    cdef int d
    for d in range(ndim):
        if region.count[d] != inside[d]:
            return False
    return True


cdef uint64_t clipped_axes(const Chain *chain, const Region *region) noexcept nogil:
    """The axes along which the array's edge cuts a covered chunk, as bits."""
    cdef uint64_t clipped = 0
    cdef int i
    for i in range(chain.ndim):
        if region.count[chain.order[i]] != chain.shape[i]:
            clipped |= <uint64_t>1 << chain.order[i]
    return clipped


cdef bytes joined(const sz_part *parts, size_t n):
    cdef size_t i, nbytes = 0
    cdef char *at
    for i in range(n):
        nbytes += parts[i].n
    value = PyBytes_FromStringAndSize(NULL, nbytes)
    at = PyBytes_AS_STRING(value)
    for i in range(n):
        memcpy(at, parts[i].data, parts[i].n)
        at += parts[i].n
    return value


cdef class Write(Job):
    """A write under way."""

    def __dealloc__(self):
        for stamp in self.stamps:
            free(stamp.data)

    cdef str task(self):
        return "writing"

    # ------------------------------------------------------------ before and after

    cdef int take(self, object value, bint keep_empty) except -1:
        """Notes where the values are, and what has to be done to them."""
        native = self.source.pipeline.dtype
        dtype = value.dtype
        self.values.keep_empty = keep_empty
        self.constant = value.size == 1 or not any(value.strides)
        if dtype != native and dtype.newbyteorder("=") == native and native.kind in "iufc":
            self.values.swap = native.itemsize // 2 if native.kind == "c" else native.itemsize
        elif dtype != native:
            errors = np.geterr()  # of this thread
            self.values.dtype, self.values.native = <PyObject *>dtype, <PyObject *>native
            self.values.errors = <PyObject *>errors
            self.held = (value, dtype, errors)
        self.held = self.held or (value,)
        self.data = self.plan.bind(value, self.strides)
        self.durable = self.source.local and self.source.store.durable
        return 0

    cdef int share(self, int threads):
        """Decides how the work is cut; the number of workers that it is worth."""
        cdef Py_ssize_t touched = self.touched(), work
        cdef bint near = self.source.local or self.source.in_memory
        work = product(touched, self.chain.inner.nbytes if self.chain.inner != NULL else self.chain.nbytes)
        self.parts, self.n, self.crew = 1, self.plan.n, 1
        if threads == 1 or touched == 1 or (near and work < SHARE_BYTES and self.n < SHARE_OBJECTS):
            return 1
        if chain_is_shard(self.chain) and (self.n == 1 or (near and self.n < threads)) and (
                encoded_bound(self.chain.inner) != UNBOUNDED):
            self.crew = <int>min(threads, touched)
        return <int>min(threads, self.n)

    def start(self, int threads):
        """Does all of it."""
        cdef int width = self.share(threads)
        if self.crew > 1:
            self.run_shards()
        else:
            self.run(width)

    cdef int run_shards(self) except -1:
        """Few shards: one after another, the inner chunks of each by several workers."""
        cdef Py_ssize_t index[MAX_NDIM]
        cdef Region region
        cdef Py_ssize_t i
        cdef int status
        cdef Worker *worker = worker_acquire()
        for i in range(self.plan.n):
            self.unit(i, index, &region)
            worker.inner, worker.culprit = -1, NULL
            with nogil:
                status = self.work(worker, index, &region, 0)
            if status != SZ_OK:
                self.fail(worker, status, index)
                break
        worker_release(worker)
        if self.failed:
            self.throw()
        return 0

    cdef void unit(self, Py_ssize_t i, Py_ssize_t *index, Region *region) noexcept nogil:
        if self.shared == NULL:
            Job.unit(self, i, index, region)
        else:
            memcpy(index, self.shared.index, self.plan.ndim * sizeof(Py_ssize_t))

    cdef int work(self, Worker *worker, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil:
        cdef Unit unit
        cdef int i
        cdef Py_ssize_t length
        if self.shared != NULL:
            return self.write_inner(worker, self.shared, part)
        unit.index, unit.region = index, region[0]
        for i in range(self.plan.ndim):
            length = self.plan.spans[i].size
            unit.inside[i] = min(length, self.lengths[i] - index[i] * length)
        unit.covered = covers(self.plan.ndim, region, unit.inside)
        unit.old.memory, unit.old.size, unit.old.file = NULL, 0, NULL
        unit.old.get_ranges, unit.old.index = NULL, NULL
        return self.write_local(worker, &unit) if self.source.local else self.write_value(worker, &unit)

    # ------------------------------------------------------------ stored objects

    cdef int write_local(self, Worker *worker, Unit *unit) noexcept nogil:
        """The short way: into a file, right here."""
        cdef sz_draft draft
        cdef const sz_part *parts = NULL
        cdef size_t n = 0
        cdef int status = SZ_OK
        draft.object, draft.root = self.file_name(worker, unit.index, 0), self.source.root_nbytes
        draft.durable = self.durable
        if draft.object == NULL:
            return SZ_NO_MEMORY
        if unit.covered:  # made first: the lock is held no longer than needed
            status = self.make(worker, unit, &parts, &n)
            if status == SZ_OK:
                status = self.begin(worker, &draft, sz_draft_open if n else sz_remove)
            if status != SZ_OK or n == 0:
                return status
        else:
            status = self.begin(worker, &draft, sz_draft_open)
            if status == SZ_OK:
                status = self.change_local(worker, unit, draft.object, &parts, &n)
                if status != SZ_OK:
                    sz_draft_drop(&draft)
            if status != SZ_OK:
                return status
        status = sz_draft_publish(&draft, parts, n) if n else sz_draft_delete(&draft)
        worker.os_error = errno
        return status

    cdef int begin(self, Worker *worker, sz_draft *draft, int (*function)(sz_draft *) noexcept nogil) noexcept nogil:
        """Calls what waits for the lock, again and again while somebody else has it and the write is still wanted."""
        cdef int status
        while True:
            status = function(draft)
            worker.os_error = errno
            if status != SZ_IO or worker.os_error != EINTR or sz_peek(&self.failed):
                return status
            status = check_signals(worker)
            if status != SZ_OK:
                return status

    cdef int change_local(self, Worker *worker, Unit *unit, const char *name, const sz_part **parts,
                          size_t *n) noexcept nogil:
        """Makes the new object from the file of the old one."""
        cdef sz_file file
        cdef int status = open_file(name, &file)
        if status == SZ_MISSING:
            return self.make(worker, unit, parts, n)
        if status == SZ_OK:
            unit.old.file, unit.old.size = &file, file.size
            status = self.make(worker, unit, parts, n)
            worker.os_error = errno
            close_file(&file)
        else:
            worker.os_error = errno
        return status

    cdef int write_value(self, Worker *worker, Unit *unit) noexcept with gil:
        """Through the methods of a store."""
        cdef const sz_part *parts = NULL
        cdef size_t n = 0
        cdef int status = SZ_OK
        cdef bytes old
        store = self.source.store
        try:
            key = self.source.key(tuple([unit.index[d] for d in range(self.plan.ndim)]))
            if unit.covered:
                with nogil:
                    status = self.make(worker, unit, &parts, &n)
            value = joined(parts, n) if n else None
            if status != SZ_OK:
                return status
            with store.lock(key):
                if not unit.covered:
                    stored = store.get(key)
                    if stored is not None:
                        old = stored if type(stored) is bytes else bytes(stored)
                        unit.old.memory, unit.old.size = PyBytes_AS_STRING(old), len(old)
                    with nogil:
                        status = self.make(worker, unit, &parts, &n)
                    if status != SZ_OK:
                        return status
                    value = joined(parts, n) if n else None
                self.source.forget_index(PyBytes_FromStringAndSize(<const char *>unit.index, self.plan.ndim * 8))
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)
            return SZ_OK
        except BaseException as error:
            return raised(worker, error)

    cdef int make(self, Worker *worker, Unit *unit, const sz_part **parts, size_t *n) noexcept nogil:
        """What is to be stored, in n parts; 0 where nothing is."""
        cdef int status
        cdef Blob *old = &unit.old
        if chain_is_shard(self.chain):
            status = self.make_shard(worker, unit)
            return shard_finish(worker, &unit.shard, <sz_part **>parts, n) if status == SZ_OK else status
        if unit.covered:
            status = self.encode_covered(worker, self.chain, &unit.region, NULL, &unit.part, 0)
        else:
            status = self.encode_changed(worker, self.chain, &unit.region, unit.inside, old, 0, old.size, NULL,
                                         &unit.part, 0)
        parts[0], n[0] = &unit.part, unit.part.data != NULL
        return status

    # ------------------------------------------------------------ shards

    cdef int make_shard(self, Worker *worker, Unit *unit) noexcept nogil:
        """Encodes the inner chunks that are touched, and keeps the bytes of the others."""
        cdef Py_ssize_t k
        cdef int status = shard_begin(worker, &unit.shard, self.chain, 0)
        if status != SZ_OK:
            return status
        region_permute(self.chain, &unit.region, &unit.stored)
        inner_spans(self.chain, &unit.stored, unit.spans)
        unit.touched = inner_count(self.chain, &unit.stored)
        if unit.old.memory != NULL or unit.old.file != NULL:
            status = shard_index(worker, self.chain, &unit.old, 0, &unit.old.index)
            if status == SZ_OK:
                status = self.keep_untouched(worker, unit)
        if status == SZ_OK and self.crew > 1:
            status = shard_reserve(worker, &unit.shard, unit.touched * encoded_bound(self.chain.inner))
            return self.share_inner(worker, unit) if status == SZ_OK else status
        for k in range(unit.touched):
            if status == SZ_OK:
                status = self.write_inner(worker, unit, k)
        return status

    cdef int keep_untouched(self, Worker *worker, Unit *unit) noexcept nogil:
        """Takes over the encoded bytes of the other inner chunks; neighbours in the old shard in one go."""
        cdef Region sub
        cdef const uint64_t *old = unit.old.index
        cdef uint64_t *entries = unit.shard.entries
        cdef Py_ssize_t k, i = 0, first
        cdef uint64_t start, end
        cdef int64_t at
        cdef int status = SZ_OK
        for k in range(unit.touched):
            entries[2 * inner_region(self.chain, unit.spans, &unit.stored, k, &sub) + 1] = 0  # a mark, see below
        while i < self.chain.ninner and status == SZ_OK:
            if entries[2 * i + 1] == 0 or (old[2 * i] == NOTHING and old[2 * i + 1] == NOTHING):
                i += 1
                continue
            first, start = i, old[2 * i]
            end = start
            while i < self.chain.ninner and entries[2 * i + 1] != 0 and old[2 * i] == end:
                worker.inner = i
                if old[2 * i + 1] > self.chain.inner.most or end > unit.old.size or (
                        old[2 * i + 1] > unit.old.size - end):
                    return SZ_CORRUPT
                end += old[2 * i + 1]
                i += 1
            status = shard_reserve(worker, &unit.shard, end - start)
            if status == SZ_OK:
                at = sz_add(&unit.shard.used, end - start)
                if unit.old.memory != NULL:
                    memcpy(unit.shard.memory + at, unit.old.memory + start, end - start)
                else:
                    status = read_file(unit.old.file, unit.shard.memory + at, end - start, start)
                for k in range(first, i):
                    entries[2 * k], entries[2 * k + 1] = at + (old[2 * k] - start), old[2 * k + 1]
        worker.inner = -1
        return status

    cdef int share_inner(self, Worker *worker, Unit *unit) noexcept with gil:
        """Encodes the touched inner chunks of one shard by several workers."""
        try:
            self.shared, self.next, self.n, self.parts = unit, 0, unit.touched, unit.touched
            executor.drain(self.drain, self.crew)
            return self.status if self.failed else SZ_OK
        except BaseException as error:
            return raised(worker, error)
        finally:
            self.shared, self.parts = NULL, 1

    cdef int write_inner(self, Worker *worker, Unit *unit, Py_ssize_t number) noexcept nogil:
        """Encodes the number-th of the touched inner chunks into the shard."""
        cdef const Chain *chain = self.chain
        cdef Py_ssize_t position[MAX_NDIM]
        cdef Py_ssize_t inside[MAX_NDIM]
        cdef Py_ssize_t inner, length
        cdef Region region
        cdef sz_part part
        cdef size_t bound = encoded_bound(chain.inner)
        cdef char *dst = NULL
        cdef int d, status = SZ_OK
        inner = inner_region(chain, unit.spans, &unit.stored, number, &region)
        worker.inner = inner
        inner_position(chain, inner, position)
        for d in range(chain.ndim):
            length = chain.shape[d] // chain.grid[d]
            inside[d] = min(length, unit.inside[chain.order[d]] - position[d] * length)
        if self.shared == NULL and bound != UNBOUNDED:  # straight into place
            status = shard_reserve(worker, &unit.shard, bound)
            dst = unit.shard.memory + unit.shard.used
        if status != SZ_OK:
            return status
        if unit.covered or covers(chain.ndim, &region, inside):
            status = self.encode_covered(worker, chain.inner, &region, dst, &part, 1)
        elif unit.old.index == NULL:
            status = self.encode_changed(worker, chain.inner, &region, inside, &unit.old, NOTHING, NOTHING, dst, &part, 1)
        else:
            status = self.encode_changed(worker, chain.inner, &region, inside, &unit.old, unit.old.index[2 * inner],
                                         unit.old.index[2 * inner + 1], dst, &part, 1)
        if status == SZ_OK and bound == UNBOUNDED and part.data != NULL:
            status = shard_reserve(worker, &unit.shard, part.n)
        if status == SZ_OK:
            shard_add(&unit.shard, inner, &part)
        return status

    # ------------------------------------------------------------ chunks

    cdef int encode_covered(self, Worker *worker, const Chain *chain, const Region *region, char *dst, sz_part *out,
                            int level) noexcept nogil:
        """Encodes a chunk from the values alone; as `encode_region`, but chunks of a constant only once."""
        cdef Stamp *stamp
        cdef uint64_t clipped
        cdef int i, status
        if not self.constant:
            return encode_region(worker, chain, region, &self.values, dst, out, level)
        clipped = clipped_axes(chain, region)
        for i in range(STAMPS):
            stamp = &self.stamps[i]
            if not sz_is_ready(&stamp.ready):
                break
            if stamp.clipped == clipped:
                out.data, out.n = stamp.data, stamp.n
                return SZ_OK
        status = encode_region(worker, chain, region, &self.values, dst, out, level)
        if status == SZ_OK:
            self.keep_stamp(clipped, out)
        return status

    cdef void keep_stamp(self, uint64_t clipped, const sz_part *part) noexcept nogil:
        """Keeps an encoded constant, where there is room."""
        cdef Stamp *stamp
        cdef int i
        if sz_add(&self.stamped, part.n) + <int64_t>part.n > STAMP_BYTES:
            return
        for i in range(STAMPS):
            stamp = &self.stamps[i]
            if not sz_claim(&stamp.claimed):
                continue
            stamp.clipped, stamp.n = clipped, part.n
            if part.data != NULL:
                stamp.data = <char *>malloc(part.n + 1)
                if stamp.data == NULL:
                    return
                memcpy(stamp.data, part.data, part.n)
            sz_make_ready(&stamp.ready)
            return

    cdef int encode_changed(self, Worker *worker, const Chain *chain, const Region *region, const Py_ssize_t *inside,
                            const Blob *old, uint64_t offset, uint64_t nbytes, char *dst, sz_part *out,
                            int level) noexcept nogil:
        """Decodes a chunk, the nbytes at `offset` of a stored object, changes it and encodes it again.

        Nothing is stored yet where the object has neither memory nor a file, or where offset and nbytes are NOTHING.
        """
        cdef char *native = scratch(worker, CHUNK_SLOT, native_room(chain))
        cdef int status = SZ_OK
        if native == NULL:
            return SZ_NO_MEMORY
        if (old.memory == NULL and old.file == NULL) or (offset == NOTHING and nbytes == NOTHING):
            fill_native(chain, native)
        elif nbytes > chain.most or offset > LAST_BYTE - nbytes or offset + nbytes > old.size:
            status = SZ_CORRUPT
        elif old.memory != NULL:
            status = decode_native(worker, chain, old.memory + offset, nbytes, native, level)
        else:
            status = read_native(worker, chain, old.file, offset, nbytes, native, level)
        if status == SZ_OK:
            fill_outside(chain, native, inside)  # where others leave what they like
            status = self.change(worker, chain, region, native)
        if status != SZ_OK:
            return status
        return encode_native(worker, chain, native, self.values.keep_empty, dst, out, level)

    cdef int change(self, Worker *worker, const Chain *chain, const Region *region, char *native) noexcept nogil:
        """Puts what is written into a whole chunk in native form (a unit of reading); subclasses may know other ways."""
        cdef Region permuted
        region_permute(chain, region, &permuted)
        return gather(worker, chain, &permuted, &self.values, native, SZ_AS_IS)
