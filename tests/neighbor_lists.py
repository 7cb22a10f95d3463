"""What holds of the lists that every neighbour search gives.

Belongs here: checks that more than one test of searches makes.
"""

import numpy as np

from text_classification_viz.core.neighbors import Neighbors

FLOAT32_SIMILARITY = 1e-6  # a sum of products of unit vectors in float32 is that far off at most


def assert_sound(found: Neighbors, vectors: np.ndarray, k: int) -> None:
    """Shape, types, order, range, never self, no neighbour twice, and similarities that are those of the rows."""
    n = len(vectors)
    assert found.rows.shape == found.similarities.shape == (n, k)
    assert (found.rows.dtype, found.similarities.dtype) == (np.int32, np.float32)
    assert not (found.rows == np.arange(n)[:, None]).any()
    assert all(len(set(row)) == k for row in found.rows.tolist())
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    exact = np.einsum("nd,nkd->nk", vectors.astype(np.float64), vectors[found.rows].astype(np.float64))
    np.testing.assert_allclose(found.similarities, exact, atol=FLOAT32_SIMILARITY)
