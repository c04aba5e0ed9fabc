"""Images that the workers of a cluster build are those that one process builds."""

import sys
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import ome

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")

VOLUME = np.random.default_rng(1).integers(0, 4000, (2, 37, 70, 90)).astype("u2")


@pytest.fixture(scope="module")
def client():
    """Two processes with two threads each."""
    how = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    root = str(Path(__file__).parents[2])
    sys.path.append(root)  # last, so that the installed package is found before that of the checkout
    try:
        with distributed.LocalCluster(**how) as cluster, distributed.Client(cluster) as client:
            yield client
    finally:
        sys.path.remove(root)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Written(sz.WrapperStore):
    """Writes down each key that is stored."""

    def __init__(self, path):
        super().__init__(sz.LocalStore(path))
        self.path = path

    def __reduce__(self):
        return Written, (self.path,)

    def set(self, key, value):
        with open(f"{self.path}.log", "a") as log:
            log.write(f"{key}\n")
        super().set(key, value)


LAYOUTS = [{"chunks": (1, 8, 16, 16)}, {"chunks": (1, 4, 8, 8), "shards": (1, 8, 16, 16)}, {"version": "0.4"}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", ["memory", "aligned", "foreign"])
def test_an_image_equals_the_local_one(client, tmp_path, layout, kind):
    data = VOLUME
    if kind != "memory":
        chunks = (1, 8, 16, 16) if kind == "aligned" else (2, 5, 70, 11)
        data = sz.create_array(tmp_path / "data", data=VOLUME, chunks=chunks)
    seen = []
    local = ome.create(tmp_path / "local", "a", data, axes="czyx", levels=4, **layout)
    far = ome.create(
        Written(tmp_path / "far"), "a", data, axes="czyx", levels=4, client=client,
        progress=lambda *n: seen.append(n), **layout,
    )  # fmt: skip
    assert files(tmp_path / "far") == files(tmp_path / "local")
    assert [level.shape for level in far.levels] == [level.shape for level in local.levels]
    assert seen[-1] == (len(seen), len(seen))
    keys = [key for key in (tmp_path / "far.log").read_text().split() if key.rpartition("/")[2][0] not in ".z"]
    assert len(keys) == len({*keys}) > 0


def test_levels_of_an_array(client, tmp_path):
    for place in ("local", "far"):
        sz.create_group(tmp_path / place).create_array("0", data=VOLUME, chunks=(1, 8, 16, 16))
    ome.build_pyramid(tmp_path / "local", "0", axes="czyx")
    image = ome.build_pyramid(tmp_path / "far", "0", axes="czyx", client=client.scheduler.address)
    assert len(image.levels) == 4
    assert files(tmp_path / "far") == files(tmp_path / "local")


def test_an_error_in_a_worker_leaves_no_levels(client, tmp_path):
    group = sz.create_group(tmp_path / "a")
    group.create_array("0", data=VOLUME, chunks=(1, 8, 16, 16))
    group.store.set("0/c/1/3/3/3", b"damaged")
    before = files(tmp_path / "a")
    with pytest.raises(sz.ChunkError, match="0/c/1/3/3/3"):
        ome.build_pyramid(group.store, "0", axes="czyx", client=client)
    assert files(tmp_path / "a") == before


def test_stores_in_memory_are_refused(client):
    with pytest.raises(sz.UnsupportedError, match=r"client: workers can't write to"):
        ome.create(store := {}, "a", VOLUME, axes="czyx", client=client)
    assert store == {}
