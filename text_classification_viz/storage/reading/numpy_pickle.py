"""What numpy's classes and functions in a pickle stand for: an array that is described but not yet made.

Scope: the exact shapes in which numpy 1 and 2 pickle an array and a dtype. A structured dtype is refused
with everything else that is not on the list: its flags can make numpy take bytes for pointers.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from text_classification_viz.storage.reading.pickle_parser import Binary, Call, Global, kind_of
from text_classification_viz.storage.reading.stable_read import UpstreamFile

NDARRAY = Global("numpy", "ndarray")
DTYPE = Global("numpy", "dtype")
ENCODE = Global("_codecs", "encode")  # how protocol 2, which has no bytes, writes them
# numpy 1 and numpy 2 name their private modules differently.
RECONSTRUCT = frozenset(Global(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core"))
FROMBUFFER = frozenset(Global(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core"))
ARRAY_GLOBALS = frozenset([NDARRAY, DTYPE, ENCODE]) | RECONSTRUCT | FROMBUFFER
BYTES_OPCODES = frozenset({"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"})
ARRAY_OPCODES = BYTES_OPCODES | {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "BUILD"}

MAX_DIMENSIONS = 64  # NPY_MAXDIMS
MAX_LENGTH = 1 << 63  # of npy_intp
DTYPE_CODE = re.compile(rb"f[248]|[iu][1248]|b1|U(?P<length>[1-9]\d{0,6})|O8?")


@dataclass(eq=False)
class RawArray:
    """An array as a file describes it.

    Attributes
    ----------
    dtype
        Plain numbers, texts of fixed length, or objects.
    shape
        Any number of dimensions.
    fortran_order
        Whether the first index changes fastest.
    data
        uint8 array (prod(shape) * itemsize,), or the list of prod(shape) objects.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran_order: bool
    data: np.ndarray | list


def raw_array(file: UpstreamFile, value: object) -> RawArray:
    """Give the array that `value` of a parsed pickle stands for.

    Raises
    ------
    InputError
        No array, a dtype that is not plain, or data of another length than shape and dtype need.
    """
    match value:
        # ndarray.__reduce__
        case Call(
            function=function,
            args=(Global() as array_class, (0,), placeholder),
            state=(1, tuple() as shape, dtype, bool() as fortran_order, data),
        ) if function in RECONSTRUCT and array_class == NDARRAY and _is_placeholder(file, placeholder):
            pass
        # ndarray.__reduce_ex__ in protocol 5
        case Call(
            function=function, args=(Binary() as data, dtype, tuple() as shape, (b"C" | b"F") as order), state=None
        ) if function in FROMBUFFER:
            fortran_order = order == b"F"
        case _:
            raise file.fault("an array as numpy pickles it", kind_of(value))
    check_shape(file, shape)
    plain_dtype = _dtype(file, dtype)
    items: np.ndarray | list | None
    if plain_dtype.hasobject:
        items = data if type(data) is list else None
        n_expected, unit = math.prod(shape), "objects"
    else:
        items = _bytes(file, data)
        n_expected, unit = math.prod(shape) * plain_dtype.itemsize, "bytes"
    if items is None or len(items) != n_expected:
        found = kind_of(data) if items is None else f"{len(items):,}"
        raise file.fault(f"{n_expected:,} {unit} for the shape {shape} of dtype {plain_dtype.str}", found)
    return RawArray(plain_dtype, shape, fortran_order, items)


def check_shape(file: UpstreamFile, shape: tuple) -> None:
    """Raise InputError unless numpy could have an array of this shape."""
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < MAX_LENGTH for n in shape):
        raise file.fault(f"a shape of at most {MAX_DIMENSIONS} whole numbers of 63 bits", "another shape")


def _bytes(file: UpstreamFile, value: object) -> np.ndarray:
    match value:
        case Binary(data=data):
            return data
        case Call(function=function, args=(bytes() as text, b"latin1"), state=None) if function == ENCODE:
            try:
                return np.frombuffer(text.decode().encode("latin-1"), dtype=np.uint8).copy()
            except UnicodeError as error:
                raise file.fault("bytes written as latin-1 text", str(error)) from None
        case _:
            raise file.fault("bytes for the data of an array", kind_of(value))


def _is_placeholder(file: UpstreamFile, value: object) -> bool:
    """Whether this is the b"b" (a dtype of one byte) with which numpy makes an array that it then fills."""
    data = _bytes(file, value)
    return len(data) == 1 and data.tobytes() == b"b"


def _dtype(file: UpstreamFile, value: object) -> np.dtype:
    match value:
        # dtype.__reduce__: the code, align and copy; the state has neither subarray nor names nor fields.
        case Call(
            function=function,
            args=(bytes() as code, False, True),
            state=(3, (b"<" | b">" | b"|") as order, None, None, None, itemsize, alignment, flags),
        ) if function == DTYPE and (known := DTYPE_CODE.fullmatch(code)):
            if code.startswith(b"U"):
                layout = (4 * int(known["length"]), 4, 8)
            else:
                layout = (-1, -1, 63 if code.startswith(b"O") else 0)
            if layout == (itemsize, alignment, flags):
                return np.dtype((order + code).decode())
        case Call(function=function, args=(bytes() as code, *_)) if function == DTYPE:
            raise file.fault("a dtype of plain numbers or texts", f"dtype {code[:20].decode(errors='replace')!r}")
    raise file.fault("a dtype as numpy pickles it", kind_of(value))
