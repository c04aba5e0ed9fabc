"""Shards are walked, not decoded: inner chunks are found by the index, read in runs and handed to who wants them."""
