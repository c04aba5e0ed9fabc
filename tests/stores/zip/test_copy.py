"""Hierarchies are copied into and out of archives as they are stored: no chunk is decoded, not even a damaged one."""

import zipfile

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore
from simplezarr.utils import copy

DATA = np.random.default_rng(1).integers(0, 1000, (512, 1024), dtype="i4")


@pytest.fixture
def hierarchy(tmp_path):
    root = sz.create_group(tmp_path / "a.zarr", attributes={"title": "all"})
    chunks = root.create_array("chunks", data=DATA, chunks=(128, 256))
    chunks[128:256, 256:512] = 0  # not stored
    root.create_array("deep/shards", data=DATA, chunks=(32, 256), shards=(256, 512))
    root.create_array("text", data=np.array(["a", "bc"] * 9, object), dtype=str, chunks=4)
    root.consolidate_metadata()
    (tmp_path / "a.zarr" / "chunks" / "c" / "3" / "3").write_bytes(b"damaged")
    return tmp_path / "a.zarr"


def stored(store):
    """Return the chunks by key, without the documents."""
    return {key: store.get(key) for key in store.list() if not key.endswith("zarr.json")}


@pytest.mark.parametrize("ending", ["zip", "ozx"])
def test_into_an_archive_and_out_of_it(ending, hierarchy, tmp_path):
    first, second, last = tmp_path / f"b.{ending}", tmp_path / f"c.{ending}", tmp_path / "d.zarr"
    copy(hierarchy, first)
    copy(first, second)
    copied = copy(second, last)
    wanted = stored(LocalStore(hierarchy))
    assert len(wanted) == 15 + 4 + 5
    for store in (sz.ZipStore(first), sz.ZipStore(second), LocalStore(last)):
        assert stored(store) == wanted
    assert (copied["deep/shards"][...] == DATA).all()
    assert copied.attrs["title"] == "all"
    assert copied.metadata.consolidated is not None
    with pytest.raises(sz.ChunkError, match=r"chunks/c/3/3"):
        sz.open(first)["chunks"][...]


def test_into_an_archive_in_a_store(hierarchy):
    bucket = MemoryStore()
    with sz.ZipStore(bucket, "b.zip", mode="w") as store:
        copy(hierarchy, store)
    assert stored(sz.ZipStore(bucket, "b.zip")) == stored(LocalStore(hierarchy))
    assert copy(sz.ZipStore(bucket, "b.zip"), {})["text"][...].tolist() == ["a", "bc"] * 9


def test_deflated_members_are_copied_as_they_were_packed(hierarchy, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for key in LocalStore(hierarchy).list():
            archive.write(hierarchy / key, f"a.zarr/{key}")
    copy(tmp_path / "b.zip", tmp_path / "c.zip")
    assert stored(sz.ZipStore(tmp_path / "c.zip")) == stored(LocalStore(hierarchy))


def test_an_interrupted_copy_leaves_the_old_archive(hierarchy, tmp_path):
    copy(hierarchy, tmp_path / "b.zip")
    before = (tmp_path / "b.zip").read_bytes()

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(hierarchy, tmp_path / "b.zip", overwrite=True, progress=stop)
    assert (tmp_path / "b.zip").read_bytes() == before
