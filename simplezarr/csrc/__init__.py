"""The declarations for Cython of the C functions in `csrc/`: each once, in the file named like its folder."""
