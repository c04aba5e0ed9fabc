"""Data types: the name in the metadata, the NumPy dtype, and fill values between JSON and an element's exact bytes.

An element is always `bytes` in the machine's byte order, so that NaN payloads and the sign of zero survive.

>>> import numpy as np
>>> parse_dtype("float32").fill_from_json("NaN", "fill_value") == np.float32("nan").tobytes()
True
>>> of_numpy(np.dtype(">u2")).name
'uint16'
"""

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.floats import NumberText
from simplezarr.dtypes.registry import of_numpy, parse_dtype, register_dtype
from simplezarr.dtypes.spellings import as_data_type, depends_on_elements

__all__ = ["DataType", "NumberText", "as_data_type", "depends_on_elements", "of_numpy", "parse_dtype", "register_dtype"]
