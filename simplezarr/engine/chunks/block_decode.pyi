"""Run the bytes codecs of a chunk. The last one copies the elements out: whole, or block by block from the cache."""
