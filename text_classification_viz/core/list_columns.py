"""Columns of lists, made from arrays: what several tables say of each row's classes and neighbors.

Scope: from arrays to Arrow's lists. What the lists hold is their tables' business.
"""

import numpy as np
import pyarrow as pa


def likeliest_first(
    chosen: np.ndarray, weights: np.ndarray, classes: np.ndarray
) -> tuple[pa.ListArray, pa.ListArray]:
    """Lists of the `chosen` (n, K) classes of each row by descending weight, and of the weights."""
    descending = np.argsort(-weights, axis=1, kind="stable")
    kept = np.take_along_axis(chosen, descending, axis=1)
    offsets = pa.array(np.concatenate([[0], np.cumsum(kept.sum(axis=1))]), pa.int32())
    names, values = classes[descending[kept]], np.take_along_axis(weights, descending, axis=1)[kept]
    element = pa.float32() if values.dtype.kind == "f" else pa.int32()
    return (
        pa.ListArray.from_arrays(offsets, pa.array(names)),
        pa.ListArray.from_arrays(offsets, pa.array(values, element)),
    )


def lists_like(rows: np.ndarray, values: np.ndarray | pa.ChunkedArray) -> pa.ListArray:
    """Lists as long as those of `rows` (n, k) of n k `values`."""
    n_rows, length = rows.shape
    offsets = pa.array(np.arange(n_rows + 1, dtype=np.int32) * length)
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else pa.array(values)
    return pa.ListArray.from_arrays(offsets, flat)
