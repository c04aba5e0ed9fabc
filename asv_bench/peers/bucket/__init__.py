"""A server on this machine that speaks S3, for the rows over a network."""
