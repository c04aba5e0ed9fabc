"""Saved states of a loader: what they say, and where another loader goes on with them."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simplezarr.loader.fields import Field
from simplezarr.loader.orders import ORDER_VERSION

__all__ = ["as_state", "batch_of", "check_state", "checksum", "shorten", "shown"]


def as_state(
    fingerprint: Mapping[str, str], seed: int, epoch: int, batch: int, streams: int, ranks: int
) -> dict[str, Any]:
    """Return what `Loader.state_dict` returns."""
    return {
        "version": ORDER_VERSION,
        "seed": seed,
        "epoch": epoch,
        "batch": batch,
        "world_size": streams,
        "ranks": ranks,
        "fingerprint": dict(fingerprint),
    }


def check_state(state: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Raise ValueError if a state is that of a loader with other batches. mine: a state of this loader."""
    for name in ("version", "seed"):
        if state.get(name) != mine[name]:
            raise ValueError(f"load_state_dict: {name} is {state.get(name)!r}; this loader has {mine[name]!r}")
    for name, value in mine["fingerprint"].items():
        other = dict(state["fingerprint"]).get(name)
        if other != value:
            raise ValueError(f"load_state_dict: {name} is {other!r}; this loader has {value!r}")


def batch_of(state: Mapping[str, Any], world_size: int) -> int:
    """Return the batch at which one of `world_size` ranks goes on. Raise ValueError if they cannot."""
    streams, ranks, batch = int(state["world_size"]), int(state["ranks"]), int(state["batch"])
    if streams % world_size:
        raise ValueError(f"load_state_dict: a world size of {world_size} does not divide the first one, {streams}")
    if ranks == world_size:
        return batch
    if batch * ranks % streams:
        raise ValueError(f"load_state_dict: {batch} batches of {ranks} ranks are no whole number of steps of {streams}")
    return batch * ranks // streams * (streams // world_size)


def shown(field: Field) -> str:
    """Return what the batches depend on of an array."""
    words = [field.name, field.array.shape, field.dtype, field.array.chunks, *field.scale]
    return " ".join(map(str, words))


def shorten(texts: Sequence[str]) -> str:
    """Return the texts, or the beginning and a checksum if they are long: a state is small."""
    text = "; ".join(texts)
    return text if len(text) <= 100 else f"{text[:90]}… {zlib.crc32(text.encode()):08x}"


def checksum(values: np.ndarray) -> str:
    """Return a checksum of the elements, as eight hexadecimal digits."""
    return f"{zlib.crc32(values.tobytes()):08x}"
