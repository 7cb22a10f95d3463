"""Which of its nearest rows a row is tied to on a UMAP map.

Scope: the choice. How strong the ties are stands in `fuzzy_graph`.

The nearest are not the best ties. Some are hubs, which are among the nearest of very many rows, and some share no
neighbor with the row: ties across the map, which pull apart what belongs together. An approximate search misses
some of these by chance, and a map of its lists is the better for it; here they are left out on purpose.
"""

import math

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors import Neighbors

CONSIDERED, NO_HUBS = 1.5, 1.2  # times n_neighbors: the rows considered, and those of them that are no hubs
MARKED_ROWS = 64  # compared at a time
LEAST_RADIUS = np.float32(1e-12)  # where copies crowd


def choose_neighbors(neighbors: Neighbors, n_neighbors: int) -> Neighbors:
    """Choose `n_neighbors` - 1 of the 1.5 `n_neighbors` nearest of each row.

    1. Of these, 1.2 `n_neighbors` are kept, those of least d^2 / (s_i s_j), where s is a row's distance to its own
       `n_neighbors`-th nearest (local scaling: Zelnik-Manor and Perona, "Self-tuning spectral clustering", 2004).
       A hub has others just as near, and so counts as farther.
    2. Of those, the ones that share most neighbors with the row (Jarvis and Patrick 1973); of as many, the
       nearest.

    Of lists that hold fewer, as many are considered as there are; lists of `n_neighbors` - 1 stay as they are.

    Parameters
    ----------
    neighbors
        The nearest rows, at least `n_neighbors` - 1 of each.
    n_neighbors
        As in umap-learn, the row itself counts as one.

    Returns
    -------
    Neighbors
        (n, `n_neighbors` - 1), nearest first.
    """
    n_held = neighbors.rows.shape[1]
    n_considered, n_kept = (min(math.ceil(times * n_neighbors), n_held) for times in (CONSIDERED, NO_HUBS))
    near = Neighbors(neighbors.rows[:, :n_considered], neighbors.similarities[:, :n_considered])
    distances = near.cosine_distances
    radius = np.maximum(distances[:, min(n_neighbors, n_held) - 1], LEAST_RADIUS)
    scaled = distances / np.sqrt(radius[near.rows])  # the row's own radius leaves its order as it is
    kept = np.sort(np.argsort(scaled, axis=1, kind="stable")[:, :n_kept], axis=1)
    n_shared = _count_shared(near.rows[:, :n_kept], np.take_along_axis(near.rows, kept, axis=1))
    first = np.argsort(-n_shared, axis=1, kind="stable")[:, : n_neighbors - 1]
    chosen = np.sort(np.take_along_axis(kept, first, axis=1), axis=1)
    return Neighbors(*(np.take_along_axis(of, chosen, axis=1) for of in (near.rows, near.similarities)))


def _count_shared(lists: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many rows of its list (n, m) each row shares with the lists of `others` (n, k), int (n, k)."""
    n = len(lists)
    shared = np.empty(others.shape, np.int32)
    marked = np.zeros((MARKED_ROWS, n), bool)
    for block in chunks(n, MARKED_ROWS):
        row = np.arange(len(lists[block]))[:, None]
        marked[row, lists[block]] = True
        shared[block] = marked[row[:, None], lists[others[block]]].sum(axis=2)
        marked[row, lists[block]] = False
    return shared
