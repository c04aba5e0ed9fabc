"""The parts of ``compare.py``: data, rows, contenders, worker processes and the tables."""
