"""What holds of the lists that every neighbor search gives.

Scope: what more than one test of searches checks or counts.
"""

import logging
from types import ModuleType

import numpy as np
import pytest

from text_classification_viz.core.neighbors import Neighbors, brute_force

FLOAT32_SIMILARITY = 1e-6  # a sum of products of unit vectors in float32 is that far off at most


def assert_sound(found: Neighbors, vectors: np.ndarray, k: int) -> None:
    """Shape, types, order, range, never self, no neighbor twice, and similarities that are those of the rows."""
    n = len(vectors)
    assert found.rows.shape == found.similarities.shape == (n, k)
    assert (found.rows.dtype, found.similarities.dtype) == (np.int32, np.float32)
    assert not (found.rows == np.arange(n)[:, None]).any()
    assert all(len(set(row)) == k for row in found.rows.tolist())
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    exact = np.einsum("nd,nkd->nk", vectors.astype(np.float64), vectors[found.rows].astype(np.float64))
    np.testing.assert_allclose(found.similarities, exact, atol=FLOAT32_SIMILARITY)


def count_brute_force(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> list[int]:
    """How many rows these modules search by brute force, call by call, as it goes on."""
    counts: list[int] = []
    search = brute_force.search_brute_force

    def count(vectors: np.ndarray, rows: np.ndarray, k: int, log: logging.Logger) -> tuple[np.ndarray, np.ndarray]:
        counts.append(len(rows))
        return search(vectors, rows, k, log)

    for module in modules:
        monkeypatch.setattr(module, "search_brute_force", count)
    return counts
