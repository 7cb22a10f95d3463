"""The forms of `train_embeddings`: a pickled array, or `.npy`.

Scope: from an open file to one float32 matrix. Whether its numbers make sense is for the gate to say.
"""

import math
import re

import numpy as np

from text_classification_viz.storage.reading import (
    ARRAY_GLOBALS,
    ARRAY_OPCODES,
    COMMON_OPCODES,
    DTYPE_CODE,
    Grammar,
    PickleParser,
    RawArray,
    UpstreamFile,
    check_shape,
    raw_array,
)

FLOAT32 = np.dtype("<f4")
REMEDY = (
    "write one array of shape (rows, dimensions) with np.asarray(embeddings, dtype='<f4') and materialize "
    "{key} upstream again"
)
GRAMMAR = Grammar(
    value="one float32 array",
    opcodes=COMMON_OPCODES | ARRAY_OPCODES,
    globals=ARRAY_GLOBALS,
    max_opcodes=500,  # numpy writes about 60, for an array of any size
    max_marks=2,  # the array's state and in it the dtype's
    max_dict_items=0,
)
# How many bytes say how long the header is; version 3.0 differs from 2.0 in the names of structured dtypes only.
NPY_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
NPY_MAGIC = b"\x93NUMPY"
MAX_NPY_HEADER = 10_000  # numpy's own limit; it writes about 100
NPY_HEADER = re.compile(
    rb"\{'descr': ?'(?P<descr>[<>|](?:"
    + DTYPE_CODE.pattern
    + rb"))', ?'fortran_order': ?(?P<fortran_order>True|False), ?"
    rb"'shape': ?\((?P<shape>(?:\d{1,19}(?:, ?|(?=\))))*)\),? ?\}\s*"
)


def parse_pickle(file: UpstreamFile) -> np.ndarray:
    """Give the matrix of a pickled array, whose bytes go from the file straight to where they stay."""
    return _matrix(file, raw_array(file, PickleParser(file, GRAMMAR).parse()))


def parse_npy(file: UpstreamFile) -> np.ndarray:
    """Give the matrix of a `.npy` file; its header is matched, where numpy evaluates it as Python."""
    magic = file.read(8)
    if not magic.startswith(NPY_MAGIC) or len(magic) < 8:
        raise file.fault("a .npy file", f"one that begins with {magic!r}")
    version = tuple(magic[-2:])
    if version not in NPY_LENGTH_BYTES:
        raise file.fault("a .npy file of version 1.0 or 2.0", f"version {version}")
    length = int.from_bytes(file.read_exactly(NPY_LENGTH_BYTES[version]), "little")
    if length > MAX_NPY_HEADER:
        raise file.fault(f"a .npy header of at most {MAX_NPY_HEADER:,} bytes", f"{length:,}")
    header = file.read_exactly(length)
    known = NPY_HEADER.fullmatch(header)
    if not known:
        raise file.fault("a .npy header", f"one that does not parse as that of plain numbers: {header[:80]!r}")
    dtype = np.dtype(known["descr"].decode())
    if dtype.hasobject:
        raise file.fault(_shown(FLOAT32), f"{_shown(dtype)}: pickled objects, which are never loaded")
    if dtype != FLOAT32:
        raise file.fault(_shown(FLOAT32), _shown(dtype))
    shape = tuple(int(length) for length in known["shape"].split(b",") if length.strip())
    check_shape(file, shape)
    needed = math.prod(shape) * FLOAT32.itemsize
    if needed != file.remaining():
        raise file.fault(
            f"{needed:,} bytes for the shape {shape} of {_shown(FLOAT32)}",
            f"{file.remaining():,} after the header: the file is truncated or has bytes after its end",
        )
    return _matrix(file, RawArray(FLOAT32, shape, known["fortran_order"] == b"True", file.read_array(needed)))


def _matrix(file: UpstreamFile, array: RawArray) -> np.ndarray:
    if len(array.shape) != 2 or 0 in array.shape:
        raise file.fault("a 2-D array with rows and columns", f"shape {array.shape}")
    if array.dtype != FLOAT32 or isinstance(array.data, list):
        raise file.fault(_shown(FLOAT32), _shown(array.dtype))
    matrix = array.data.view(FLOAT32).reshape(array.shape, order="F" if array.fortran_order else "C")
    return np.ascontiguousarray(matrix)


def _shown(dtype: np.dtype) -> str:
    return f"{dtype.name} (dtype {dtype.str})"
