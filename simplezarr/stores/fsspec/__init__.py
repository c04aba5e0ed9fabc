"""The store over a file system of fsspec."""
