"""Texts unlike the rest of the corpus, whatever their label.

Scope: two distances that miss different junk. Junk that repeats has near neighbors (itself), and random
words lie inside the cloud as a whole: each is plain to the other distance.
"""

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.label_model import one_hot

NEIGHBORS = 10
# Share of the rows that say what is typical. Junk that is counted in stretches the cloud to where it lies, and is
# no longer far away: among all rows, one in a hundred that are random letters are nearer to the mean than most.
# Half finds more of the junk that there is much of, three quarters more of the rare.
TYPICAL = 0.6
# Share of the mean variance added to each direction, so that a flat cloud (fewer rows than dimensions) has a
# Mahalanobis distance as well.
SHRINKAGE = 1e-3


def atypicality(
    vectors: np.ndarray, labels: np.ndarray, neighbors: np.ndarray, similarities: np.ndarray
) -> np.ndarray:
    """Two percentiles in [0, 1): of the distance to the ten nearest, and of that to the mean of typical rows.

    The first distance is by the cosine of centred vectors, which tells random words, a little like everything,
    from rows that are much like some. The second is Mahalanobis', with the mean and the covariance of the typical
    rows: the `TYPICAL` share nearest to the mean of a class, their own or another. (A step of Rousseeuw and Van
    Driessen's "fast algorithm for the minimum covariance determinant estimator", 1999, begun from the classes.)

    Parameters
    ----------
    vectors
        (n, d), unit length.
    labels
        (n,), integers from 0. They say where the classes lie; a row may be near to any of them.
    neighbors, similarities
        Nearest rows, (n, k), and their cosine similarities, descending.

    Returns
    -------
    numpy.ndarray
        (n, 2): the share of rows that are less atypical by each distance.
    """
    nearest = _nearest_centred_similarity(vectors, neighbors, similarities)
    return np.column_stack([_percentile(-nearest), _percentile(_mahalanobis(vectors, _typical(vectors, labels)))])


def nearest_similarity(similarities: np.ndarray) -> np.ndarray:
    """Mean of the ten largest of descending `similarities` (n, k), (n,)."""
    return similarities[:, :NEIGHBORS].mean(axis=1, dtype=np.float64)


def _nearest_centred_similarity(
    vectors: np.ndarray, neighbors: np.ndarray, similarities: np.ndarray
) -> np.ndarray:
    """`nearest_similarity` by the cosines of the vectors less their mean, (n,)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    along = np.concatenate([np.einsum("ij,j->i", vectors[rows], mean) for rows in chunks(len(vectors))])
    lengths = np.sqrt(np.maximum(1 - 2 * along + mean @ mean, np.finfo(np.float32).eps))
    nearest = np.empty(len(vectors))
    for rows in chunks(len(vectors)):
        others = neighbors[rows]
        products = similarities[rows] - along[rows, None] - along[others] + mean @ mean
        nearest[rows] = nearest_similarity(-np.sort(-products / (lengths[rows, None] * lengths[others]), axis=1))
    return nearest


def _typical(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether a row is among the `TYPICAL` that are nearest to the mean of a class, bool (n,)."""
    sums = sum(one_hot(labels[rows], labels.max() + 1).T @ vectors[rows] for rows in chunks(len(vectors)))
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    similarity = np.concatenate([(vectors[rows] @ means.T).max(axis=1) for rows in chunks(len(vectors))])
    return similarity >= np.quantile(similarity, 1 - TYPICAL)


def _mahalanobis(vectors: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of each row to the mean of the `typical` ones, (n,)."""
    n_rows, n_dims = vectors.shape
    n_typical = typical.sum()
    mean = vectors.mean(axis=0, dtype=np.float64, where=typical[:, None])
    covariance = np.zeros((n_dims, n_dims))
    for rows in chunks(n_rows):
        centred = vectors[rows][typical[rows]] - mean
        covariance += centred.T @ centred / n_typical
    ridge = SHRINKAGE * np.trace(covariance) / n_dims + np.finfo(np.float64).tiny
    inverse = np.linalg.inv(covariance + ridge * np.eye(n_dims))
    squared = np.empty(n_rows)
    for rows in chunks(n_rows):
        centred = vectors[rows] - mean
        squared[rows] = np.einsum("ij,ij->i", centred @ inverse, centred)
    return squared


def _percentile(values: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(values), values, side="left") / len(values)
