"""The Zarr 2 dialect of the documents."""
