"""Memory for results."""
