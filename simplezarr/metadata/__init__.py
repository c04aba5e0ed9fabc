"""Documents as dataclasses: arrays, groups, grids, chunk keys."""
