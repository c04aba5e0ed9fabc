"""Provide tools built on the library, which imports none of them."""
