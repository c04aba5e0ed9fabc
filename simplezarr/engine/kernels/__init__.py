"""Codecs over csrc, and the contexts that they work in."""
