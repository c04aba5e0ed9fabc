"""The batches of a `simplezarr.loader.Loader` as tensors of PyTorch: `pip install simplezarr[torch]`.

    for batch in loader(train, device="cuda"): ...              tensors on a device, copied ahead
    DataLoader(dataset(train), batch_size=None, num_workers=0)  if a framework insists on a DataLoader

`simplezarr.loader.Samples` needs no wrapper: it is a map-style dataset.
"""

from typing import TYPE_CHECKING

from simplezarr.schema.extras import extra

if TYPE_CHECKING:
    from simplezarr.torch.datasets import dataset
    from simplezarr.torch.devices import loader

__all__ = ["dataset", "loader"]

_MODULES = {"dataset": "simplezarr.torch.datasets", "loader": "simplezarr.torch.devices"}


if not TYPE_CHECKING:  # otherwise any name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        extra("torch", "simplezarr.torch.dataset and loader")
        return getattr(extra("torch", "", _MODULES[name]), name)
