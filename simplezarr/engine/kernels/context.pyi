"""Contexts: the state of one thread that decodes and encodes, kept in a pool for the next chunk and the next read."""

from typing_extensions import Buffer

def status_message(status: int) -> str:
    """Return the sentence for a kernel's status."""

def bytes_of(data: Buffer) -> bytes:
    """Copy a buffer; look for Ctrl-C between pieces if it is contiguous."""

def _look_every(milliseconds: int) -> int:
    """Set the time between two looks for Ctrl-C (0: at every pause); return the one before."""

def idle_contexts() -> int:
    """Return the number of contexts in the pool."""
