"""A creator that is killed leaves no image, or a complete one; a place that it has left can be used again."""

import os
import subprocess

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import ome
from tests.support.helpers import PYTHON, same_package

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are killed by a signal")

VOLUME = np.random.default_rng(1).integers(0, 4000, (37, 70, 90)).astype("u2")
PROGRAM = """
import sys, time, numpy as np
from simplezarr import ome
data = np.random.default_rng(1).integers(0, 4000, (37, 70, 90)).astype("u2")
def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.05)
ome.create(sys.argv[1], "a", data, axes="zyx", levels=3, chunks=(8, 16, 16), progress=slowly)
print("complete", flush=True)
"""


@pytest.mark.parametrize("parts", [1, 4, 8])
def test_a_killed_creator(tmp_path, parts):
    command = [*PYTHON, "-c", PROGRAM, str(tmp_path / "x")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=same_package()) as process:
        for line in process.stdout:
            if line.strip() == str(parts):
                break
        else:
            raise AssertionError("there are fewer parts")
        process.kill()
    with pytest.raises(sz.MetadataError, match="not an image of OME-Zarr"):
        ome.open(tmp_path / "x", "a")
    image = ome.create(tmp_path / "x", "a", VOLUME, axes="zyx", levels=3, chunks=(8, 16, 16), overwrite=True)
    assert (image.levels[0][...] == VOLUME).all()
    assert sz.utils.check(tmp_path / "x").problems == ()
