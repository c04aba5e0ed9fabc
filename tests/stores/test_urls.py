"""What a URL, a path or an object of another library is opened with, and what must not be in a message."""

import collections
import contextlib
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.stores import urls
from simplezarr.stores.resolve import as_store
from tests.support.helpers import python

SECRETS = [
    ("https://me:topsecret@host/a.zarr", "https://***@host/a.zarr"),
    ("https://topsecret@host:80/a.zarr", "https://***@host:80/a.zarr"),
    ("https://host/a.zarr?sig=topsecret&x=1", "https://host/a.zarr?***"),
    ("https://host/it's/a.zip?sig=topsecret|zip:x", "https://host/it's/a.zip?***|zip:x"),
    ("ftp://me:top:secret@host/a", "ftp://***@host/a"),
    ("ftp://me:topsecret@elsewhere@host/a", "ftp://***@host/a"),
    ("simplecache::https://me:topsecret@host/a?k=topsecret", "simplecache::https://***@host/a?***"),
    ("abfss://box:topsecret@account.net/a", "abfss://***@account.net/a"),
    ("abfss://box@account.net/a", "abfss://box@account.net/a"),
    ("s3://bucket/mail@host/a", "s3://bucket/mail@host/a"),
    ("what?/a@b", "what?/a@b"),
]


@pytest.mark.parametrize(("url", "shown"), SECRETS)
def test_redact(url, shown):
    assert urls.redact(url) == shown


@given(
    st.sampled_from(["http", "https", "s3", "ftp", "simplecache::s3"]),
    st.from_regex(r"[a-z0-9:@%'\"]{0,5}TOPSECRET[a-z0-9:@%'\"]{0,5}", fullmatch=True),
    st.from_regex(r"[a-z0-9'@ :]{0,12}", fullmatch=True),
)
def test_no_secret_survives(scheme, secret, path):
    for url in (f"{scheme}://{secret}@host/{path}", f"{scheme}://host/{path}?{secret}"):
        assert "TOPSECRET" not in urls.redact(url)


def test_memory_urls_are_stores_by_name():
    sz.save("memory://tests/urls/one", [1, 2])
    assert sz.exists("memory://tests/urls/one")
    assert not sz.exists("memory://tests/urls/two")
    assert sz.load("memory://tests/urls/one").tolist() == [1, 2]
    assert sz.open_group("memory://tests/urls/two", "a", mode="a").store is not sz.open("memory://tests/urls/one").store


def test_file_urls(tmp_path):
    sz.create_array(f"file://{tmp_path}/a%20b.zarr", data=[1, 2])
    assert sz.load(tmp_path / "a b.zarr").tolist() == [1, 2]
    assert sz.load(f"file://localhost{tmp_path}/a%20b.zarr|zarr3:").tolist() == [1, 2]
    with pytest.raises(sz.UnsupportedError, match="'elsewhere' would be another machine"):
        sz.open(f"file://elsewhere{tmp_path}")


