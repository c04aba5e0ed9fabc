"""References in parquet, as kerchunk and fsspec write them: read as fsspec reads them, and no more than is needed."""

import base64
import json
import os
import pickle
import sys

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import MetadataError, StoreError, UnsupportedError
from simplezarr.stores import MemoryStore, ReferenceStore, WrapperStore
from simplezarr.stores.parquet_references import ParquetReferences
from tests.support.http_server import Server

fsspec = pytest.importorskip("fsspec")
pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("kerchunk")

DATA = np.arange(40 * 30, dtype="<i4").reshape(40, 30)
ZARR = {
    "zarr_format": 2,
    "shape": [40, 30],
    "chunks": [5, 30],
    "dtype": "<i4",
    "compressor": None,
    "filters": None,
    "fill_value": -1,
    "order": "C",
}


@pytest.fixture
def refs(tmp_path):
    """References of all kinds: parts of a file, a whole file, bytes, and none."""
    (tmp_path / "data.bin").write_bytes(b"head" + DATA.tobytes())
    (tmp_path / "chunk.bin").write_bytes(DATA[5:10].tobytes())
    path, size = f"{tmp_path}/data.bin", 5 * 30 * 4
    refs = {
        ".zgroup": '{"zarr_format": 2}',
        ".zattrs": '{"title": "all"}',
        "x/.zarray": json.dumps(ZARR),
        "x/.zattrs": '{"units": "m"}',
        **{f"x/{i}.0": [path, 4 + i * size, size] for i in (0, 2, 3, 4)},
        "x/1.0": [f"{tmp_path}/chunk.bin"],
        "x/7.0": "base64:" + base64.b64encode(DATA[35:].tobytes()).decode(),
        "deep/.zgroup": '{"zarr_format": 2}',
        "deep/scalar/.zarray": json.dumps({**ZARR, "shape": [], "chunks": []}),
        "deep/scalar/0": "base64:BwAAAA==",
        "long/.zarray": json.dumps({**ZARR, "shape": [120], "chunks": [1]}),
        **{f"long/{i}": [path, 4 + 4 * i, 4] for i in range(120) if i % 10 != 9},
    }
    wanted = DATA.copy()
    wanted[25:35] = -1
    return refs, wanted


def write(refs, place, engine="pyarrow", record_size=3):
    from fsspec.implementations.reference import LazyReferenceMapper

    out = LazyReferenceMapper.create(
        root=str(place), fs=fsspec.filesystem("file"), record_size=record_size, engine=engine
    )
    for key in sorted(refs):
        out[key] = refs[key]
    out.flush()
    return place


@pytest.mark.parametrize("record_size", [3, 10, 10_000])
def test_arrays(refs, record_size, tmp_path):
    references, wanted = refs
    place = write(references, tmp_path / "refs.parq", record_size=record_size)
    for root in (sz.open(place), sz.open(str(place)), sz.open(f"file://{place}"), sz.open(ReferenceStore(place))):
        assert sorted(root) == ["deep", "long", "x"]
        assert dict(root.attrs) == {"title": "all"}
        assert dict(root["x"].attrs) == {"units": "m"}
        assert (root["x"][...] == wanted).all()
        assert (root["x"][3:38:2, ::7] == wanted[3:38:2, ::7]).all()
        assert root["deep/scalar"][()] == 7
        long = root["long"][...]
        assert (long[10:19] == DATA.reshape(-1)[10:19]).all()
        assert (long[9::10] == -1).all()
        assert root["x"].nchunks_stored == 6
        assert root["long"].nchunks_stored == 108


def test_values_are_those_of_fsspec(refs, tmp_path):
    references, _ = refs
    place = write(references, tmp_path / "refs.parq")
    from fsspec.implementations.reference import LazyReferenceMapper

    mapper = LazyReferenceMapper(str(place), fsspec.filesystem("file"), engine="pyarrow")
    theirs = fsspec.filesystem("reference", fo=mapper, remote_protocol="file")
    store = ReferenceStore(place)
    keys = [*references]
    assert {key: store.get(key) for key in keys if "/.z" not in f"/{key}"} == {
        key: theirs.cat_file(key) for key in keys if "/.z" not in f"/{key}"
    }
    for key in keys:
        value = store.get(key)
        assert store.size(key) == len(value)
        assert store.exists(key)
        assert store.get_range(key, 1, 3) == value[1:4]
        if "/.z" in f"/{key}":
            assert json.loads(value) == json.loads(references[key]) == json.loads(theirs.cat_file(key))
    assert sorted(store.list()) == sorted([".zmetadata", *keys])
    assert sorted(store.list("x")) == sorted(key for key in keys if key.startswith("x/"))
    for key in ("x/5.0", "x/8.0", "x/0", "x/0.0.0", "x/00.0", "x/-1.0", "x/y/0.0", "y/0.0", "long/120", "other"):
        assert store.get(key) is None
        assert not store.exists(key)


class Counted(WrapperStore):
    """Counts the keys that are read."""

    def __init__(self, store):
        super().__init__(store)
        self.keys = []

    def get(self, key):
        self.keys.append(key)
        return self.store.get(key)

    def take(self):
        keys, self.keys = self.keys, []
        return sorted(keys)


def lazy(folder, **files):
    values = MemoryStore({f"refs/{path}": (folder / path).read_bytes() for path in files_below(folder)})
    counted = Counted(values)
    documents = counted.get("refs/.zmetadata")
    counted.take()
    return counted, ParquetReferences(counted, "refs/", "refs", documents)


def files_below(folder):
    return [os.path.relpath(os.path.join(top, name), folder) for top, _, names in os.walk(folder) for name in names]


