from simplezarr._read cimport Read
from simplezarr._scatter cimport Scatter


cdef class ReadScatter(Read):
    cdef Scatter scatter
