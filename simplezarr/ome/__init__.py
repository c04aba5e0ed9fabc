"""Images of OME-Zarr 0.4 and 0.5: create them with all their levels, build the levels of images that exist, open them.

>>> import numpy as np
>>> from simplezarr import ome
>>> image = ome.create({}, "cells", np.zeros((200, 300), "u1"), scale={"y": 0.5, "x": 0.5}, levels=3)
>>> [level.shape for level in image.levels], image.scale(2)
([(200, 300), (100, 150), (50, 75)], {'y': 2.0, 'x': 2.0})
"""

from simplezarr.ome.creation import create
from simplezarr.ome.image import Image, open
from simplezarr.ome.pyramids import build_pyramid

__all__ = ["Image", "build_pyramid", "create", "open"]
