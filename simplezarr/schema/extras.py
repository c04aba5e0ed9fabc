"""Packages that some codecs, data types and stores need, which only an extra of simplezarr installs.

>>> extra("math", "circles").pi > 3
True
"""

import importlib
from types import ModuleType

from simplezarr.errors import UnsupportedError

__all__ = ["extra"]


def extra(name: str, purpose: str, module: str | None = None, *, of: str | None = None) -> ModuleType:
    """Return the package of an extra, or a module in it; raise UnsupportedError, which names the extra, without it.

    of: the extra, if it is not named as its package.
    """
    try:
        return importlib.import_module(module or name)
    except ImportError as error:
        raise UnsupportedError(
            f"{purpose} need the package {name!r}: pip install 'simplezarr[{of or name}]' ({error})"
        ) from None
