"""Report what fails in a conformance suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["cut", "fail", "failing"]


def fail(tested: object, message: str, cause: Exception | None = None) -> NoReturn:
    """Raise an AssertionError that names what is tested."""
    raise AssertionError(f"{tested!r}: {message}") from cause


@contextmanager
def failing(tested: object) -> Iterator[None]:
    """Turn any unexpected exception in the block into a failure."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        fail(tested, f"raised {error!r}", error)


def cut(value: object) -> str:
    """Return the repr of a value, shortened for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
