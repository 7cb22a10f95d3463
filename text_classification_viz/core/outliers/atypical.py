"""Texts unlike the rest of the corpus, whatever their label.

Belongs here: two distances that miss different junk. Junk that repeats has near neighbours (itself), and words
in a shuffled order lie inside the cloud as a whole: each is plain to the other distance.
"""

import numpy as np

from text_classification_viz.core.outliers.chunks import chunks

NEIGHBORS = 10
# Share of the mean variance added to each direction, so that a flat cloud (fewer rows than dimensions) has a
# Mahalanobis distance as well.
SHRINKAGE = 1e-3


def atypicality(vectors: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """Two percentiles in [0, 1): of the distance to the ten nearest, and of the Mahalanobis distance to the mean.

    Parameters
    ----------
    vectors
        (n, d), unit length.
    similarities
        Cosine similarities of the nearest neighbours, (n, k), descending.

    Returns
    -------
    numpy.ndarray
        (n, 2): the share of rows that are less atypical by each distance.
    """
    return np.column_stack([_percentile(-nearest_similarity(similarities)), _percentile(_mahalanobis(vectors))])


def nearest_similarity(similarities: np.ndarray) -> np.ndarray:
    """Mean of the ten largest of descending `similarities` (n, k), (n,)."""
    return similarities[:, :NEIGHBORS].mean(axis=1, dtype=np.float64)


def _mahalanobis(vectors: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of each row to the mean of all, (n,)."""
    n_rows, n_dims = vectors.shape
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((n_dims, n_dims))
    for rows in chunks(n_rows):
        centred = vectors[rows] - mean
        covariance += centred.T @ centred / n_rows
    ridge = SHRINKAGE * np.trace(covariance) / n_dims + np.finfo(np.float64).tiny
    inverse = np.linalg.inv(covariance + ridge * np.eye(n_dims))
    squared = np.empty(n_rows)
    for rows in chunks(n_rows):
        centred = vectors[rows] - mean
        squared[rows] = np.einsum("ij,ij->i", centred @ inverse, centred)
    return squared


def _percentile(values: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(values), values, side="left") / len(values)
