"""Names of other libraries: they exist there, not here, and what the error says to write exists here."""

import builtins
import re

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.nodes import other_names
from tests.support.helpers import python

zarr = pytest.importorskip("zarr")
h5py = pytest.importorskip("h5py")
numcodecs = pytest.importorskip("numcodecs")

ARRAY = sz.create_array({}, data=[[1, 2], [3, 4]])
GROUP = sz.create_group({})
#: What has no such attribute, what is said of each, and who has it.
OWNERS = {
    "array": (ARRAY, other_names.OF_ARRAYS, (zarr.Array, h5py.Dataset)),
    "group": (GROUP, other_names.OF_GROUPS, (zarr.Group, h5py.Group)),
    "package": (sz, other_names.OF_PACKAGES, (zarr, h5py, numcodecs)),
}
ROWS = [(kind, name) for kind, (_, names, _) in OWNERS.items() for name in names]
OLD = {"DirectoryStore"}  # in zarr-python 2 alone


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_the_remedy_exists_here_and_the_name_there(kind, name):
    ours, names, theirs = OWNERS[kind]
    assert name in OLD or any(hasattr(other, name) for other in theirs)
    assert not hasattr(ours, name)
    with pytest.raises(AttributeError, match=f"'{name}'; ") as info:
        getattr(ours, name)
    remedy = names[name]
    assert str(info.value).endswith(f"; {remedy}")
    mine = {word for owner in (ours, sz, sz.codecs, ARRAY, GROUP, ARRAY.attrs) for word in dir(owner)}
    called = set(re.findall(r"\b([a-z_]+)\(", remedy))
    assert called <= mine | set(dir(builtins))
    assert called or mine & set(re.findall(r"\w+", remedy))


@pytest.mark.parametrize("name", ["mean", "sum", "T", "astype", "reshape", "tolist", "flat"])
@pytest.mark.parametrize("handle", [ARRAY, ARRAY.lazy[...]], ids=["array", "lazy"])
def test_what_numpy_has_is_there_after_reading(handle, name):
    if name in dir(handle):
        assert (type(handle).__name__, name) in [("Lazy", "T"), ("Lazy", "astype")]  # these read nothing
        return
    with pytest.raises(AttributeError) as info:
        getattr(handle, name)
    spelling = re.search(rf"as in a\.(read\(\)\.{name}(\(\))?)$", str(info.value))
    assert spelling is not None, str(info.value)
    assert (spelling[2] is not None) == callable(getattr(np.ndarray, name))
    assert hasattr(handle.read(), name)


def test_any_other_name_is_as_missing_as_ever():
    for owner in (ARRAY, ARRAY.lazy[...], GROUP, sz):
        for name in ("colour", "_mean", "__array_interface__", "__deepcopy__"):
            assert not hasattr(owner, name)
            assert getattr(owner, name, None) is None
    with pytest.raises(AttributeError, match=r"'Array' object has no attribute 'colour'$") as info:
        _ = ARRAY.colour
    assert (info.value.name, info.value.obj) == ("colour", ARRAY)


def test_asking_for_private_names_loads_nothing(tmp_path):
    code = "import simplezarr, sys; hasattr(simplezarr, '__wrapped__'); print('numpy' in sys.modules)"
    assert python(code, seconds=60, directory=tmp_path) == "False\n"
