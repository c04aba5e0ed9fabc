"""Tools built on the library; the library imports none of them."""
