"""The asv suites of simplezarr: one file for each area, one class for each task."""
