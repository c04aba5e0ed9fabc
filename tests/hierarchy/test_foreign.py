"""Paths that hold no Zarr: the error says what they hold, and what opens it. A tilde is the home directory."""

import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from tests.nodes.test_group import group


def message(path, *args):
    """What the error says, which may be looked at more than once."""
    with pytest.raises(sz.NodeNotFoundError) as info:
        sz.open(path, *args)
    assert str(info.value) == str(info.value)
    return str(info.value)


def npz():
    file = io.BytesIO()
    np.savez(file, a=np.arange(3))
    return file.getvalue()


def npy():
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("zarr.json", group())
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("zarr.json"))
    return file.getvalue()


REFERENCES = {"version": 1, "refs": {".zgroup": '{"zarr_format": 2}', "a/0": ["s3://x/y", 0, 10]}}
FILES = {
    "zipped": (zipped(), "a zip archive"),
    "x.npz": (npz(), "numpy.load"),
    "x.npy": (npy(), "numpy.load"),
    "x.tar": (tarred(), "a tar archive"),
    "x.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "h5py"),
    "late.h5": (bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(100), "h5py"),
    "x.nc": (b"CDF\x02" + bytes(100), "netCDF"),
    "x.tif": (b"II*\0" + bytes(100), "tifffile"),
    "big.tif": (b"MM\0+" + bytes(100), "tifffile"),
    "refs.txt": (json.dumps(REFERENCES).encode(), "kerchunk"),
    "old.txt": (json.dumps(REFERENCES["refs"]).encode(), "kerchunk"),
    "x.json": (b' {"a": 1}', "a JSON file"),
    "x.fits": (b"SIMPLE  =                    T", "astropy"),
    "x.grib": (b"GRIB" + bytes(10), "cfgrib"),
    "x.parquet": (b"PAR1" + bytes(10), "pyarrow"),
    "x.gz": (b"\x1f\x8b" + bytes(10), "gzip"),
    "x.sqlite": (b"SQLite format 3\0" + bytes(10), "SQLite"),
    "zarr.json": (group(), "open the directory"),
    ".zarray": (b"{}", "open the directory"),
    "notes.txt": (b"mine", "is a file; a Zarr hierarchy"),
    "empty": (b"", "an empty file"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name, tmp_path):
    content, what = FILES[name]
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / name
    path.write_bytes(content)
    for place in (path, str(path), f"file://{path}"):
        assert what in message(place)
    assert what in message(path, "a/b")
    if name not in ("zarr.json", ".zarray"):
        assert what in message(tmp_path / "d", name)
    for opener in (sz.open_array, sz.open_group, sz.load):
        with pytest.raises(sz.NodeNotFoundError, match=what.replace("(", r"\(")):
            opener(path)


def test_directories(tmp_path):
    def made(name, **files):
        for file, content in files.items():
            path = tmp_path / name / file.replace("__", ".").replace("_in_", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (tmp_path / name).mkdir(exist_ok=True)
        return message(tmp_path / name)

    assert "N5" in made("x.n5", attributes__json='{"n5": "2.0.0"}')
    assert "N5" in made("y.n5", a_in_attributes__json='{"dataType": "uint8"}')
    assert "N5" in made("z", attributes__json='{"dataType": "uint8", "blockSize": [1]}')
    assert "precomputed" in made("p", info='{"type": "image", "data_type": "uint8", "scales": []}')
    assert "an empty directory" in made("e")
    assert "references" in made("r", __zmetadata="{}")
    told = made("other", **{f"{letter}__txt": "" for letter in "abcdefg"})
    assert told.endswith(
        "it is a directory that holds no Zarr; it holds a.txt, b.txt, c.txt, d.txt, e.txt and 2 more; check the path"
    )
    sz.create_array(tmp_path / "above" / "one.zarr", data=[1, 2])
    assert "there is Zarr in it: one.zarr;" in message(tmp_path / "above")
    assert repr(str(tmp_path / "above" / "one.zarr")) in message(tmp_path / "above" / "one.zarr" / "c")
    assert message(tmp_path / "none" / "at all").endswith("the directory does not exist; check the path")
    assert "'.zgroup'; check the path, or store a node" in message({})


def test_a_place_that_can_not_be_looked_at_is_no_other_error(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b"mine")
    monkeypatch.setattr("builtins.open", lambda *args: 1 / 0)
    assert "it has none of the keys" in message(tmp_path / "x")


@pytest.mark.skipif(sys.platform == "win32", reason="the home directory goes by other variables")
def test_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sz.save("~/x.zarr", np.arange(3))
    assert os.listdir(tmp_path) == ["x.zarr"]
    for path in ("~/x.zarr", Path("~/x.zarr"), Path("~") / "x.zarr", str(tmp_path / "x.zarr")):
        assert sz.load(path).tolist() == [0, 1, 2]
    assert sz.open("~/x.zarr").store == sz.LocalStore(b"~/x.zarr") == sz.LocalStore(tmp_path / "x.zarr")
    sz.save("./~", np.arange(2))
    assert sz.load(tmp_path / "~").tolist() == [0, 1]
