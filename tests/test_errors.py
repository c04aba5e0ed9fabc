"""The error classes: their built-in bases, their messages, and that they travel between processes."""

import pickle

import pytest

from simplezarr import errors

BASES = {
    errors.NodeNotFoundError: KeyError,
    errors.NodeExistsError: FileExistsError,
    errors.MetadataError: ValueError,
    errors.UnsupportedError: NotImplementedError,
    errors.ReadOnlyError: PermissionError,
    errors.ChunkError: ValueError,
    errors.ArchiveError: OSError,
    errors.ChangedError: OSError,
}


@pytest.mark.parametrize(("error", "base"), [*BASES.items(), (errors.NodeNotFoundError, FileNotFoundError)])
def test_every_error_is_a_zarr_error_and_the_built_in_that_fits(error, base):
    with pytest.raises(base) as info:
        raise error("a/zarr.json: what is wrong")
    assert isinstance(info.value, errors.ZarrError)
    assert str(info.value) == "a/zarr.json: what is wrong"
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)


def test_chunk_error_says_where():
    error = errors.ChunkError("too short", path="a", index=(1, 0), key="a/c/1/0", codec="zstd")
    again = pickle.loads(pickle.dumps(error))
    assert (again.args, again.path, again.index, again.key, again.codec) == (
        ("too short",),
        "a",
        (1, 0),
        "a/c/1/0",
        "zstd",
    )
    assert vars(errors.ChunkError("x")) == {"path": None, "index": None, "key": None, "codec": None}


def test_warning_is_a_user_warning():
    assert issubclass(errors.ZarrWarning, UserWarning)
