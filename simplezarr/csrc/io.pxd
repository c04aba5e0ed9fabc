from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc cimport sz_pause
from simplezarr.csrc.array cimport sz_dst, sz_selection

cdef extern from "io/files.h" nogil:
    ctypedef struct sz_file:
        int fd
        int64_t base, size
        uint64_t device, inode
        int64_t mtime_ns, ctime_ns
    enum:
        SZ_HAVE_FILES, SZ_NO_DIRECTORY
    int sz_open_directory(const char *path)
    void sz_close_directory(int directory)
    int sz_open(int directory, const char *path, sz_file *file)
    int sz_adopt(int fd, sz_file *file)
    int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset)
    int64_t sz_holes(const sz_file *file, int64_t enough)
    void sz_close(sz_file *file)
    int sz_size(const char *path, int64_t *size)
    int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size)

cdef extern from "io/read_box.h" nogil:
    enum:
        SZ_READ_BOX_PIECE
    size_t sz_read_box_room(size_t piece)
    int sz_read_box(const sz_file *file, int64_t base, const sz_selection *selection, sz_dst dst, int transform,
                    char *scratch, size_t piece)

cdef extern from "io/directories.h" nogil:
    enum:
        SZ_BENEATH_FILE, SZ_BENEATH_LIST, SZ_BENEATH_ENTER, SZ_BENEATH_STATUS
    uint64_t sz_local_device(int directory)
    int sz_open_beneath(const char *path, size_t root, int how)
    size_t sz_prune(char *path, size_t root, int find)

cdef extern from "io/temporary_file.h" nogil:
    enum:
        SZ_PATH_BYTES
    int sz_name_temporary(const char *object, int second, char *path)
    int sz_remove_abandoned(int at, const char *name, int wait)
    int sz_is_abandoned(int at, const char *name)

cdef extern from "io/file_copy.h" nogil:
    int sz_copy_next(int source, int target, size_t most, size_t *copied)

cdef extern from "io/segments.h" nogil:
    ctypedef struct sz_segment:
        const char *data
        size_t n
        int64_t offset
    int sz_write_segments(int fd, const sz_segment *segments, size_t n, int source_fd, int holes, const sz_pause *pause)

cdef extern from "io/replacement.h" nogil:
    ctypedef struct sz_replacement:
        const char *object
        size_t root
        int beneath
        int directory
        size_t within
        uint64_t local
        int durable
        int source_fd
        const sz_file *replaced
        const sz_pause *pause
        int fd
        int lock
        int parent
    bint sz_replacement_is_open(const sz_replacement *r)
    int sz_replacement_open(sz_replacement *r)
    int sz_replacement_prepare(sz_replacement *r)
    int sz_replacement_publish(sz_replacement *r, const sz_segment *segments, size_t n)
    int sz_replacement_delete(sz_replacement *r)
    void sz_replacement_discard(sz_replacement *r)
    void sz_replacement_close(sz_replacement *r)
    int sz_remove_object(sz_replacement *r)

cdef extern from "io/tree.h" nogil:
    ctypedef struct sz_tree:
        int parent
    void sz_tree_begin(sz_tree *tree, int parent, const char *name, const char *own)
    int sz_tree_remove(sz_tree *tree)
    void sz_tree_end(sz_tree *tree)
