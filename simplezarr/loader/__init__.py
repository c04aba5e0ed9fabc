"""Feed training: batches of samples of stored arrays, each chunk decoded once an epoch.

>>> import numpy as np
>>> import simplezarr as sz
>>> from simplezarr.loader import Cast, Loader, Rows
>>> images = sz.create_array({}, data=np.arange(48, dtype="u1").reshape(12, 2, 2), chunks=(4, 2, 2))
>>> loader = Loader(images, Rows(), batch_size=4, cast=Cast("float32", scale=1 / 255))
>>> for batch in loader:
...     print(batch.shape, batch.dtype)
(4, 2, 2) float32
(4, 2, 2) float32
(4, 2, 2) float32
"""

from simplezarr.loader.cast import Cast
from simplezarr.loader.crops import Crops
from simplezarr.loader.loader import Loader
from simplezarr.loader.samples import Boxes, Rows, Windows
from simplezarr.loader.sequence import Samples

__all__ = ["Boxes", "Cast", "Crops", "Loader", "Rows", "Samples", "Windows"]
