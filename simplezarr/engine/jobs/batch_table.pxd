from simplezarr.engine.jobs.chunk_source cimport ChunkSource
from simplezarr.engine.jobs.region_table cimport RegionTable

cdef RegionTable batch_regions(ChunkSource source, tuple shape, list plans, list outs)
cdef RegionTable box_regions(ChunkSource source, tuple shape, object starts, tuple lengths, object out, object places)
cdef object place_offsets(object first, list outs, object out, object row)
