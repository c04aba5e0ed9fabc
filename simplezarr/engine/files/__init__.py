"""Files: reading, and replacing under a lock."""
