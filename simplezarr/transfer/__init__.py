"""Elements between NumPy arrays and stored arrays."""
