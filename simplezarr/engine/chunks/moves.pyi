"""Copy or cast elements in pieces, with pauses between them: into a chunk, out of one, or at listed places."""