@pytest.mark.parametrize("name", ["a.zarr", "a:b", "a::b", "C:", "a|b:c", "a@b?c=d", "directory.zip", "directory.ozx"])
def test_names_of_directories(name, tmp_path, monkeypatch):
    """Names that look a little like something else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    sz.save(name, [1, 2])
    assert (tmp_path / name / "zarr.json").exists()
    for place in (name, tmp_path / name, str(tmp_path / name)):
        assert sz.load(place).tolist() == [1, 2]
        assert as_store(place).local_root is not None


class Lower(collections.UserDict):
    """A mapping that is not a dict."""


def test_mappings():
    for kind in (Lower, collections.OrderedDict):
        mapping = kind()
        a = sz.create_array(mapping, "a", shape=4, dtype="i4", chunks=2)
        a[1:3] = 5
        assert sorted(mapping) == ["a/c/0", "a/c/1", "a/zarr.json", "zarr.json"]
        assert sz.load(mapping)["a"].tolist() == [0, 5, 5, 0]
        del sz.open_group(mapping, mode="r+")["a"]
        assert sorted(mapping) == ["zarr.json"]
    with pytest.raises(TypeError, match="set is not a store"):
        sz.open(set())


CALLS = {
    "open": lambda store, **options: sz.open(store, **options),
    "open_array": lambda store, **options: sz.open_array(store, **options),
    "open_group": lambda store, **options: sz.open_group(store, **options),
    "create_array": lambda store, **options: sz.create_array(store, shape=1, dtype="u1", **options),
    "create_group": lambda store, **options: sz.create_group(store, **options),
    "require_array": lambda store, **options: sz.require_array(store, shape=1, dtype="u1", **options),
    "save": lambda store, **options: sz.save(store, [1], **options),
    "load": lambda store, **options: sz.load(store, **options),
    "exists": lambda store, **options: sz.exists(store, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_options_that_nothing_takes_are_named(call, tmp_path):
    mapping = {}
    places = (mapping, sz.MemoryStore(mapping), tmp_path / "a", str(tmp_path / "a"), f"file://{tmp_path}/a",
              "memory://tests/urls/none", str(tmp_path / "a.zip"), pathlib.PurePath("a"))  # fmt: skip
    for place in places:
        for options in ({"region": "here"}, {"storage_options": {"region": "here"}}):
            with pytest.raises(TypeError, match=rf"{call} has no argument '{next(iter(options))}'; .*give a URL"):
                CALLS[call](place, **options)
        with pytest.raises(TypeError, match=rf"{call} has no argument 'colour', 'mod'; help\(simplezarr.{call}\)"):
            CALLS[call](place, colour=1, mod=2)
    assert not mapping
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("call", CALLS)
def test_options_go_to_the_store_of_the_url(call, monkeypatch):
    given = []

    class Given(sz.MemoryStore):
        def __init__(self, url, **options):
            given.append((url, options))
            super().__init__(VALUES)

    VALUES = {}
    sz.save(VALUES, [1])
    monkeypatch.setattr(urls, "maker", lambda module, name: Given)
    monkeypatch.setattr(urls, "find_spec", lambda name: name)
    url = "sftp://host/a.zarr"
    with contextlib.suppress(sz.MetadataError, sz.NodeExistsError):  # the array that is there is in the way of some
        CALLS[call](url, headers={"a": "b"}, storage_options={"skip": True}, colour=1)
    assert given == [(url, {"headers": {"a": "b"}, "skip": True, "colour": 1})]
    with pytest.raises(TypeError, match=rf"{call} has no argument 'compressor'; "):
        CALLS[call](url, compressor=None)
    with pytest.raises(TypeError, match=r"storage_options: must be a mapping"):
        CALLS[call](url, storage_options=[1])
    assert len(given) == 1


MISSING = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2:]))
import simplezarr as sz
try:
    sz.open(sys.argv[1])
except sz.UnsupportedError as error:
    print(error)
"""


@pytest.mark.parametrize(("url", "extras"), [
    ("s3://me:topsecret@bucket/a.zarr?topsecret", ["obstore", "fsspec"]),
    ("gs://bucket/a.zarr", ["obstore", "fsspec"]),
    ("abfss://box@account.net/a.zarr", ["obstore", "fsspec"]),
    ("simplecache::s3://bucket/a.zarr?topsecret", ["fsspec"]),
    ("sftp://me:topsecret@host/a.zarr", ["fsspec"]),
])  # fmt: skip
def test_missing_packages_are_named_with_their_extra(url, extras, tmp_path):
    printed = python(MISSING, url, "obstore", "fsspec", seconds=60, directory=tmp_path)
    for extra in extras:
        assert f"pip install 'simplezarr[{extra}]'" in printed
    assert urls.redact(url) in printed
    assert "topsecret" not in printed


LOADED = """
import json, sys
import simplezarr as sz
sz.save("a.zarr", [1, 2])
sz.load("a.zarr")
sz.load({**{}, "zarr.json": open("a.zarr/zarr.json", "rb").read()})
print(json.dumps(sorted(sys.modules)))
"""


def test_local_paths_load_nothing_for_others(tmp_path):
    loaded = json.loads(python(LOADED, seconds=60, directory=tmp_path))
    others = {f"simplezarr.stores.{name}" for name in ("adapters", "fsspec", "http", "object", "urls", "zip")}
    assert not (others | {"obstore", "fsspec", "http.client", "zipfile", "asyncio"}) & set(loaded)


@pytest.mark.parametrize("steps", ["|zip:|zip:", "|zarr3:|zip:", "|zip:|gzip:", "|zarr3:a/b"])
def test_pipelines_that_are_not_known(steps, tmp_path):
    with pytest.raises(sz.UnsupportedError, match=r"pipeline|pass it as path='a/b'"):
        sz.open(f"file://{tmp_path}/a.zip{steps}")


def test_a_store_is_taken_as_it_is():
    store = sz.MemoryStore()
    assert as_store(store) is store
    assert np.array_equal(sz.create_array(store, data=[1]).store.values.keys(), store.values.keys())
