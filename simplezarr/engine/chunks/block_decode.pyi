"""The bytes codecs of a chunk, the last of which puts it in place: whole, or block by block while each is in cache."""
