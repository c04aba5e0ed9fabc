"""What to write for the names that NumPy, zarr-python and h5py have, and this library does not.

`__getattr__` of the package, of arrays and of groups asks for them. It is called only for names that are missing.
"""

from typing import NoReturn

__all__ = ["missing_from_package", "refuse_array_name", "refuse_group_name"]

_FILLED = (
    "create_array(store, path, shape=..., dtype=..., fill_value=...) makes it; no chunk is stored before it is written"
)
_LIKE = "create_array(store, path, like=array) makes it"
_CODECS = "codecs has the codecs of a chunk in encoding order, metadata.codecs the whole chain"
_PARTS = "simplezarr.codecs.split_chain(a.codecs) has filters, serializer and compressors"
_PARENT = "open_group(a.store) opens the root of its store"
_ATTRIBUTES = "attrs.update(...) changes attributes, attrs.put(...) replaces them"
_READS = {"basic": "a[...]", "orthogonal": "a.oindex[...]", "coordinate": "a.vindex[...]", "mask": "a.vindex[mask]"}

#: What replaces attributes of other arrays.
OF_ARRAYS = {
    "basename": "name is the path in the store",
    "cdata_shape": "grid_shape is the number of chunks along each dimension",
    "compression": _CODECS,
    "compression_opts": _CODECS,
    "compressor": _CODECS,
    "compressors": _PARTS,
    "dims": "dimension_names has the names of the dimensions",
    "file": _PARENT,
    "fillvalue": "it is called fill_value",
    "filters": _PARTS,
    "get_block_selection": "write a.blocks[...]",
    "maxshape": "every array can be resized, with resize(shape) or append(data)",
    "nchunks_initialized": "nchunks_stored counts the chunks that are stored",
    "order": "results are in C order; a Transpose in codecs stores chunks in another",
    "parent": _PARENT,
    "read_direct": "write a.read(selection, out=...)",
    "serializer": _PARTS,
    "set_block_selection": "write a.blocks[...] = values",
    "update_attributes": _ATTRIBUTES,
    "write_direct": "write a.write(selection, values)",
    **{f"get_{kind}_selection": f"write {spelling}" for kind, spelling in _READS.items()},
    **{f"set_{kind}_selection": f"write {spelling} = values" for kind, spelling in _READS.items()},
}

#: What replaces attributes of other groups.
OF_GROUPS = {
    **dict.fromkeys(("array", "create", "create_dataset"), "write create_array(name, data=...)"),
    **dict.fromkeys(("empty", "full", "ones", "zeros"), _FILLED.replace("store, path", "name")),
    **dict.fromkeys(("empty_like", "full_like", "ones_like", "zeros_like"), _LIKE.replace("store, path", "name")),
    "array_values": "arrays() gives (name, array) pairs",
    "basename": "name is the path in the store",
    "create_dataset_like": _LIKE.replace("store, path", "name"),
    "file": _PARENT.replace("a.store", "g.store"),
    "group_values": "groups() gives (name, group) pairs",
    "members": "items() gives (name, child) pairs",
    "nmembers": "len(group) counts the children",
    "parent": _PARENT.replace("a.store", "g.store"),
    "require_dataset": "write require_array(name, shape=..., dtype=...)",
    "update_attributes": _ATTRIBUTES,
    "visit": "tree() draws all that is below, items() gives the children",
    "visititems": "tree() draws all that is below, items() gives the children",
}

#: What replaces functions and classes of other packages.
OF_PACKAGES = {
    **dict.fromkeys(("empty", "full", "ones", "zeros"), _FILLED),
    **dict.fromkeys(("empty_like", "full_like", "ones_like", "open_like", "zeros_like"), _LIKE),
    **dict.fromkeys(("array", "from_array"), "create_array(store, path, data=values) makes an array of values"),
    "Blosc": "codecs has the codecs, such as codecs.Blosc(cname='zstd')",
    "Dataset": "arrays are simplezarr.Array; open_array opens them",
    "DirectoryStore": "a path will do as a store; LocalStore is its class",
    "File": "open_group(path, mode='a') opens a file's counterpart",
    "config": "set_num_threads is the one setting",
    "consolidate_metadata": "open_group(store, mode='r+').consolidate_metadata() does it",
    "create": "create_array(store, path, shape=..., dtype=...) makes an array",
    "group": "open_group(store, mode='a') opens a group, or makes it if it is missing",
    "open_consolidated": "open(store) reads consolidated metadata by itself",
    "save_array": "save(store, values) stores an array",
    "save_group": "save(store, {'x': values}) stores several",
    "storage": "the stores are in simplezarr.stores",
    "tree": "open_group(store).tree() draws it",
}


def refuse_array_name(array: object, name: str) -> NoReturn:
    """Raise AttributeError for what an array, or another handle of stored elements, does not have: its `__getattr__`.

    >>> import simplezarr as sz
    >>> sz.create_array({}, data=[1, 2]).T
    Traceback (most recent call last):
    ...
    AttributeError: 'Array' object has no attribute 'T'; its elements are stored: read them first, as in a.read().T
    """
    from numpy import ndarray  # loaded by now, but not if the package alone is asked for a name

    remedy = OF_ARRAYS.get(name)
    if remedy is None and not name.startswith("_") and hasattr(ndarray, name):
        call = "()" if callable(getattr(ndarray, name)) else ""
        remedy = f"its elements are stored: read them first, as in a.read().{name}{call}"
    raise AttributeError(_message(f"'{type(array).__name__}' object", name, remedy))


def refuse_group_name(group: object, name: str) -> NoReturn:
    """Raise AttributeError for what a group does not have: its `__getattr__`."""
    raise AttributeError(_message(f"'{type(group).__name__}' object", name, OF_GROUPS.get(name)))


def missing_from_package(name: str) -> str:
    """Return the message for a name that the package does not have."""
    return _message("module 'simplezarr'", name, OF_PACKAGES.get(name, "help(simplezarr) lists what it has"))


def _message(owner: str, name: str, remedy: str | None) -> str:
    message = f"{owner} has no attribute {name!r}"
    return message if remedy is None else f"{message}; {remedy}"
