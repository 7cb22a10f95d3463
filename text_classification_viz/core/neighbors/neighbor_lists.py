"""The neighbor lists of all rows, in memory and as a table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from text_classification_viz.core import tables


@dataclass(frozen=True)
class Neighbors:
    """The k nearest neighbors of each row, the row itself excluded, nearest first.

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
