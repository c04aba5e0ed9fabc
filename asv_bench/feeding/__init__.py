"""Contenders, data and processes of `loading.py`."""
