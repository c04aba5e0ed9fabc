"""Test your own stores and codecs: each suite raises an AssertionError at the first fault.

>>> from simplezarr.stores import MemoryStore
>>> check_store(MemoryStore())
"""

from simplezarr.testing.codecs import check_codec
from simplezarr.testing.stores import check_store

__all__ = ["check_codec", "check_store"]
