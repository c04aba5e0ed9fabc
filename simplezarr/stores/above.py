"""Find the hierarchy that a local store lies in, by the directories above it."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from simplezarr.engine.files.files import file_size
from simplezarr.stores.portable import PARTIAL

__all__ = ["enclosing_directory"]

_MAX_ENTRIES = 100  # looked at below a directory, which may be large
_MAX_FOUND = 256
_found: dict[str, str] = {}  # by directory: a file found below it, so that it is not listed again


def enclosing_directory(root: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the uppermost directory of the hierarchy that `root` is in, and the path of `root` from there.

    The directory above is part of the hierarchy if it holds a file of one of the names. The search passes over
    directories without files, and any other directory ends it. Return None if `root` is in no such directory.
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
    """Return whether a directory has a file of one of the names."""
    for name in names:
        path = f"{directory}/{name}"
        size = file_size(path)
        if size is not None and (size is not NotImplemented or os.path.isfile(path)):
            return True
    return False


def _has_file(path: str) -> bool:
    """Return whether the file that `_is_void` found below a path still exists; False if it found none."""
    found = _found.get(path)
    try:
        return found is not None and not stat.S_ISDIR(os.lstat(found).st_mode)
    except (OSError, ValueError):
        return False


def _is_void(path: str) -> bool:
    """Return whether there is no file below a path, except temporary ones; False if there are too many entries.

    The search enters each directory as soon as it is found, and ends at the first file.
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
            if looks >= _MAX_ENTRIES:
                return False
            if entry.is_dir(follow_symlinks=False):
                with suppress(FileNotFoundError):  # a directory that was removed meanwhile counts as empty
                    opened.append(os.scandir(entry.path))
            elif not entry.name.endswith(PARTIAL):
                if len(_found) >= _MAX_FOUND:
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
