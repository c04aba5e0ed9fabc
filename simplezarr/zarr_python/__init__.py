"""zarr-python over this library: a codec pipeline for its arrays, and its arrays as ours and back.

    zarr.config.set({"codec_pipeline.path": "simplezarr.zarr_python.CodecPipeline"})

Then each `zarr.Array` that is opened reads and writes through this library. zarr-python imports this package in every
process that opens an array, because it loads all registered pipelines. So zarr is imported only where it is used.
"""

from typing import TYPE_CHECKING

from simplezarr.zarr_python.codec_pipeline import CodecPipeline

if TYPE_CHECKING:
    from simplezarr.zarr_python.conversion import from_zarr, to_zarr

__all__ = ["CodecPipeline", "from_zarr", "to_zarr"]

# zarr-python names a pipeline by its module and its name
CodecPipeline.__module__ = __name__


if not TYPE_CHECKING:  # otherwise any name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from simplezarr.zarr_python import conversion  # its imports take 20 ms

        return getattr(conversion, name)
