"""Arrays in the bytes of a `.npy` file, which are a stranger's. Loads no torch."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ts_sdk.errors import RequestError

NPY_MARK = b"\x93NUMPY"
"""What such a file begins with."""

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(content: bytes) -> NDArray[Any]:
    """The array in *content*, which shares its memory and cannot be written to.

    Raises:
        RequestError: It is damaged, claims more numbers than it has, or holds Python objects.
    """
    file = io.BytesIO(content)
    try:
        read_header = _HEADERS[np.lib.format.read_magic(file)]
        shape, by_columns, kind = read_header(file)
    except (KeyError, ValueError) as error:
        raise RequestError(f"the .npy file has a header that cannot be read: {error}") from error
    rest = content[file.tell() :]
    if kind.hasobject:
        raise RequestError("the .npy file holds Python objects; send one that holds numbers")
    wanted = math.prod(shape) * kind.itemsize
    if wanted != len(rest) or min(shape, default=0) < 0:
        raise RequestError(
            f"the .npy file is damaged: its header says {kind} {shape}, which are {wanted:,} "
            f"bytes, and {len(rest):,} follow"
        )
    flat = np.frombuffer(rest, kind) if rest else np.empty(0, kind)
    return flat.reshape(shape, order="F" if by_columns else "C")
