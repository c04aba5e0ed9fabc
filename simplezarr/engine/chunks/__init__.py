"""Chunks and shards: pipelines, decoding, encoding, and sharing of chunks in flight."""
