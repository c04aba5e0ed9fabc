"""Compiled modules: they move and decode the bytes of chunks without the GIL."""
