"""The features that every probability here is computed from: each row as all the other rows see it.

Scope: joining the ridge's and the neighbors' view, standardized, for the training rows and for mixtures
of two of them.
"""

from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.label_model.regression import Standardizer
from text_classification_viz.core.label_model.ridge import Ridge
from text_classification_viz.core.label_model.votes import neighbor_votes


@dataclass(frozen=True)
class Blocks:
    """Labeled vectors, and what the others say about each.

    Attributes
    ----------
    vectors, labels
        (n, d) unit length, and (n,) integers below K.
    n_neighbors
        Length of the neighbor lists.
    ridge, standardizer
        As fitted to all rows.
    features
        Five blocks of K standardized columns, (n, 5 K): the ridge's prediction and the four of `votes`, none of
        which knows the row's own label.
    """

    vectors: np.ndarray
    labels: np.ndarray
    n_neighbors: int
    ridge: Ridge
    standardizer: Standardizer
    features: np.ndarray

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        labels: np.ndarray,
        n_classes: int,
        neighbors: np.ndarray,
        similarities: np.ndarray,
    ) -> "Blocks":
        """Compute the blocks of all rows from their neighbor lists, (n, k) each, nearest first."""
        ridge = Ridge.fit(vectors, labels, n_classes)
        votes = neighbor_votes(labels[neighbors], similarities, n_classes)
        raw = np.hstack([ridge.leave_one_out(vectors, labels), votes])
        standardizer = Standardizer.fit(raw)
        return cls(vectors, labels, neighbors.shape[1], ridge, standardizer, standardizer(raw))

    def of_new_rows(self, points: np.ndarray, neighbors: np.ndarray, similarities: np.ndarray) -> np.ndarray:
        """Features of rows that it was not fitted to, (m, 5 K).

        Parameters
        ----------
        points
            float32 (m, d), unit length.
        neighbors, similarities
            The nearest of the fitted rows, nearest first, and their cosine similarities, (m, k).
        """
        votes = neighbor_votes(self.labels[neighbors], similarities, len(self.ridge.intercept))
        return self.standardizer(np.hstack([self.ridge.predict(points), votes]))

    def leave_pairs_out(self, points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Features of new points that know nothing of two rows each, (m, 5 K).

        Parameters
        ----------
        points
            float32 (m, d), unit length.
        pairs
            The two different rows that each point must not know, (m, 2).
        """
        import faiss

        n_classes = len(self.ridge.intercept)
        n_found = min(self.n_neighbors + 2, len(self.vectors))
        similarities, neighbors = faiss.knn(points, self.vectors, n_found, metric=faiss.METRIC_INNER_PRODUCT)
        is_parent = (neighbors == pairs[:, :1]) | (neighbors == pairs[:, 1:])
        # Parents go to the end of the list, the others keep their order; then the list loses two.
        order = np.argsort(is_parent, axis=1, kind="stable")[:, : n_found - 2]
        votes = neighbor_votes(
            self.labels[np.take_along_axis(neighbors, order, axis=1)],
            np.take_along_axis(similarities, order, axis=1),
            n_classes,
        )
        predictions = self.ridge.leave_pairs_out(points, self.vectors, self.labels, pairs)
        return self.standardizer(np.hstack([predictions, votes]))
