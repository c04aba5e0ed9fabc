"""Selections as arithmetic: which elements of which chunks, no I/O."""
