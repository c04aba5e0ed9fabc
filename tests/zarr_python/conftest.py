"""zarr-python with this library's pipeline, and nothing that is left to its own."""

import pytest

zarr = pytest.importorskip("zarr", minversion="3.1")
from zarr.registry import register_pipeline  # noqa: E402

from simplezarr.zarr_python import CodecPipeline  # noqa: E402

PATH = "simplezarr.zarr_python.CodecPipeline"


@pytest.fixture
def switched():
    """The pipeline is this library's; it leaves to zarr-python what it does not serve."""
    register_pipeline(CodecPipeline)  # as the entry point does if this library is installed
    CodecPipeline.fallbacks.clear()
    with zarr.config.set({"codec_pipeline.path": PATH}):
        yield CodecPipeline.fallbacks


@pytest.fixture
def strict(switched):
    """As `switched`, but what is not served raises."""
    with zarr.config.set({"codec_pipeline.strict": True}):
        yield
    assert not switched
