"""The neighbor lists of some of the rows among themselves, without a search of all of them.

Scope: leaving rows out of lists that were found among all rows.
"""

import logging

import numpy as np

from text_classification_viz.core.neighbors.brute_force import search_brute_force
from text_classification_viz.core.neighbors.neighbor_lists import Neighbors

FEWEST_LEFT = 5  # so that nobody is shown one neighbor twice


def keep_rows(neighbors: Neighbors, kept: np.ndarray, vectors: np.ndarray) -> Neighbors:
    """Lists of the `kept` rows in which no other row stands.

    A list that loses rows ends with its last row repeated, so that all keep one length. For a row that loses
    over half of its neighbors, or keeps fewer than `FEWEST_LEFT`, new ones are searched.

    Parameters
    ----------
    neighbors
        Lists of all n rows, (n, k).
    kept
        Rows to keep, (m,) ascending, two at least.
    vectors
        float32 (m, d), unit length, of the kept rows.

    Returns
    -------
    Neighbors
        (m, min(k, m - 1)); row i is `kept[i]`, and so are the rows in the lists.
    """
    position = np.full(len(neighbors.rows), -1, np.int32)
    position[kept] = np.arange(len(kept), dtype=np.int32)
    k = min(neighbors.rows.shape[1], len(kept) - 1)
    rows, similarities = position[neighbors.rows[kept]], neighbors.similarities[kept]
    left_out = rows < 0
    n_left = (~left_out).sum(axis=1, keepdims=True)
    places = np.take_along_axis(
        np.argsort(left_out, axis=1, kind="stable"), np.minimum(np.arange(k), np.maximum(n_left - 1, 0)), axis=1
    )
    rows, similarities = (np.take_along_axis(lists, places, axis=1) for lists in (rows, similarities))
    too_few = np.flatnonzero(n_left[:, 0] < min(k, max(FEWEST_LEFT, k / 2)))
    if len(too_few):
        rows[too_few], similarities[too_few] = search_brute_force(vectors, too_few, k, logging.getLogger(__name__))
    return Neighbors(rows, similarities)
