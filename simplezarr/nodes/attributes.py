"""The user's attributes of a node, as a mapping that stores what is changed."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from simplezarr.errors import MetadataError
from simplezarr.hierarchy.changes import change_node, check_writable
from simplezarr.metadata.json_document import Unusable, copy_json, plain_attributes
from simplezarr.nodes.protocols import HasMetadata

__all__ = ["Attributes"]


class Attributes(MutableMapping[str, Any]):
    """The attributes of an array or group, a mapping.

    Reading gives them as they were when the node was opened, or last changed through it. Each change writes the node's
    document; `update`, `put` and `clear` write it once for all names.

    A change is made to the document as it is stored, under its lock, so writers of different names lose nothing.
    Members that do not change keep their text, also if it is not JSON.

    Values are JSON. NumPy scalars and arrays are stored as numbers and lists, tuples as lists. Other values raise
    TypeError or ValueError before anything is written: NaN and infinity, complex numbers, dates, keys that are not
    strings. Values that are read are copies: to change a list, assign the changed list.

    A change raises ReadOnlyError if the node was opened for reading, and MetadataError if its attributes can't be read.

    >>> import numpy as np
    >>> import simplezarr as sz
    >>> attrs = sz.create_group({}).attrs
    >>> attrs.update(scale=np.float32(0.5), range=np.array([0, 255]))
    >>> attrs
    {'scale': 0.5, 'range': [0, 255]}
    """

    __slots__ = ("_node",)

    def __init__(self, node: HasMetadata):
        self._node = node

    def __getitem__(self, name: str) -> Any:
        attributes = self._node.metadata.attributes
        if isinstance(attributes, Unusable):
            raise KeyError(f"{name!r}: the attributes of {self._node.name} are not usable: {attributes.reason}")
        return copy_json(attributes[name])

    def __iter__(self) -> Iterator[str]:
        return iter([*self._node.metadata.attributes])

    def __len__(self) -> int:
        return len(self._node.metadata.attributes)

    def __repr__(self) -> str:
        return repr(self._node.metadata.attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        def without(stored: dict[str, Any]) -> dict[str, Any]:
            if name not in stored:
                raise KeyError(name)
            return {other: value for other, value in stored.items() if other != name}

        self._change(without)

    def update(self, other: Any = (), /, **values: Any) -> None:
        """Set many attributes with one write."""
        new = self._new({**(other if isinstance(other, Mapping) else dict(other)), **values})
        if new:
            self._change(lambda stored: {**stored, **new})

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Replace all attributes by those of a mapping, with one write.

        >>> import simplezarr as sz
        >>> attrs = sz.create_group({}, attributes={"a": 1, "b": 2}).attrs
        >>> attrs.put({"b": 3})
        >>> attrs
        {'b': 3}
        """
        given = dict(attributes)
        new = self._new(given)

        def replaced(stored: dict[str, Any]) -> dict[str, Any]:
            known = stored | new
            return {name: known[name] for name in given if name in known}

        self._change(replaced)

    def asdict(self) -> dict[str, Any]:
        """Return all attributes as a new dict, whose values are copies."""
        return dict(self)

    def _new(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the given attributes as JSON. NaN is left out if it is stored and does not change."""
        check_writable(self._node)
        try:
            return plain_attributes(given)
        except ValueError:  # another library has stored NaN
            return plain_attributes({name: value for name, value in given.items() if not self._is_stored(name, value)})

    def _is_stored(self, name: str, value: Any) -> bool:
        stored = self._node.metadata.attributes
        return name in stored and repr(stored[name]) == repr(value)

    def clear(self) -> None:
        """Remove all attributes with one write."""
        self._change(lambda stored: {})

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        node = self._node
        check_writable(node)

        def changed(stored: Any) -> Any:
            if type(stored) is not type(node.metadata):
                raise MetadataError(f"{node.name} of {node.store!r} was replaced since it was opened; open it again")
            return replace(stored, attributes=change(stored.attributes))

        stored = change_node(node.store, node.path, changed)
        node._change_metadata(lambda metadata: replace(metadata, attributes=stored.attributes))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)
