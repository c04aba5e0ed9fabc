"""Metadata documents in a store: find, create, change, delete, consolidate."""
