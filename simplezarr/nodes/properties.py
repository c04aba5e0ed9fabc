"""Properties of arrays, groups and selections that can't be assigned to; they are read as fast as attributes.

These objects show what is stored. An assignment would contradict the store, and every other object of the same node.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

__all__ = ["ReadOnly", "fixed"]


class ReadOnly(property):
    """A property that is another attribute of its object, found without a Python call.

    target: the attribute, or a path of attributes. remedy: what to do instead of assigning. get: finds it otherwise.

    >>> class Handle:
    ...     shape: tuple = fixed("_metadata.shape", "resize changes it", "Length along each dimension.")
    >>> Handle().shape = (3,)
    Traceback (most recent call last):
    ...
    AttributeError: Handle.shape can't be assigned to; resize changes it
    """

    def __init__(self, target: str, remedy: str, doc: str, get: Callable[[Any], Any] | None = None):
        super().__init__(get or attrgetter(target), doc=doc)
        self.remedy, self.attribute = remedy, target

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"{type(instance).__name__}.{self.attribute} can't be assigned to; {self.remedy}")

    def __delete__(self, instance: Any) -> None:
        raise AttributeError(f"{type(instance).__name__}.{self.attribute} can't be deleted; {self.remedy}")


def fixed(target: str, remedy: str, doc: str, get: Callable[[Any], Any] | None = None) -> Any:
    """Return a `ReadOnly` property, typed as `Any` so that an annotation can give the type of its value."""
    return ReadOnly(target, remedy, doc, get)
