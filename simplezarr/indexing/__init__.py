"""Keys of NumPy, orthogonal and pointwise indexing as selections; no I/O."""
