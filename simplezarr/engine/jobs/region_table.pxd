from simplezarr.csrc.array cimport sz_points
from simplezarr.engine.chunks.moves cimport Cast
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport MAX_NDIM, Plan, ChunkProjection, AxisSlice
from simplezarr.engine.geometry.point_table cimport PointGroups, PointTable
from simplezarr.engine.jobs.chunk_source cimport ChunkSource

# One basic selection of a batch.
cdef struct BatchSelection:
    Py_ssize_t n                 # chunks that it touches
    const AxisSlice *slices      # over chunks, of each axis
    const Py_ssize_t *strides
    char *data

# A region table, for code that runs without the GIL. Axes are the array's, in its order.
cdef struct RequestLayout:
    int ndim
    int nlists
    bint whole_objects           # a chunk is a stored object, not a part of a shard
    const Pipeline *pipeline     # of a chunk
    Py_ssize_t straight          # regions of a chunk that is decoded directly into place: 1, or 0 if elements are cast
    const Cast *cast             # to the data type of the destinations; NULL: they have the pipeline's
    int transform                # of pieces at listed places: SZ_AS_IS, or-ed with SZ_NONTEMPORAL or not
    int converted                # the axis along which the factors of its conversion go, or -1
    const AxisSlice *slices      # over stored objects; of axes without points
    int list_of[MAX_NDIM]        # the list that has the points of an axis, or -1
    Py_ssize_t shape[MAX_NDIM]   # of a chunk
    Py_ssize_t strides[MAX_NDIM]  # of its native form, in bytes
    Py_ssize_t scale[MAX_NDIM]   # of its number in the stored object
    Py_ssize_t dst_strides[MAX_NDIM]
    int order[MAX_NDIM]          # the position of each axis in the regions that the chunk's pipeline takes
    char *data
    const PointGroups **lists
    const Py_ssize_t **places    # of each list: bytes from `data` to each point; of a batch: numbers of entries
    # of a batch
    const Py_ssize_t *entries    # (selection, row) of each
    const BatchSelection *batch

# A chunk that is touched: a box of elements for each choice of points (without lists, one box).
cdef struct TouchedChunk:
    Py_ssize_t number            # in the stored object, in C order of the stored form
    Py_ssize_t regions           # choices of points
    Region region                # of the first choice, in the order of axes that the chunk's pipeline takes
    # with lists
    sz_points lists[MAX_NDIM]
    Py_ssize_t src               # bytes from the chunk's first element to the box's
    char *data                   # the destination or source of the box's first element

# A stored object that is touched.
cdef struct TouchedObject:
    const RequestLayout *layout
    Py_ssize_t n                 # chunks of it that are touched
    Py_ssize_t index[MAX_NDIM]
    Py_ssize_t first[MAX_NDIM]   # of each list: the first of the object's chunks
    Py_ssize_t count[MAX_NDIM]   # of each list: the number of the object's chunks
    TouchedChunk chunk           # the only one, if the object is not a shard
    # of a shard
    AxisSlice slices[MAX_NDIM]   # over its chunks; of axes without points
    char *data
    Py_ssize_t along             # as that of a region

cdef void find_object(const RequestLayout *layout, Py_ssize_t i, TouchedObject *object) noexcept nogil
cdef const TouchedChunk *find_chunk(const TouchedObject *object, Py_ssize_t k, TouchedChunk *memory) noexcept nogil
cdef void shard_region(const TouchedObject *object, Region *region) noexcept nogil
cdef bint covers_chunk(int ndim, const TouchedChunk *chunk, const Py_ssize_t *inside) noexcept nogil
cdef bint covers_object(const TouchedObject *object, const Py_ssize_t *inside) noexcept nogil
cdef void batch_region(const RequestLayout *layout, Py_ssize_t entry, Region *region) noexcept nogil

cdef class RegionTable:
    cdef RequestLayout layout
    cdef ChunkSource source
    cdef Py_ssize_t nobjects     # stored objects touched
    cdef Py_ssize_t nchunks      # chunks touched
    cdef Plan plan               # of the axes without points
    cdef list kept
    cdef Cast cast
    cdef tuple cast_objects      # that `cast` refers to
    cdef int bind_points(self, list tables, list places) except -1
    cdef PointTable points(self, tuple shape, tuple axes, list indices, Py_ssize_t n)
    cdef int bind_plan(self, Plan plan, object out) except -1
    cdef int bind_slices(self, Plan plan) except -1
    cdef bint cast_for(self, object out, object fields) except -1
    cdef int convert_for(self, object out, object scale, object offset, int axis) except -1

cdef RegionTable regions_of(ChunkSource source, object selected, object out)
