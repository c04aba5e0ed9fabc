"""Copy arrays and hierarchies."""
