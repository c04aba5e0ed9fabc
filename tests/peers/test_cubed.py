"""cubed reads stored arrays: whole, in part, and into other chunks."""

import numpy as np
import pytest

import simplezarr as sz

cubed = pytest.importorskip("cubed")
xp = pytest.importorskip("cubed.array_api")

DATA = np.arange(60 * 40, dtype="f8").reshape(60, 40)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shards", [None, (20, 20)])
def test_cubed_reads(tmp_path, shards):
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(10, 10), shards=shards)
    spec = cubed.Spec(work_dir=str(tmp_path / "work"), allowed_mem="200MB")
    x = cubed.from_array(a, chunks=a.shards or a.chunks, spec=spec)
    assert float(xp.sum(x).compute()) == DATA.sum()
    assert (x[5:, ::3].compute() == DATA[5:, ::3]).all()
    assert (cubed.rechunk(x, (30, 40)).compute() == DATA).all()
