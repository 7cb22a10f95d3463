"""How much of the truth a search found."""

import numpy as np

from text_classification_viz.core.neighbors.neighbor_lists import Neighbors

RECALL_ROWS = 256  # recall to about ±0.002 at k = 100
ROW_BLOCK = 32  # rows compared with all others at a time, to bound memory
RECALL_TOLERANCE = 1e-5  # similarities this close are one another's equal in float32


def measure_recall(vectors: np.ndarray, neighbors: Neighbors, *, seed: int = 0) -> float:
    """Share of the true nearest neighbors that were found, on a sample of rows searched by brute force.

    A neighbor counts as true if it is at least as similar as the k-th nearest, to `RECALL_TOLERANCE`, so
    that ties do not count against the search.
    """
    n, k = neighbors.rows.shape
    sample = np.random.default_rng(seed).permutation(n)[:RECALL_ROWS]
    n_found = 0
    for rows in np.array_split(sample, range(ROW_BLOCK, len(sample), ROW_BLOCK)):
        exact = vectors[rows] @ vectors.T
        exact[np.arange(len(rows)), rows] = -np.inf
        found = np.take_along_axis(exact, neighbors.rows[rows].astype(np.int64), axis=1)
        exact.partition(n - k, axis=1)
        n_found += int(np.count_nonzero(found >= exact[:, n - k, None] - RECALL_TOLERANCE))
    return n_found / (len(sample) * k)
