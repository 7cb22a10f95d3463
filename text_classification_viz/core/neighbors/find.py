"""Which search is used, and the search."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors.all_pairs import search_all_pairs
from text_classification_viz.core.neighbors.brute_force import search_brute_force
from text_classification_viz.core.neighbors.inverted_lists import search_inverted_lists
from text_classification_viz.core.neighbors.neighbor_lists import Neighbors
from text_classification_viz.core.neighbors.torch_search import search_with_torch

ALL_PAIRS_FROM = 4_096  # rows from which looking at each pair once saves more than it costs
TORCH_FROM = 40_000  # rows from which int8 products, or a GPU, save what the import of torch costs
LISTS_FROM = 131_072  # rows from which looking into the nearest cells alone saves more than the cells cost
GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of the drivers of Nvidia, Nvidia under WSL, and AMD

Device = Literal["auto", "cpu", "cuda"]


class Method(StrEnum):
    """How neighbors are searched."""

    BRUTE_FORCE = "brute force"
    FLOAT32_PAIRS = "all pairs, float32"
    INT8_PAIRS = "all pairs, int8, rescored"
    INT8_LISTS = "inverted lists, int8, rescored"
    CUDA = "brute force, float16, rescored"

    @property
    def device(self) -> str:
        """`cpu` or `cuda`, as torch names them."""
        return "cuda" if self is Method.CUDA else "cpu"


def choose_method(n_rows: int, device: Device = "auto") -> Method:
    """Choose the fastest search.

    Parameters
    ----------
    n_rows
        Rows to search.
    device
        `auto` takes a GPU where there is one and enough rows to be worth it.

    Raises
    ------
    InputError
        `cuda` is asked for, and torch finds none.
    """
    if device == "cuda" or (device == "auto" and n_rows >= TORCH_FROM and _may_have_gpu()):
        import torch

        if torch.cuda.is_available():
            return Method.CUDA
        if device == "cuda":
            raise InputError(
                "nearest_neighbors: device: expected a GPU that torch can use, found none; choose auto or cpu, or "
                "install the torch that was built for the GPU's driver"
            )
    if n_rows < ALL_PAIRS_FROM:
        return Method.BRUTE_FORCE
    if n_rows < TORCH_FROM:
        return Method.FLOAT32_PAIRS
    return Method.INT8_PAIRS if n_rows < LISTS_FROM else Method.INT8_LISTS


def _may_have_gpu() -> bool:
    """Whether there is a driver. Only then is torch asked, whose import takes over a second."""
    return any(Path(file).exists() for file in GPU_FILES)


def find_neighbors(
    vectors: np.ndarray,
    n_neighbors: int = 100,
    *,
    method: Method | None = None,
    log: logging.Logger = logging.getLogger(__name__),
) -> Neighbors:
    """Find the nearest neighbors of every row among the others.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    n_neighbors
        Neighbors a row; fewer where there are fewer other rows.
    method
        What `choose_method` chooses where none is given.
    log
        Where progress goes.

    Raises
    ------
    InputError
        Fewer than two rows, or `n_neighbors` below 1.
    """
    n = len(vectors)
    if n_neighbors < 1:
        raise InputError(f"n_neighbors: expected at least 1, found {n_neighbors}")
    if n < 2:
        raise InputError(
            f"train_vectors: expected at least 2 rows to have neighbors, found {n}; give a larger training set"
        )
    k = min(n_neighbors, n - 1)
    match method or choose_method(n):
        case Method.BRUTE_FORCE:
            return Neighbors(*search_brute_force(vectors, np.arange(n), k, log))
        case Method.CUDA:
            return Neighbors(*search_with_torch(vectors, k, "cuda", log))
        case Method.INT8_LISTS:
            return Neighbors(*search_inverted_lists(vectors, k, int8=True, log=log))
        case pairs:
            return Neighbors(*search_all_pairs(vectors, k, int8=pairs is Method.INT8_PAIRS, log=log))
