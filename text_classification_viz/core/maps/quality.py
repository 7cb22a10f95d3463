"""How much of what the vectors say a map still shows.

Scope: figures that compare a map with the vectors or the labels, for asset checks and benchmarks.
"""

from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors import Neighbors, leave_out_self

NEIGHBORHOOD = 15  # neighbors that are compared
ROW_BLOCK = 256  # rows compared with all others at a time, or fewer,
MAX_SIMILARITIES = 2**25  # to bound memory: 128 MB


@dataclass(frozen=True)
class MapQuality:
    """Figures of a map in [0, 1]; more is better.

    Attributes
    ----------
    trustworthiness
        1 less the share of false neighbors on the map, weighed by how far off they are among the vectors
        (Venna and Kaski 2001). Points strewn at random have 0.5.
    neighbors_kept
        Mean share of a row's nearest neighbors that are among the nearest on the map.
    label_purity
        Mean share of a row's nearest neighbors on the map that have its label.
    label_purity_of_vectors
        The same of the nearest neighbors by the vectors: what a map without supervision can be expected to show.
    """

    trustworthiness: float
    neighbors_kept: float
    label_purity: float
    label_purity_of_vectors: float


def measure_quality(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    layout: np.ndarray,
    *,
    n_sampled: int | None = None,
    seed: int = 0,
) -> MapQuality:
    """Measure a map by the `NEIGHBORHOOD` nearest rows of each row, fewer where there are few rows or neighbors.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbors.
    labels
        (n,) label of each row.
    layout
        float (n, 2 or 3).
    n_sampled
        Rows to look at, each among all others; None for all. A thousand give trustworthiness to about ±.003.
    seed
        Of the sample.
    """
    n, n_known = neighbors.rows.shape
    k = min(NEIGHBORHOOD, n_known, max((n - 1) // 2, 1))
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:n_sampled])
    near = neighbors.rows[rows, :k].astype(np.int64)
    near_on_map = nearest_on_map(layout, rows, k)

    row_block = min(ROW_BLOCK, max(1, MAX_SIMILARITIES // n))
    excess = 0  # by how many ranks false neighbors miss being among the k nearest
    for block in chunks(len(rows), row_block):
        similarities = vectors[rows[block]] @ vectors.T
        similarities[np.arange(len(similarities)), rows[block]] = -np.inf
        of_found = np.take_along_axis(similarities, near_on_map[block], axis=1)
        for similarity in of_found.T:
            nearer = np.count_nonzero(similarities > similarity[:, None], axis=1)
            excess += int(np.maximum(nearer + 1 - k, 0).sum())
    worst = len(rows) * k * (2 * n - 3 * k - 1) / 2
    kept = (near[:, :, None] == near_on_map[:, None, :]).any(axis=2)
    return MapQuality(
        trustworthiness=1 - excess / worst if worst else 1.0,  # of two rows, each is the other's neighbor
        neighbors_kept=float(kept.mean()),
        label_purity=float((labels[near_on_map] == labels[rows, None]).mean()),
        label_purity_of_vectors=float((labels[near] == labels[rows, None]).mean()),
    )


def nearest_on_map(layout: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The k points nearest to each of m `rows` on a map (n, 2 or 3), nearest first, (m, k)."""
    from scipy.spatial import KDTree

    return leave_out_self(KDTree(layout).query(layout[rows], k + 1, workers=-1)[1], rows)
