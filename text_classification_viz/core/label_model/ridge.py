"""Ridge regression of one-hot labels on the vectors, with rows left out in closed form.

Scope: the linear view of a row's class, from all rows but itself. What the neighbors say stands in
`votes`.
"""

from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.chunks import chunks

PENALTY = 10.0  # in squared vector lengths: weighs as much as ten rows in every direction


@dataclass(frozen=True)
class Ridge:
    """A ridge regression of one-hot labels with an unpenalized intercept, and what leaving rows out needs.

    Attributes
    ----------
    mean
        Mean of the vectors, (d,).
    inverse
        (X'X + penalty I)^-1 of the centred vectors, (d, d).
    coefficients
        For centred vectors, (d, K).
    intercept
        Share of each class, (K,).
    n_rows
        Number of rows it was fitted to.
    """

    mean: np.ndarray
    inverse: np.ndarray
    coefficients: np.ndarray
    intercept: np.ndarray
    n_rows: int

    @classmethod
    def fit(cls, vectors: np.ndarray, labels: np.ndarray, n_classes: int) -> "Ridge":
        """Fit to `vectors` (n, d) and `labels` (n,), integers below `n_classes`."""
        n_rows, n_dims = vectors.shape
        mean = vectors.mean(axis=0, dtype=np.float64)
        scatter = PENALTY * np.eye(n_dims)
        class_sums = np.zeros((n_dims, n_classes))
        for rows in chunks(n_rows):
            centred = vectors[rows] - mean
            scatter += centred.T @ centred
            class_sums += centred.T @ one_hot(labels[rows], n_classes)
        inverse = np.linalg.inv(scatter)
        intercept = np.bincount(labels, minlength=n_classes) / n_rows
        return cls(mean, inverse, inverse @ class_sums, intercept, n_rows)

    def leave_one_out(self, vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Predict each row that it was fitted to from all the others, (n, K), without n refits.

        (F - h Y) / (1 - h), with the predictions F, the one-hot labels Y and the leverages h, the diagonal of
        the hat matrix: the leave-one-out identity of linear smoothers (Allen's PRESS, 1974).
        """
        predictions = np.empty((len(vectors), len(self.intercept)))
        for rows in chunks(len(vectors)):
            centred = vectors[rows] - self.mean
            h = self._hat(centred @ self.inverse, centred)[:, None]
            predictions[rows] = (self._predict(centred) - h * self._one_hot(labels[rows])) / (1 - h)
        return predictions

    def leave_pairs_out(
        self, points: np.ndarray, vectors: np.ndarray, labels: np.ndarray, pairs: np.ndarray
    ) -> np.ndarray:
        """Predict new points, each from all rows but two, (m, K), without m refits.

        f(x) - h_xS (I - H_SS)^-1 (Y_S - F_S) for the pair S, with the hat matrix H: the identity of
        `leave_one_out` for two rows.

        Parameters
        ----------
        points
            (m, d).
        vectors, labels
            The rows that it was fitted to, (n, d) and (n,), three at least.
        pairs
            The two different rows that each point must not know, (m, 2).
        """
        predictions = np.empty((len(points), len(self.intercept)))
        for rows in chunks(len(points)):
            point, first, second = (
                at - self.mean for at in (points[rows], vectors[pairs[rows, 0]], vectors[pairs[rows, 1]])
            )
            weighted_first, weighted_second = first @ self.inverse, second @ self.inverse
            residual_first = self._one_hot(labels[pairs[rows, 0]]) - self._predict(first)
            residual_second = self._one_hot(labels[pairs[rows, 1]]) - self._predict(second)

            # (I - H_SS)^-1 of the symmetric 2 x 2 matrix [[a, -c], [-c, b]], written out.
            a = 1 - self._hat(weighted_first, first)
            b = 1 - self._hat(weighted_second, second)
            c = self._hat(weighted_first, second)
            to_first, to_second = self._hat(weighted_first, point), self._hat(weighted_second, point)
            weight_first = (to_first * b + to_second * c) / (a * b - c * c)
            weight_second = (to_first * c + to_second * a) / (a * b - c * c)
            predictions[rows] = (
                self._predict(point)
                - weight_first[:, None] * residual_first
                - weight_second[:, None] * residual_second
            )
        return predictions

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Predict rows that it was not fitted to, (m, K), from their vectors (m, d)."""
        return np.vstack([self._predict(points[rows] - self.mean) for rows in chunks(len(points))])

    def _predict(self, centred: np.ndarray) -> np.ndarray:
        return centred @ self.coefficients + self.intercept

    def _hat(self, weighted: np.ndarray, centred: np.ndarray) -> np.ndarray:
        """Entries of the hat matrix, row by row; the 1/n is the intercept's part."""
        return np.einsum("ij,ij->i", weighted, centred) + 1 / self.n_rows

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        return one_hot(labels, len(self.intercept))


def one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Rows of the identity matrix for `labels` (n,), float64 (n, n_classes)."""
    return np.eye(n_classes)[labels]
