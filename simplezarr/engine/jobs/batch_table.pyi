"""Find the regions of many basic selections that each have a place of their own."""
