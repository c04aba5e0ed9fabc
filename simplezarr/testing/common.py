"""What the suites share: how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["cut", "fail", "failing"]


def fail(tested: object, message: str, cause: Exception | None = None) -> NoReturn:
    raise AssertionError(f"{tested!r}: {message}") from cause


@contextmanager
def failing(tested: object) -> Iterator[None]:
    """Any exception that is not looked for is a failure too."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        fail(tested, f"raised {error!r}", error)


def cut(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
