cimport cython
from libc.stdint cimport int64_t, uint64_t

from simplezarr.runtime.key_locks cimport KeyLock

cdef extern from "io/files.h" nogil:
    ctypedef struct sz_file:
        int fd
        int64_t size
    enum:
        SZ_HAVE_FILES
        SZ_NO_DIRECTORY
    int sz_open_directory(const char *path)
    void sz_close_directory(int directory)

cdef extern from "pause.h" nogil:
    ctypedef struct sz_pause:
        pass

cdef extern from "io/draft.h" nogil:
    ctypedef struct sz_part:
        const char *data
        size_t n
        int64_t offset
    ctypedef struct sz_draft:
        const char *object
        size_t root
        int beneath
        int directory
        size_t within
        uint64_t local
        int durable
        int kept
        const sz_file *replaced
        const sz_pause *pause
        int fd
        int lock
        int parent
    bint sz_draft_is_open(const sz_draft *draft)
    int sz_draft_open(sz_draft *draft)
    int sz_draft_prepare(sz_draft *draft)
    int sz_draft_publish(sz_draft *draft, const sz_part *parts, size_t n)
    int sz_draft_delete(sz_draft *draft)
    void sz_draft_drop(sz_draft *draft)
    void sz_draft_abandon(sz_draft *draft)
    int sz_remove(sz_draft *draft)
    int sz_write_parts(int fd, const sz_part *parts, size_t n, int kept, int holes, const sz_pause *pause)

cdef extern from "io/file_copy.h" nogil:
    int sz_copy_next(int source, int target, size_t most, size_t *copied)

cdef extern from "io/tree.h" nogil:
    ctypedef struct sz_tree:
        int parent
        const char *busy
        int skip
    void sz_tree_begin(sz_tree *tree, int parent, const char *name)
    int sz_tree_remove(sz_tree *tree)
    size_t sz_tree_busy_path(const sz_tree *tree, char *path, size_t room)
    void sz_tree_end(sz_tree *tree)

cdef extern from "io/temporary.h" nogil:
    enum:
        SZ_PATH_BYTES
    int sz_name_temporary(const char *object, int second, char *path)
    int sz_discard(int at, const char *name, int wait)
    int sz_is_abandoned(int at, const char *name)

cdef extern from "io/directories.h" nogil:
    enum:
        SZ_BENEATH_ENTER
    int sz_open_beneath(const char *path, size_t root, int how)
    size_t sz_prune(char *path, size_t root, int find)


@cython.final
cdef class Place:
    cdef bytes encoded
    cdef size_t root
    cdef bint follow
    cdef int open_above(self, str path) except -1


cdef class FileLock(KeyLock):
    cdef Place place
    cdef str path
    cdef sz_draft draft
    cdef int open(self) except -1
    cdef int prepare(self) except -1
    cdef int copy(self, int source) except -1
    cdef int write(self, const sz_part *part) except -1
    cdef object error(self, int code, bint opening)


@cython.final
cdef class Tree:
    cdef Place place
    cdef str path
    cdef sz_tree tree
    cdef bint is_mine(self) except -1
