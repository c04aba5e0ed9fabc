from simplezarr.engine.jobs.region_table cimport Scatter
from simplezarr.engine.jobs.write cimport Write


cdef class WriteScatter(Write):
    cdef Scatter scatter
