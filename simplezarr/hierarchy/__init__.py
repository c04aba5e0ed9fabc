"""Find, create, change, delete and consolidate the metadata documents in a store."""
