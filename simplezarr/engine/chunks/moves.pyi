"""Elements copied in pieces, with pauses between them: values into a chunk, and elements at listed places."""
