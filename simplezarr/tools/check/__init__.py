"""Verify a hierarchy."""
