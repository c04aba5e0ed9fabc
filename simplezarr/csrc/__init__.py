"""The C functions of `csrc/` as Cython sees them: each is declared once, in the file of its folder's name."""
