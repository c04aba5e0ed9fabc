"""Read files, and replace them under a lock."""
