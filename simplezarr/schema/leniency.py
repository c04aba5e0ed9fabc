"""All departures from the specification that are read nevertheless, each with a `ZarrWarning`.

Such documents exist, written by other software or by drafts of the format. simplezarr writes none. The code that meets
such a case calls `tolerate`. The table `CASES` is the whole list.

One rule decides what is read:

- Chunk data that can be decoded are readable, whatever else in the documents is unusable.
- What is unusable warns once, by name, and raises only if its value is needed.
- What was not understood is never rewritten. A change keeps the text of all other members (`json_text`). A change of a
  member that could not be read raises before anything is stored.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import ReferenceType, ref

from simplezarr.errors import ZarrWarning

__all__ = ["CODEC_ALIASES", "collect", "not_repeatable", "repeat", "tolerate", "tolerated", "warn"]

CASES = {
    "null-member": "null is read as if the member were absent",
    "null-fill": "null is read as zero, an empty string or NaT",
    "integral-fill": "a number with a fraction or an exponent part is read as the integer that it equals",
    "no-length": "a chunk length of 0 is read as the smallest possible; to write, create the array again",
    "spelled-length": "read as the length that it equals",
    "regular-lengths": "lists of lengths in a regular grid are read as a rectilinear one",
    "empty-chunk": "a chunk length of 0 is read as 1 or more, because the array's length is 0",
    "codec-alias": "the codec goes by an old or unregistered name",
    "bad-names": "not usable; the array is read as if it had none",
    "bad-order": "not usable; arrays of at most one dimension don't need it",
    "no-order": "missing; elements are read in C order",
    "small-order": "read as the capital letter",
    "bad-separator": "not usable; arrays of at most one dimension don't need it",
    "empty-type": "elements of no size are read as empty ones of the smallest size; the array can't be written",
    "empty-field": "a field of no size is left out",
    "padding": "a gap between fields is read as a field",
    "dtype-alias": "the data type goes by an old name",
    "structured-endian": "missing; records of this older form are read in little endian",
    "null-endian": "null is read as if the member were absent",
    "transpose-letter": 'the letters "C" and "F" are read as the permutations 0, 1, ... and ..., 1, 0',
    "missing-setting": "missing; chunks can be read, and are written with the default",
    "null-setting": "null is read as the default",
    "spelled-setting": "the specification spells it otherwise",
    "unusable-setting": "chunks can be read, but not written",
    "zero-elementsize": "read as the size of the data type, which is its meaning in netCDF-C",
    "missing-elementsize": "missing; read as 4, the default of numcodecs",
    "blosc-typesize": "missing; chunks can be read, and are written with the data type's item size",
    "blosc-blocksize": "missing; read as 0, automatic",
    "nonfinite-attributes": "NaN and Infinity are not JSON; they are read as floats",
    "skipped-extension": "unknown, and skipped because must_understand is false; the array can't be written",
    "cropped-chunk": "stored without its part outside the array; it is read as if it were whole",
    "no-padding": "a chunk without its byte of padding, as zarrs stores whole bytes, is read as if it had one",
    "no-codecs": "missing; chunks are read as plain elements in little endian",
    "no-bytes": "no array -> bytes codec; chunks are read as plain elements in little endian",
    "no-filters": "read as null",
    "one-filter": "read as a list of one filter",
    "moved-members": "members beside the configuration are read as if they were in it",
    "list-of-one": "a list of one codec is read as that codec",
    "bare-id": "read as the codec of this id with its default settings",
    "text-fill": "a number in a string is read as that number",
    "no-fill": "missing; read as null",
    "bad-fill": "not usable; what is stored can be read, what is not stored raises, and the array can't be written",
    "zero-fill": "0 is read as an element of zero bytes",
    "integer-bool": "0 and 1 are read as false and true",
    "bad-attributes": "not usable; the node is read as if it had none, and they can't be changed",
    "bad-consolidated": "not usable, and ignored; write it again with consolidate_metadata()",
}

# Codecs of numcodecs are also called by its own names, and by addresses from before there was a registry.
_NUMCODECS = (
    *("adler32", "astype", "base64", "bz2", "crc32", "delta", "fixedscaleoffset", "fletcher32", "jenkins_lookup3"),
    *("lz4", "lzma", "pcodec", "quantize", "shuffle", "zfpy", "zlib"),
)
_SHARED = ("bitround", "blosc", "crc32c", "gzip", "packbits", "zstd")  # without the prefix, these are other codecs
_ZARRS = "https://codec.zarrs.dev"

# The codec `bytes` was called `endian` before 2023.
CODEC_ALIASES = {
    "endian": "bytes",
    **{name: f"numcodecs.{name}" for name in _NUMCODECS},
    **{f"https://zarr.dev/numcodecs/{name}": f"numcodecs.{name}" for name in _NUMCODECS + _SHARED},
    "squeeze": "zarrs.squeeze",
    "zarrs.reshape": "reshape",
    "zarrs.zfp": "zfp",
    f"{_ZARRS}/array_to_array/bitround": "bitround",
    f"{_ZARRS}/array_to_bytes/bitround": "bitround",  # in zarrs
    f"{_ZARRS}/array_to_bytes/pcodec": "numcodecs.pcodec",
    f"{_ZARRS}/array_to_bytes/zfp": "zfp",
    f"{_ZARRS}/array_to_bytes/zfpy": "numcodecs.zfpy",
    f"{_ZARRS}/bytes_to_bytes/bz2": "numcodecs.bz2",
    f"{_ZARRS}/bytes_to_bytes/fletcher32": "numcodecs.fletcher32",
}

_OWN_FILES = os.path.dirname(os.path.dirname(__file__)) + os.sep  # of the package

_tolerated: ContextVar[int] = ContextVar("tolerated", default=0)


class _Cases(list[tuple[str, str]]):
    """Cases and messages that are collected."""

    __slots__ = ("__weakref__",)


#: Refers weakly to the list of `collect`. If an interrupt ends `collect` before it can reset this, the list is gone.
_collected: ContextVar["ReferenceType[_Cases] | None"] = ContextVar("collected", default=None)


def tolerate(case: str, where: str, detail: str = "") -> None:
    """Warn that a document departs from the specification at `where`, and how it is read: as `CASES[case]` says."""
    repeat(case, f"{where}: {detail}{'; ' if detail else ''}{CASES[case]}")


def repeat(case: str, message: str) -> None:
    """Warn of a case that was collected, with its message."""
    _tolerated.set(_tolerated.get() + 1)
    reference = _collected.get()
    collected = None if reference is None else reference()
    if collected is None:
        warn(message)
    else:
        collected.append((case, message))


def warn(message: str) -> None:
    """Give a `ZarrWarning` that points to the caller's line outside this package."""
    if sys.version_info >= (3, 12):
        warnings.warn(message, ZarrWarning, skip_file_prefixes=(_OWN_FILES,))
        return
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FILES):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ZarrWarning, stacklevel=level)


def not_repeatable() -> None:
    """Keep what is parsed now out of the parse cache, as a departure does, but without a warning."""
    _tolerated.set(_tolerated.get() + 1)


@contextmanager
def collect() -> Iterator[list[tuple[str, str]]]:
    """Collect this thread's cases and messages in a list, in place of warnings.

    (`warnings.catch_warnings` would collect those of all threads.)

    >>> with collect() as cases:
    ...     tolerate("null-fill", "a/zarr.json: fill_value")
    >>> cases
    [('null-fill', 'a/zarr.json: fill_value: null is read as zero, an empty string or NaT')]
    """
    cases = _Cases()
    token = _collected.set(ref(cases))
    try:
        yield cases
    finally:
        _collected.reset(token)


def tolerated() -> int:
    """Return how often this thread has called `tolerate`. If that did not change, what was parsed may be cached."""
    return _tolerated.get()
