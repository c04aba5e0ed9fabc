"""Draw the nodes below a group as a tree."""

import operator
import sys

from simplezarr.errors import MetadataError, UnsupportedError, ZarrError
from simplezarr.hierarchy.documents import RESERVED_NAMES
from simplezarr.nodes.array import Array
from simplezarr.nodes.children import Child
from simplezarr.nodes.protocols import HasChildren

__all__ = ["Tree"]

_LONGEST = 120  # characters of a reason


class Tree:
    """The nodes below a group; `str` and `repr` draw them. A node that can't be opened is shown with the reason.

    depth: how many levels below the group are drawn; None for all.
    """

    def __init__(self, group: HasChildren, depth: int | None = None):
        if isinstance(depth, bool):
            raise TypeError(f"depth: {depth} is not a number; give the number of levels to draw, or None for all")
        depth = sys.maxsize if depth is None else operator.index(depth)
        if depth < 0:
            raise ValueError(f"depth: {depth} is negative; give the number of levels to draw, or None for all")
        self.group, self.depth = group, depth

    def __repr__(self) -> str:
        lines = [self.group.name]
        todo = [("", [*self.group._children()][::-1])] if self.depth else []  # of each level: indent, and what is left
        while todo:
            indent, children = todo[-1]
            if not children:
                todo.pop()
                continue
            child = children.pop()
            what, node = _drawn(child)
            lines.append(f"{indent}{'├── ' if children else '└── '}{child.name}{what}")
            if node is not None and not isinstance(node, Array) and len(todo) < self.depth:
                todo.append((indent + ("│   " if children else "    "), [*node._children()][::-1]))
        return "\n".join(lines)


def _drawn(child: "Child[Array | HasChildren]") -> "tuple[str, Array | HasChildren | None]":
    """Return the text for a child, and the child if it can be opened."""
    try:
        node = child.open()
    except UnsupportedError as error:
        return f" (unsupported: {_reason(error)})", None
    except MetadataError as error:
        return f" (damaged: {_reason(error)})", None
    except (OSError, ZarrError) as error:
        return f" (unreadable: {_reason(error)})", None
    return f" {node.shape} {node.dtype}" if isinstance(node, Array) else "", node


def _reason(error: Exception) -> str:
    """Return what an error says is wrong, without key, store and remedy, cut to a length that fits into a line."""
    text = str(error)
    if isinstance(error, ZarrError):
        text = text.removesuffix(f" (in {error.store!r})")
    text = text.partition("; ")[0]
    key, _, rest = text.partition(": ")
    text = " ".join((rest if rest and key.rpartition("/")[2] in RESERVED_NAMES else text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