def test_only_the_files_of_needed_chunks_are_read(refs, tmp_path):
    """And each of them once, whichever thread needs it first."""
    references, _ = refs
    counted, parquet = lazy(write(references, tmp_path / "refs.parq", record_size=10))
    store = ReferenceStore(parquet)
    root = sz.open(store)
    assert sorted(root) == ["deep", "long", "x"]
    a = root["long"]
    assert counted.take() == []
    assert (a[15:25] == DATA.reshape(-1)[15:25]).sum() == 9
    # and the first file of the largest array, which tells whether chunks are in local files
    assert counted.take() == [f"refs/long/refs.{i}.parq" for i in (0, 1, 2)]
    a[15:25]
    assert counted.take() == []
    sz.open(store)["x"][0, 0]
    assert counted.take() == ["refs/x/refs.0.parq"]
    a[...]
    assert counted.take() == sorted(f"refs/long/refs.{i}.parq" for i in range(3, 12))


def test_over_the_web(refs, tmp_path):
    references, wanted = refs
    folder = write(references, tmp_path / "refs.parq")
    values = {f"a/refs.parq/{path}": (folder / path).read_bytes() for path in files_below(folder)}
    with Server(values) as server:
        root = sz.open(f"{server.url}/a/refs.parq")
        assert [key for _, key, _ in server.take()] == ["a/refs.parq/.zmetadata"]
        assert (root["x"][...] == wanted).all()
        assert sorted(root) == ["deep", "long", "x"]
        assert root["x"].nchunks_stored == 6  # a web server does not list its keys
        assert (sz.open(ReferenceStore(f"{server.url}/a/refs.parq"))["x"][...] == wanted).all()


def test_pickles(refs, tmp_path):
    references, wanted = refs
    root = sz.open(write(references, tmp_path / "refs.parq"))
    root["x"][...]
    copy = pickle.loads(pickle.dumps(root["x"]))
    assert (copy[...] == wanted).all()


def test_categories_of_pandas(refs, tmp_path):
    """Paths that come often are written as categories; files may lack the columns that they do not need."""
    import pandas as pd

    references, _ = refs
    place = write(references, tmp_path / "refs.parq", record_size=10_000)
    name = place / "long" / "refs.0.parq"
    frame = pd.read_parquet(name)
    frame["path"] = frame["path"].astype("category")
    frame[["path", "offset", "size"]].to_parquet(name, index=False)
    (place / "x" / "refs.0.parq").unlink()
    root = sz.open(place)
    assert (root["long"][10:19] == DATA.reshape(-1)[10:19]).all()
    assert (root["x"][...] == -1).all()  # a file without references is not written
    frame[["raw"]].assign(raw=b"\1\0\0\0").to_parquet(name, index=False)
    assert (sz.open(place)["long"][...] == 1).all()


def test_files_that_are_referred_to_are_never_missing(refs, tmp_path):
    references, _ = refs
    root = sz.open(write(references, tmp_path / "refs.parq"))
    (tmp_path / "data.bin").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"'x/0\.0' refers to"):
        root["x"][...]


def test_damaged_references_are_refused(refs, tmp_path):
    import pandas as pd

    references, _ = refs
    place = write(references, tmp_path / "refs.parq")
    name = place / "x" / "refs.0.parq"
    good = name.read_bytes()
    frame = pd.read_parquet(name)
    for content, why in (
        (b"", "is damaged"),
        (good[:-20], "is damaged"),
        (b"PAR1" + bytes(100) + b"PAR1", "is damaged"),
        (frame.assign(offset=["a", "b", "c"]), "offset: must be integers"),
        (frame.assign(offset=0.5), "offset: must be integers"),
        (frame.assign(path=[1, 2, 3]), "path: 1 is not text"),
        (pd.concat([frame, frame]), "has 6 references"),
        (frame.assign(offset=-1), "offset, length"),
        (frame.assign(size=2**63 - 1), "offset, length"),
    ):
        if isinstance(content, bytes):
            name.write_bytes(content)
        else:
            content.to_parquet(name, index=False)
        for read in (sz.open(place)["x"].read, lambda: ReferenceStore(place).get("x/0.0")):
            with pytest.raises(MetadataError, match=why):
                read()
    for document in (b"", b"[]", b"{}", b'{"metadata": {}, "record_size": 0}', b'{"metadata": [], "record_size": 1}'):
        (place / ".zmetadata").write_bytes(document)
        with pytest.raises(MetadataError, match=r"\.zmetadata"):
            ReferenceStore(place)


def test_an_array_at_the_root_is_refused(tmp_path):
    document = {"metadata": {".zarray": ZARR}, "record_size": 5}
    with pytest.raises(UnsupportedError, match="no array at the root"):
        ParquetReferences(MemoryStore(), "", "refs", json.dumps(document).encode())


def test_claimed_sizes_cost_nothing(tmp_path):
    """A shape that needs more files than there can be is listed by the files that are there."""
    document = {"metadata": {"x/.zarray": {**ZARR, "shape": [1 << 62], "chunks": [1]}}, "record_size": 1}
    parquet = ParquetReferences(MemoryStore(), "", "refs", json.dumps(document).encode())
    assert [*parquet] == [".zmetadata", "x/.zarray"]


def test_without_pyarrow(refs, tmp_path, monkeypatch):
    references, _ = refs
    place = write(references, tmp_path / "refs.parq")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'simplezarr\[parquet\]'"):
        sz.open(place)


def test_a_directory_whose_name_ends_so_is_one(tmp_path):
    sz.save(tmp_path / "a.parq", DATA)
    assert (sz.load(tmp_path / "a.parq") == DATA).all()
