"""Inner chunks of a shard: found by its index, read in coalesced ranges, and handed to a visitor."""
