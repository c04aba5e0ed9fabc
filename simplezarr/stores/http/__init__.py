"""The store of a web server, over the standard library."""
