"""Files of a local store: opened, read and closed without the GIL."""

from types import NotImplementedType

def file_bytes(path: str) -> bytes | NotImplementedType | None:
    """The bytes of a file, None where there is none.

    NotImplemented where one attempt did not do: asking once more, with care, tells what is wrong or gets along with it.
    """
