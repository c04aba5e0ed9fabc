"""Make what other software writes: `python -m tests.peers.makers MAKER DIRECTORY`, where the maker is installed.

The directory then holds its stores and `expected.npz`, the values by "store::path". With `--keep`, all of it is packed
into `tests/makers/made/MAKER.tar.xz`, which tests read if the maker is not installed.
"""

import argparse
import importlib
import io
import tarfile
from pathlib import Path

import numpy as np


def pack(directory, path):
    """Pack a directory; the same content gives the same bytes."""
    with tarfile.open(path, "w:xz") as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file():
                entry = tarfile.TarInfo(file.relative_to(directory).as_posix())
                entry.size = file.stat().st_size
                archive.addfile(entry, io.BytesIO(file.read_bytes()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maker")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    expected = importlib.import_module(f"tests.peers.makers.{options.maker}").write(options.directory.absolute())
    np.savez_compressed(options.directory / "expected.npz", **expected)
    if options.keep:
        made = Path(__file__).parent / "made"
        made.mkdir(exist_ok=True)
        pack(options.directory, made / f"{options.maker}.tar.xz")


if __name__ == "__main__":
    main()
