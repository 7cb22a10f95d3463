"""The forms of `train_embeddings`: a pickled array, or `.npy`.

Belongs here: from an open file to one float32 matrix. Whether its numbers make sense is for the gate to say.
"""

import math

import numpy as np

from text_classification_viz.storage.numpy_pickle import (
    ARRAY_GLOBALS,
    ARRAY_OPCODES,
    RawArray,
    check_shape,
    raw_array,
)
from text_classification_viz.storage.pickle_parser import COMMON_OPCODES, Grammar, PickleParser
from text_classification_viz.storage.stable_read import UpstreamFile

FLOAT32 = np.dtype("<f4")
REMEDY = (
    "write one array of shape (rows, dimensions) with np.asarray(embeddings, dtype='<f4') and materialize "
    "train_embeddings upstream again"
)
GRAMMAR = Grammar(
    value="one float32 array",
    opcodes=COMMON_OPCODES | ARRAY_OPCODES,
    globals=ARRAY_GLOBALS,
    max_opcodes=500,  # numpy writes about 60, for an array of any size
    max_marks=2,  # the array's state and in it the dtype's
    max_dict_items=0,
)
NPY_VERSIONS = ((1, 0), (2, 0))  # 3.0 differs in the names of structured dtypes only


def parse_pickle(file: UpstreamFile) -> np.ndarray:
    """Give the matrix of a pickled array, whose bytes go from the file straight to where they stay."""
    return _matrix(file, raw_array(file, PickleParser(file, GRAMMAR).parse()))


def parse_npy(file: UpstreamFile) -> np.ndarray:
    """Give the matrix of a `.npy` file, which may not hold pickled objects."""
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as error:
        raise file.fault("a .npy file", str(error)) from None
    if version not in NPY_VERSIONS:
        raise file.fault("a .npy file of version 1.0 or 2.0", f"version {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read_header(file)
    except Exception as error:  # numpy evaluates a literal; what a bad one raises differs between versions
        raise file.fault("a .npy header", f"one that does not parse ({error})") from None
    if dtype.hasobject:
        raise file.fault(_shown(FLOAT32), f"{_shown(dtype)}: pickled objects, which are never loaded")
    check_shape(file, shape)
    needed = math.prod(shape) * dtype.itemsize
    if needed != file.remaining():
        raise file.fault(
            f"{needed:,} bytes for the shape {shape} of {_shown(dtype)}",
            f"{file.remaining():,} after the header: the file is truncated or has bytes after its end",
        )
    return _matrix(file, RawArray(dtype, shape, fortran_order, file.read_array(needed)))


def _matrix(file: UpstreamFile, array: RawArray) -> np.ndarray:
    if len(array.shape) != 2 or 0 in array.shape:
        raise file.fault("a 2-D array with rows and columns", f"shape {array.shape}")
    if array.dtype != FLOAT32 or isinstance(array.data, list):
        raise file.fault(_shown(FLOAT32), _shown(array.dtype))
    matrix = array.data.view(FLOAT32).reshape(array.shape, order="F" if array.fortran_order else "C")
    return np.ascontiguousarray(matrix)


def _shown(dtype: np.dtype) -> str:
    return f"{dtype.name} (dtype {dtype.str})"
