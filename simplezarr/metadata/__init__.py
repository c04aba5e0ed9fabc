"""Metadata documents as dataclasses: arrays, groups, grids, chunk keys."""
