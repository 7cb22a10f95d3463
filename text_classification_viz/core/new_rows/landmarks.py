"""The rows that new ones are placed among: those that a map shows, with what is known of each.

Scope: joining a published map with the training rows. What is done with new rows stands in the modules
beside this one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import Neighbors, keep_rows
from text_classification_viz.core.outliers import nearest_similarity


@dataclass(frozen=True)
class Landmarks:
    """Training rows on a map.

    Attributes
    ----------
    ids
        int64 (n,), unique.
    classes, labels
        Class labels, sorted, (K,) of str; and of each row the position of its own, int32 (n,).
    coordinates
        float32 (n, 2 or 3).
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbors among themselves.
    """

    ids: np.ndarray
    classes: np.ndarray
    labels: np.ndarray
    coordinates: np.ndarray
    vectors: np.ndarray
    neighbors: Neighbors

    @classmethod
    def of(
        cls, train_df: pa.Table, vectors: np.ndarray, neighbors: Neighbors, projection: pa.Table
    ) -> "Landmarks":
        """Join the training rows with a map.

        Parameters
        ----------
        train_df
            Schema `core.tables.TRAIN`; rows that people dropped may be missing.
        vectors
            float32 (n, d), unit length; `embedding_row` of `train_df` points into it.
        neighbors
            Lists of all of `vectors`.
        projection
            Schema `core.tables.projection_schema`; of these rows or of some of them.

        Raises
        ------
        InputError
            The map shows fewer than three of the rows.
        """
        on_map = pc.index_in(train_df["id"], projection["id"])
        shown = train_df.filter(pc.is_valid(on_map))
        if shown.num_rows < 3:
            raise InputError(
                f"umap_projection: expected to find at least 3 rows of the training set on it, found "
                f"{shown.num_rows}; materialize umap_projection again"
            )
        rows = shown["embedding_row"].to_numpy()
        if len(rows) < len(vectors):
            vectors = vectors[rows]
            neighbors = keep_rows(neighbors, rows, vectors)
        axes = [name for name in "xyz" if name in projection.column_names]
        places = np.column_stack([projection[axis].to_numpy() for axis in axes])
        classes, labels = np.unique(shown["class_label"].to_numpy(zero_copy_only=False), return_inverse=True)
        return cls(
            shown["id"].to_numpy(),
            classes,
            labels.astype(np.int32),
            places[on_map.drop_null().to_numpy()],
            vectors,
            neighbors,
        )

    @cached_property
    def remoteness(self) -> np.ndarray:
        """Mean cosine distance of each row to its ten nearest, float64 (n,), ascending and not by row."""
        return np.sort(1 - nearest_similarity(self.neighbors.similarities))
