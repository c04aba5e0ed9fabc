"""The store in front of another, which keeps what it reads."""
