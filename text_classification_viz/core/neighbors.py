"""The one nearest-neighbour search, by cosine similarity, that every later stage uses."""

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from text_classification_viz.core import tables
from text_classification_viz.core.errors import InputError

QUERY_BLOCK = 8_192  # rows searched between two lines of progress
RECALL_ROWS = 256  # recall to about ±0.002 at k = 100
RECALL_TOLERANCE = 1e-5  # similarities this close are one another's equal in float32


@dataclass(frozen=True)
class Neighbors:
    """The k nearest neighbours of each row, the row itself excluded, nearest first.

    Attributes
    ----------
    rows
        int32 (n, k) row numbers.
    similarities
        float32 (n, k) cosine similarities in [-1, 1], descending.
    """

    rows: np.ndarray
    similarities: np.ndarray

    @property
    def cosine_distances(self) -> np.ndarray:
        """float32 (n, k): 1 - similarity."""
        return np.maximum(0, 1 - self.similarities)

    @property
    def euclidean_distances(self) -> np.ndarray:
        """float32 (n, k): distance between the unit-length vectors, sqrt(2 - 2 similarity)."""
        return np.sqrt(2 * self.cosine_distances)

    def to_table(self) -> pa.Table:
        """The published form, schema `tables.nearest_neighbors_schema`."""
        n, k = self.rows.shape
        lists = [pa.FixedSizeListArray.from_arrays(part.ravel(), k) for part in (self.rows, self.similarities)]
        return pa.table([pa.array(np.arange(n)), *lists], schema=tables.nearest_neighbors_schema(k))

    @classmethod
    def from_table(cls, table: pa.Table) -> "Neighbors":
        """The arrays of a published table, without a copy where it is in one chunk."""
        columns = [table[name].combine_chunks() for name in ("neighbors", "similarities")]
        return cls(*(column.flatten().to_numpy().reshape(len(column), -1) for column in columns))


def find_neighbors(
    vectors: np.ndarray, n_neighbors: int = 100, *, log: logging.Logger = logging.getLogger(__name__)
) -> Neighbors:
    """Find the exact nearest neighbours of every row among the others, with faiss on the CPU.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    n_neighbors
        Neighbours a row; fewer where there are fewer other rows.
    log
        Where progress goes.

    Raises
    ------
    InputError
        Fewer than two rows, or `n_neighbors` below 1.
    """
    import faiss

    n = len(vectors)
    if n_neighbors < 1:
        raise InputError(f"n_neighbors: expected at least 1, found {n_neighbors}")
    if n < 2:
        raise InputError(f"train_vectors: expected at least 2 rows to have neighbours, found {n}")
    k = min(n_neighbors, n - 1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    rows = np.empty((n, k), np.int32)
    similarities = np.empty((n, k), np.float32)
    for start in range(0, n, QUERY_BLOCK):
        block = slice(start, min(start + QUERY_BLOCK, n))
        found_similarities, found = index.search(np.ascontiguousarray(vectors[block]), k + 1)
        others = _all_but_self(found, np.arange(block.start, block.stop))
        rows[block] = found[others].reshape(-1, k)
        similarities[block] = found_similarities[others].reshape(-1, k)
        log.info(f"nearest neighbours: {block.stop:,} of {n:,} rows")
    return Neighbors(rows, np.clip(similarities, -1, 1, out=similarities))


def _all_but_self(found: np.ndarray, self_rows: np.ndarray) -> np.ndarray:
    """Mask (n, k + 1) that leaves out the row itself, or the last one where duplicates crowded it out."""
    is_self = found == self_rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return ~is_self


def measure_recall(vectors: np.ndarray, neighbors: Neighbors, *, seed: int = 0) -> float:
    """Share of the true nearest neighbours that were found, on a sample of rows searched by brute force.

    A neighbour counts as true if it is at least as similar as the k-th nearest, to `RECALL_TOLERANCE`, so
    that ties do not count against the search.
    """
    n, k = neighbors.rows.shape
    sample = np.random.default_rng(seed).permutation(n)[:RECALL_ROWS]
    exact = vectors[sample] @ vectors.T
    exact[np.arange(len(sample)), sample] = -np.inf
    kth = np.partition(exact, n - k, axis=1)[:, n - k]
    found = np.take_along_axis(exact, neighbors.rows[sample].astype(np.int64), axis=1)
    return float((found >= kth[:, None] - RECALL_TOLERANCE).mean())
