"""Arrays on servers in the processes that `multiprocessing` makes: each of ten children reads, by every method."""

import os
import pickle
import subprocess

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import CacheStore
from tests.support.helpers import PYTHON, same_package
from tests.support.http_server import Server
from tests.support.s3_double import s3_double

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)

#: A program, because a spawned child imports its parent's main module.
PROGRAM = """
import multiprocessing
import pickle
import sys
import threading
import warnings


def read(array, wanted):
    assert (array[...] == wanted).all()
    assert (array[3:60, ::7] == wanted[3:60, ::7]).all()


def main(method, place):
    with open(place, "rb") as file:
        array = pickle.load(file)
    wanted = array[...]
    done, errors = threading.Event(), []

    def keep_reading():
        try:
            while not done.is_set():
                read(array, wanted)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=keep_reading) for _ in range(4 if method == "fork" else 0)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context(method)
    children = [context.Process(target=read, args=(array, wanted)) for _ in range(10)]
    try:
        for child in children:
            child.start()
        for child in children:
            child.join(120)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        for child in children:
            if child.is_alive():
                child.kill()
    print([child.exitcode for child in children], errors, int(wanted.sum()))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "This process:", DeprecationWarning)  # of threads at a fork, which is meant
    main(*sys.argv[1:])
"""


@pytest.fixture
def array(kind, tmp_path):
    if kind == "web servers":
        values = {}
        sz.save(sz.MemoryStore(values), VALUES, chunks=(8, 64))
        with Server(values) as server:
            yield sz.open_array(server.url)
        return
    pytest.importorskip("obstore")
    with s3_double() as server:
        store = sz.stores.ObjectStore.from_url("s3://bucket/a", **server.options())
        sz.save(store, VALUES, chunks=(8, 64))
        if kind == "a cache":
            store = CacheStore(store, tmp_path / "cache", size="1 MB", trust=0)
        yield sz.open_array(store)


@pytest.mark.parametrize(
    ("kind", "method"), [("buckets", "fork"), ("web servers", "fork"), ("a cache", "fork"), ("buckets", "spawn")]
)
def test_ten_of_ten_children_read(method, array, tmp_path):
    """With `fork`, four threads of the parent read meanwhile."""
    if method == "fork" and not hasattr(os, "memfd_create"):
        pytest.skip("a forked child reads buckets on Linux only")
    program, place = tmp_path / "program.py", tmp_path / "array.pickle"
    program.write_text(PROGRAM)
    place.write_bytes(pickle.dumps(array))
    command = [*PYTHON, str(program), method, str(place)]
    done = subprocess.run(command, cwd=tmp_path, env=same_package(), capture_output=True, text=True, timeout=400)
    assert done.stdout == f"{10 * [0]} [] {VALUES.sum()}\n", done.stderr[-2000:]
