"""Each row compared with all others in float32: exact, whatever the vectors are like."""

import logging
from collections.abc import Iterable

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors.neighbor_lists import Neighbors
from text_classification_viz.core.neighbors.ranking import leave_out_self, nearest_of, score_pairs, sort_keys

QUERY_BLOCK = 8_192  # rows searched between two lines of progress
SURPLUS = 8  # found beyond k, so that rounding does not decide who is the k-th

Nearest = tuple[np.ndarray, np.ndarray]  # rows and similarities
Band = tuple[int, np.ndarray, Nearest]


def search_brute_force(
    vectors: np.ndarray, rows: np.ndarray, k: int, log: logging.Logger
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities (m, k) of the nearest others of m `rows` of the float32 `vectors` (n, d).

    Where more than `SURPLUS` others are exactly as near as the k-th, faiss chooses among them.
    """
    import faiss

    n_found = min(k + 1 + SURPLUS, len(vectors))
    nearest, similarities = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
    for block in chunks(len(rows), QUERY_BLOCK):
        _, found = faiss.knn(vectors[rows[block]], vectors, n_found, metric=faiss.METRIC_INNER_PRODUCT)
        others = leave_out_self(found, rows[block])
        scores = score_pairs(vectors, np.broadcast_to(rows[block, None], others.shape), others)
        nearest[block], similarities[block] = nearest_of(sort_keys(scores, others), k)
        log.info(f"nearest neighbors: {block.stop:,} of {len(rows):,} rows")
    return nearest, similarities


def gather_bands(vectors: np.ndarray, k: int, bands: Iterable[Band], log: logging.Logger) -> Nearest:
    """Put together what a search finds band by band, and search what it leaves by brute force.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    k
        Neighbors of each row.
    bands
        Of each band in turn how many rows are done with it, numbers of its rows for which enough was found, and
        the nearest k of these.
    log
        Where progress goes.
    """
    n = len(vectors)
    rows, similarities = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    found = np.zeros(n, bool)
    for n_done, done, nearest in bands:
        rows[done], similarities[done] = nearest
        found[done] = True
        log.info(f"nearest neighbors: {n_done:,} of {n:,} rows")
    left = np.flatnonzero(~found)
    if len(left):
        log.info(f"nearest neighbors: {len(left):,} rows are left to brute force")
        rows[left], similarities[left] = search_brute_force(vectors, left, k, log)
    return rows, similarities


def find_neighbors_of(
    queries: np.ndarray,
    vectors: np.ndarray,
    n_neighbors: int,
    log: logging.Logger = logging.getLogger(__name__),
) -> Neighbors:
    """Find the nearest rows of new vectors, the same of each whichever others are asked for with it.

    Parameters
    ----------
    queries
        float32 (m, d), unit length.
    vectors
        float32 (n, d), unit length; the lists hold rows of these.
    n_neighbors
        Neighbors of each query; fewer where there are fewer rows.
    log
        Where progress goes.
    """
    import faiss

    k, n_found = min(n_neighbors, len(vectors)), min(n_neighbors + SURPLUS, len(vectors))
    nearest, similarities = np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)
    for block in chunks(len(queries), QUERY_BLOCK):
        some = np.ascontiguousarray(queries[block])
        _, found = faiss.knn(some, vectors, n_found, metric=faiss.METRIC_INNER_PRODUCT)
        itself = np.broadcast_to(np.arange(len(some))[:, None], found.shape)
        scores = score_pairs(some, itself, found, vectors)
        nearest[block], similarities[block] = nearest_of(sort_keys(scores, found), k)
        log.info(f"nearest neighbors of new rows: {block.stop:,} of {len(queries):,}")
    return Neighbors(nearest, similarities)
