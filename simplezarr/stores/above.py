"""The directories above a local store: whether it lies in a larger hierarchy."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from simplezarr.engine.files.files import file_size
from simplezarr.stores.portable import PARTIAL

__all__ = ["enclosing_directory"]

_LOOKS = 100  # at what is below a directory, which may be large
_MANY = 256
_found: dict[str, str] = {}  # by directory, a file that was found below it, so that it need not be listed again


def enclosing_directory(root: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the uppermost directory of the hierarchy that `root` is in, and the path of `root` from there.

    The directory above is part of the hierarchy if it holds a file of one of the names. Directories without any files
    are passed over; any other ends the search. None if `root` is in no such directory.
    """
    directory, below, outer = root, "", None
    while True:
        above, name = os.path.split(directory)
        if above == directory:
            break
        below = f"{name}/{below}" if below else name
        if _holds(above, names):
            outer = above, below
        elif outer is not None or _has_file(above) or not (_is_void(directory) and _is_void(above)):
            break
        directory = above
    return outer


def _holds(directory: str, names: Sequence[str]) -> bool:
    for name in names:
        path = f"{directory}/{name}"
        size = file_size(path)
        if size is not None and (size is not NotImplemented or os.path.isfile(path)):
            return True
    return False


def _has_file(path: str) -> bool:
    """Return whether the file that `_is_void` has found below a path is still there; False if it has found none."""
    found = _found.get(path)
    try:
        return found is not None and not stat.S_ISDIR(os.lstat(found).st_mode)
    except (OSError, ValueError):
        return False


def _is_void(path: str) -> bool:
    """Return whether there is no file below a path, except temporary ones; False if that takes too many looks.

    A directory is entered as soon as it is found: the first file that a branch leads to ends the search.
    """
    if _has_file(path):
        return False
    looks, opened = 0, []
    try:
        opened.append(os.scandir(path))
        while opened:
            entry = next(opened[-1], None)
            if entry is None:
                opened.pop()
                continue
            looks += 1
            if looks >= _LOOKS:
                return False
            if entry.is_dir(follow_symlinks=False):
                with suppress(FileNotFoundError):  # a missing directory is as good as an empty one
                    opened.append(os.scandir(entry.path))
            elif not entry.name.endswith(PARTIAL):
                if len(_found) >= _MANY:
                    _found.clear()
                _found[path] = entry.path
                return False
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        for entries in opened:
            entries.close()
    return True
