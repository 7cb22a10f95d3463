"""Coarse products of many rows with many others, which find who may be a neighbor; float32 scores decide later.

Scope: products of int8, which take a quarter of the time and lose next to nothing, or of float32.
"""

import logging

import numpy as np

from text_classification_viz.core.chunks import chunks

CODED_ROWS = 4_096  # coded at a time
CHECKED_ROWS = 512  # of which products are checked
INT8_LARGEST = 127


def int8_serves(vectors: np.ndarray, log: logging.Logger) -> bool:
    """Whether int8 products come out right on this processor, the largest too; if not, with a warning.

    Processors without an instruction for them add up in 16 bits, which overflow. Ask before `one_thread_each`,
    whose limit does not reach torch before it is loaded.
    """
    codes = int8_codes(vectors[:CHECKED_ROWS])
    if np.array_equal(multiply(codes, codes), codes.astype(np.int32) @ codes.T.astype(np.int32)):
        return True
    log.warning("nearest neighbors: int8 products overflow on this processor; float32 serves, which is slower")
    return False


def multiply(codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Products (m, n) of all pairs of rows: float32, or int32 of int8."""
    if codes.dtype != np.int8:
        return codes @ others.T
    import torch

    # torch has this product for its quantised layers, and no public name for it
    return torch._int_mm(torch.from_numpy(codes), torch.from_numpy(others).T).numpy()


def int8_codes(vectors: np.ndarray) -> np.ndarray:
    """The vectors (n, d) as int8 in proportion to them."""
    codes = np.empty(vectors.shape, np.int8)
    scale = INT8_LARGEST / (max(vectors.max(), -vectors.min()) or 1)
    for block in chunks(len(vectors), CODED_ROWS):
        codes[block] = np.rint(vectors[block] * scale)
    return codes
