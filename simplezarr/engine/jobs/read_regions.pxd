from simplezarr.engine.jobs.read cimport Read
from simplezarr.engine.jobs.region_table cimport Scatter


cdef class ReadScatter(Read):
    cdef Scatter scatter
