"""Node paths and chunk keys (Zarr 3 core specification, "Node names"; chunk key encodings `default` and `v2`)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplezarr.errors import MetadataError, UnsupportedError, ZarrWarning
from simplezarr.metadata.chunk_keys import ChunkKeys, join, normalize_path

ENCODINGS = [ChunkKeys(name, separator) for name in ("default", "v2") for separator in "/."]


@pytest.mark.parametrize(("path", "normal"), [
    ("", ""), ("/", ""), ("a", "a"), ("/a/b/", "a/b"), ("a.b/.c", "a.b/.c"), ("é/雪", "é/雪"), ("__x", "__x"),
    ("c:", "c:"),
])  # fmt: skip
def test_paths(path, normal):
    assert normalize_path(path) == normal
    assert normalize_path(normal) == normal


@pytest.mark.parametrize("path", [
    "..", "a/../b", "../a", ".", "a/./b", "...", "a//b", "zarr.json", "a/zarr.json", "a\\b", "..\\a", "C:\\x", "a\0b",
    "a/\ud800",
])  # fmt: skip
def test_unsafe_names_are_refused(path):
    with pytest.raises(ValueError, match="node path"):
        normalize_path(path)


def test_reserved_names_are_warned_of_for_new_nodes_only():
    with pytest.warns(ZarrWarning, match=r"'a/__x/b' has the name '__x'.*reserved"):
        assert normalize_path("/a/__x/b", new=True) == "a/__x/b"
    assert normalize_path("a/x__", new=True) == "a/x__"


@pytest.mark.parametrize("path", [None, b"a", 3])
def test_a_path_is_a_str(path):
    with pytest.raises(TypeError):
        normalize_path(path)


def test_join():
    assert (join("", "zarr.json"), join("a/b", "c/0")) == ("zarr.json", "a/b/c/0")


@pytest.mark.parametrize(("index", "keys"), [
    ((), ["c", "c", "0", "0"]),
    ((0,), ["c/0", "c.0", "0", "0"]),
    ((1, 23, 45), ["c/1/23/45", "c.1.23.45", "1/23/45", "1.23.45"]),
])  # fmt: skip
def test_keys_of_the_specification(index, keys):
    assert [encoding.key(index) for encoding in ENCODINGS] == keys


@given(st.sampled_from(ENCODINGS), st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple))
def test_a_key_is_parsed_to_its_index(encoding, index):
    key = encoding.key(index)
    assert encoding.parse(key, len(index)) == index
    assert encoding.parse(key, len(index) + 2) is None
    if index:
        assert encoding.parse(key) == index
        assert key.startswith(encoding.prefix)


NO_KEYS = [
    "", "c", "c/", "c/00", "c/01", "c/+1", "c/-1", "c/1e3", "c/1/", "c//1", "c/1.2", "c/٣", "c/ 1", "c/0x1", "C/1", "1",
    "c/1.part", "zarr.json", "c/" + "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_does_not_round_trip_is_no_key(key):
    assert ChunkKeys().parse(key, 1) is None


def test_keys_of_scalars():
    assert ChunkKeys("v2", ".").parse("0", 0) == ()
    assert ChunkKeys("v2", ".").parse("0") == (0,)
    assert ChunkKeys().parse("c") == ()
    assert ChunkKeys().parse("c/0", 0) is None


@pytest.mark.parametrize(("value", "encoding"), [
    ("default", ChunkKeys("default", "/")),
    ("v2", ChunkKeys("v2", ".")),
    ({"name": "default"}, ChunkKeys("default", "/")),
    ({"name": "v2", "configuration": {}}, ChunkKeys("v2", ".")),
    ({"name": "default", "configuration": {"separator": "."}, "must_understand": False}, ChunkKeys("default", ".")),
    ({"name": "v2", "configuration": {"separator": "/"}}, ChunkKeys("v2", "/")),
])  # fmt: skip
def test_encodings_from_json(value, encoding):
    assert ChunkKeys.from_json(value) == encoding
    assert ChunkKeys.from_json(encoding.to_json()) == encoding


@pytest.mark.parametrize(("value", "error", "message"), [
    ({"name": "v3"}, UnsupportedError, "k: unknown chunk key encoding 'v3'"),
    ({"name": "v3", "must_understand": False}, UnsupportedError, "'v3'"),
    ({"name": "v2", "configuration": {"separator": "-"}}, MetadataError, 'k.configuration.separator: "-" is not one'),
    ({"name": "v2", "configuration": {"separator": ""}}, MetadataError, 'separator: "" is not'),
    ({"name": "v2", "configuration": {"seperator": "/"}}, MetadataError, "k.configuration.seperator: unknown member"),
    ({"name": "v2", "configuration": []}, MetadataError, "k.configuration: [] is not an object"),
    ({"configuration": {}}, MetadataError, "k.name: missing"),
    ({"name": 2}, MetadataError, "k.name: 2"),
    ({"name": "v2", "separator": "/"}, MetadataError, "k.separator: unknown member"),
    (None, MetadataError, "k: null"),
    (["v2"], MetadataError, "k: "),
])  # fmt: skip
def test_wrong_encodings(value, error, message):
    with pytest.raises(error) as info:
        ChunkKeys.from_json(value, "k")
    assert message in str(info.value)


def test_wrong_settings():
    with pytest.raises(UnsupportedError, match="v3"):
        ChunkKeys("v3")
    with pytest.raises(MetadataError, match="separator"):
        ChunkKeys("default", "-")
