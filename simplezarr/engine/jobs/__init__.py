"""Jobs: reading and writing many chunks with several threads."""
