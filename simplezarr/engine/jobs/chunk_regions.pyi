"""Decode, read, fill and copy the requested regions of one chunk."""
