"""The store in a bucket, over obstore."""
