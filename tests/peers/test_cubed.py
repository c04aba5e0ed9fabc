"""cubed reads stored arrays: whole, in part, and into other chunks. Those of zarr-python, too, with our pipeline."""

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.zarr_python import CodecPipeline

cubed = pytest.importorskip("cubed")
xp = pytest.importorskip("cubed.array_api")

PATH = "simplezarr.zarr_python.CodecPipeline"
DATA = np.arange(60 * 40, dtype="f8").reshape(60, 40)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shards", [None, (20, 20)])
def test_cubed_reads(tmp_path, shards):
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(10, 10), shards=shards)
    spec = cubed.Spec(work_dir=str(tmp_path / "work"), allowed_mem="200MB")
    x = cubed.from_array(a, chunks=a.shards or a.chunks, spec=spec)
    check(x)


@pytest.mark.filterwarnings("ignore")
def test_cubed_reads_by_zarr_python(tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3.1")
    zarr.registry.register_pipeline(CodecPipeline)
    CodecPipeline.fallbacks.clear()
    with zarr.config.set({"codec_pipeline.path": PATH}):
        zarr.create_array(tmp_path / "a", data=DATA, chunks=(10, 10), shards=(20, 20))
        spec = cubed.Spec(work_dir=str(tmp_path / "work"), allowed_mem="200MB")
        check(cubed.from_zarr(str(tmp_path / "a"), spec=spec))
        assert isinstance(zarr.open_array(tmp_path / "a").async_array.codec_pipeline, CodecPipeline)
    assert not CodecPipeline.fallbacks


def check(x):
    """Check an array of cubed that has DATA."""
    assert float(xp.sum(x).compute()) == DATA.sum()
    assert (x[5:, ::3].compute() == DATA[5:, ::3]).all()
    assert (cubed.rechunk(x, (30, 40)).compute() == DATA).all()
