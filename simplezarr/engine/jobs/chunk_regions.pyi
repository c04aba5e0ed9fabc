"""The regions of one chunk: decoded or read from a file, filled, copied out and in."""
