"""Properties of arrays, groups and selections that can't be assigned to; they are read as fast as attributes.

These objects show what is stored. An assignment would contradict the store, and every other object of the same node.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, overload

__all__ = ["ReadOnly"]

T_co = TypeVar("T_co", covariant=True)


class ReadOnly(property, Generic[T_co]):
    """A property that is another attribute of its object, found without a Python call.

    target: the attribute, or a path of attributes. remedy: what to do instead of assigning. get: finds it otherwise.
    Between brackets is the type of the value. Type checkers refuse assignments too.

    >>> class Handle:
    ...     shape: ReadOnly[tuple] = ReadOnly("_metadata.shape", "resize changes it", "Length along each dimension.")
    >>> Handle().shape = (3,)
    Traceback (most recent call last):
    ...
    AttributeError: Handle.shape can't be assigned to; resize changes it
    """

    def __init__(self, target: str, remedy: str, doc: str, get: Callable[[Any], Any] | None = None):
        super().__init__(get or attrgetter(target), doc=doc)
        self.__doc__ = doc  # otherwise `help` would show that of this class
        self.remedy, self.attribute = remedy, target

    if TYPE_CHECKING:  # at run time it is that of `property`, which is compiled

        @overload
        def __get__(self, instance: None, owner: type, /) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type | None = None, /) -> T_co: ...
        def __get__(self, instance: Any, owner: type | None = None, /) -> Any: ...

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    def __set__(self, instance: Any, value: Never) -> None:
        raise AttributeError(f"{type(instance).__name__}.{self.attribute} can't be assigned to; {self.remedy}")

    def __delete__(self, instance: Any) -> None:
        raise AttributeError(f"{type(instance).__name__}.{self.attribute} can't be deleted; {self.remedy}")
