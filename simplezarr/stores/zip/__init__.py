"""The store in a zip archive, which is read by places and written as a whole."""
