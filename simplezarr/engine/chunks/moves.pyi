"""Elements on their way, in pieces with pauses between them: values into a chunk, and elements at listed places."""
