"""Odd names as paths, keys, links and entries of consolidated metadata: nothing outside a store's root is touched."""

import contextlib
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np

import simplezarr as sz
from tests.oracle import v3 as oracle

PARTS = [
    "..", ".", "...", "", "a", "b", "c", "0", "zarr.json", ".zarray", ".zgroup", "__x", "~", "C:", "C:\\x", "..\\x",
    "\\",
    "\0", "a\0b", "\ud800", "é", "e\u0301", "%2e%2e", "..%2f", "\u2025", "\uff0e\uff0e", "\u2215", "a b", "-rf", "*",
    "c/0", "nul", "x" * 300, "x.partial", ".partial", "\n", "outside", "value", "..;", "up", "file", "self",
]  # fmt: skip
LINKS = {"up": "..", "out": "../outside", "file": "../outside/value", "self": "self", "a/deep": "../../outside"}
ALLOWED = (sz.ZarrError, OSError, ValueError, TypeError)


def pick_path(rand):
    """Draw a path of odd parts; one in four is absolute, or climbs."""
    path = "/".join(rand.choice(PARTS) for _ in range(rand.choice([1, 1, 2, 2, 3, 5])))
    return rand.choice(["", "", "", "", "/", "../", "//", "../outside/", "a/../../outside/"]) + path


def consolidated(rand):
    """Return a root group whose copies of documents have odd paths."""
    array = json.loads(oracle.write_array({}, "", np.arange(4), (2,))["zarr.json"])
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    copies = {pick_path(rand): rand.choice([array, group]) for _ in range(rand.randint(1, 3))}
    if rand.random() < 0.5:
        block = {"kind": "inline", "must_understand": False, "metadata": copies}
        return {"zarr.json": json.dumps({**group, "consolidated_metadata": block}).encode()}
    entries = {f"{path}/.zgroup": {"zarr_format": 2} for path in copies}
    block = {"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}, **entries}}
    return {".zgroup": b'{"zarr_format": 2}', ".zmetadata": json.dumps(block).encode()}


def make_root(rand, root, links):
    """Make a hierarchy, with links that lead out of it."""
    store = consolidated(rand)
    oracle.write_array(store, "a", np.arange(4), (2,))
    oracle.dump(store, root)
    for name, target in LINKS.items() if links else ():
        os.symlink(target, root / name)


def read(rand, root, path):
    """Whatever can be read by such a path."""
    for node in (root.get(path), root.get(f"a/{path}")):
        if isinstance(node, sz.Array):
            node[...]
    assert isinstance(path in root, bool)


def write(rand, root, path):
    """Whatever can be made, changed or removed by such a path."""
    action = rand.randrange(5)
    if action == 0:
        root.create_group(path, attributes={"x": 1})
    elif action == 1:
        root.create_array(path, data=np.arange(3), chunks=(2,), overwrite=rand.random() < 0.5)
    elif action == 2:
        del root[path]
    elif action == 3:
        root[path].attrs["x"] = 1
    else:
        root.consolidate_metadata()


def use_store(rand, store, path):
    """Call the store's own methods, without the checks of groups."""
    for call in (store.get, store.exists, store.size, store.list_dir, lambda key: list(store.list(key))):
        with contextlib.suppress(*ALLOWED):
            call(path)
    change = rand.choice([lambda: store.set(path, b"x"), lambda: store.delete(path), lambda: store.delete_prefix(path)])
    with contextlib.suppress(*ALLOWED):
        change()


def names(top):
    """Read and write a root whose neighbour must stay as it is, and must not be read."""
    outside, root = Path(top, "outside"), Path(top, "root")
    outside.mkdir()
    (outside / "value").write_bytes(b"outside")
    oracle.write_array(before := {}, "n", np.full(4, 77), (4,))
    oracle.dump(before, outside)
    stored = oracle.load(outside)

    def look(store, path):
        """Check that files outside can't be read, except through a link that may be followed."""
        with contextlib.suppress(*ALLOWED):
            assert store.get(path) not in stored.values(), f"{path!r} leads out"

    def execute(rand):
        links = rand.random() < 0.5
        make_root(rand, root, links)
        store = sz.LocalStore(root, follow_symlinks=not links)
        try:
            for _ in range(3):
                path = pick_path(rand)
                if links and rand.random() < 0.5:
                    path = f"{rand.choice([*LINKS])}/{rand.choice(['value', 'n', 'n/zarr.json', 'new', path])}"
                look(store, path)
                with contextlib.suppress(*ALLOWED), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    group = sz.open_group(store, mode="r+")
                    assert isinstance(repr(group.tree()), str)
                    rand.choice([read, write])(rand, group, path)
                use_store(rand, store, path)
            assert sorted(os.listdir(top)) in (["outside", "root"], ["outside"]), os.listdir(top)
            assert oracle.load(outside) == stored
            return "links" if links else "names"
        finally:
            shutil.rmtree(root, ignore_errors=True)

    return execute
