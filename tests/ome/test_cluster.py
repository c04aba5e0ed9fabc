"""Images that the workers of a cluster build are those that one process builds."""

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import ome
from tests.support.cluster import Written, client_of_two, files

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")

VOLUME = np.random.default_rng(1).integers(0, 4000, (2, 37, 70, 90)).astype("u2")


@pytest.fixture(scope="module")
def client():
    with client_of_two() as client:
        yield client


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
    store = Written(tmp_path / "far")
    far = ome.create(
        store, "a", data, axes="czyx", levels=4, client=client,
        progress=lambda *n: seen.append(n), **layout,
    )  # fmt: skip
    assert files(tmp_path / "far") == files(tmp_path / "local")
    assert [level.shape for level in far.levels] == [level.shape for level in local.levels]
    assert seen[-1] == (len(seen), len(seen))
    keys = [key for _, key in store.chunks()]
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
