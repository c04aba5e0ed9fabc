"""Arrays, groups and what users hold of them."""
