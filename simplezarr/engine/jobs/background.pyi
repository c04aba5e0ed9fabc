"""What a thread that has nothing else to do takes off one that replaces a large file: reading what is kept of the old one,
and freeing it in the end. Each is a fifth of the time."""

from typing import final

@final
class Relay:
    """Copies from file to file; who calls `help` reads ahead, until the copying has ended."""

    def help(self) -> None: ...

@final
class Removed:
    """An open file that has no name any more: the system frees what it held when it is closed."""

    def close(self) -> None:
        """Closes it once, however often and by whomever it is called."""
