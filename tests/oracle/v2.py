"""A writer of Zarr 2 arrays that shares no code with the package: NumPy and numcodecs, chunk by chunk."""

import base64
import json

import numpy as np

from tests.oracle.v3 import boxes


def dtype_to_json(dtype):
    """Return a NumPy dtype as `.zarray` has it."""
    if dtype.fields is None:
        return dtype.str
    fields = [(name, dtype.fields[name][0]) for name in dtype.names]
    return [[name, dtype_to_json(d.base), *([list(d.shape)] if d.shape else [])] for name, d in fields]


def fill_to_json(fill):
    """Return a 0-d array as the JSON of a fill value."""
    if fill.dtype.kind in "SV":
        return base64.b64encode(fill.tobytes()).decode()
    if fill.dtype.kind in "Mm":
        return int(fill.astype("i8"))
    if fill.dtype.kind == "c":
        return [fill_to_json(np.asarray(part)) for part in (fill.real, fill.imag)]
    value = fill.item()
    if fill.dtype.kind == "f" and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def document(array, chunks, *, order="C", filters=None, compressor=None, separator=".", fill=None, **members):
    """Return the members of a `.zarray`; filters and compressor are codecs of numcodecs, or their JSON."""
    return {
        "zarr_format": 2,
        "shape": list(array.shape),
        "chunks": list(chunks),
        "dtype": dtype_to_json(array.dtype),
        "order": order,
        "fill_value": None if fill is None else fill_to_json(np.asarray(fill, array.dtype)),
        "filters": [config(codec) for codec in filters] if filters else None,
        "compressor": config(compressor),
        "dimension_separator": separator,
        **members,
    }


def config(codec):
    """Return the JSON of a codec."""
    return codec.get_config() if hasattr(codec, "get_config") else codec


def encode(block, order, filters, compressor):
    """Return the bytes of a chunk."""
    data = block.flatten(order)
    for codec in [*(filters or ()), *([] if compressor is None else [compressor])]:
        data = codec.encode(data)
    return data.tobytes() if isinstance(data, np.ndarray) else bytes(data)


def write_array(store, path, array, chunks, *, attributes=None, **members):
    """Put a Zarr 2 array, all of its chunks, into a dict."""
    described = document(array, chunks, **members)
    prefix = f"{path}/" if path else ""
    store[f"{prefix}.zarray"] = json.dumps(described).encode()
    if attributes is not None:
        store[f"{prefix}.zattrs"] = json.dumps(attributes).encode()
    how = {name: members.get(name) for name in ("filters", "compressor")}
    for index, box in boxes(array.shape, chunks):
        block = np.zeros(chunks, array.dtype)
        block[tuple(slice(0, n) for n in array[box].shape)] = array[box]
        key = described["dimension_separator"].join(map(str, index)) or "0"
        store[prefix + key] = encode(block, described["order"], **how)
    return store
