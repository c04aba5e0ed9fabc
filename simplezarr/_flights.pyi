"""Chunks in flight: what one thread fetches and decodes while others want it too, it decodes for them as well."""

def written() -> None:
    """A write has ended: who begins to read from now on must not get what was fetched before."""
