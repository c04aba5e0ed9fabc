"""Threads and locks; nothing here knows of Zarr."""
