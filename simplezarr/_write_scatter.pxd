from simplezarr._scatter cimport Scatter
from simplezarr._write cimport Write


cdef class WriteScatter(Write):
    cdef Scatter scatter
