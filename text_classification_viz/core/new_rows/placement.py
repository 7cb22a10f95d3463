"""Where rows go on a map that has not seen them.

Scope: places, and what the neighborhood of a place is like. The map does not change, and no row's place
depends on which others are placed with it, so that a set of rows can be cut up and shared out at will.

A row goes to the weighted medoid of its nearest landmarks: the place of that one of them from which the others are
the least far. Of 17,000 news rows, a fifth held out, the labels of those around the places agree as often as on a
map that was laid out with the held-out rows, and more of the true neighbors are near. Coordinate-wise medians
keep fewer, and epochs of the optimizer with the landmarks held fixed fewer still (`benchmarks/README.md`).
"""

import logging
from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.label_model import FAR, TEMPERATURE
from text_classification_viz.core.maps import PLACING_NOISE, diameter, weighted_medoids
from text_classification_viz.core.neighbors import Neighbors, find_neighbors_of
from text_classification_viz.core.new_rows.landmarks import Landmarks
from text_classification_viz.core.outliers import nearest_similarity
from text_classification_viz.core.seeds import mix

PLACING_NEIGHBORS = 10
ROW_BLOCK = 8_192  # rows placed at a time, to bound memory


@dataclass(frozen=True)
class Placement:
    """Places of m new rows.

    Attributes
    ----------
    coordinates
        float32 (m, 2 or 3).
    neighbors
        Lists of the nearest landmarks, nearest first, (m, k).
    distance_percentile
        float32 (m,): percent of the landmarks that are nearer to their own nearest than the row is to its nearest.
        50 is usual; from 99 on a row is unlike nearly all that the map knows.
    """

    coordinates: np.ndarray
    neighbors: Neighbors
    distance_percentile: np.ndarray


def place(
    ids: np.ndarray,
    vectors: np.ndarray,
    landmarks: Landmarks,
    *,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> Placement:
    """Place new rows beside their nearest landmarks.

    Parameters
    ----------
    ids
        int64 (m,). A row's place depends on its id, its vector and the landmarks alone.
    vectors
        float32 (m, d), unit length.
    landmarks
        The rows of the map.
    seed
        Of the noise that keeps rows beside one landmark from covering each other.
    log
        Where progress goes.

    Raises
    ------
    InputError
        Vectors of another width than the landmarks'.
    """
    n_dimensions = landmarks.vectors.shape[1]
    if vectors.shape[1] != n_dimensions:
        raise InputError(
            f"validation_vectors: expected {n_dimensions} dimensions, as train_vectors has, found "
            f"{vectors.shape[1]}; embed both sets with one model, and materialize them again"
        )
    neighbors = find_neighbors_of(vectors, landmarks.vectors, FAR, log)
    coordinates = np.empty((len(ids), landmarks.coordinates.shape[1]), np.float32)
    spread = PLACING_NOISE * diameter(landmarks.coordinates)
    for block in chunks(len(ids), ROW_BLOCK):
        nearest = neighbors.rows[block, :PLACING_NEIGHBORS]
        similarities = neighbors.similarities[block, :PLACING_NEIGHBORS]
        weights = np.exp((similarities - similarities[:, :1]) / TEMPERATURE)
        medoids = weighted_medoids(landmarks.coordinates[nearest], weights)
        coordinates[block] = medoids + spread * noise_of(ids[block], coordinates.shape[1], seed)
    remoteness = 1 - nearest_similarity(neighbors.similarities)
    nearer = np.searchsorted(landmarks.remoteness, remoteness) / len(landmarks.remoteness)
    return Placement(coordinates, neighbors, (100 * nearer).astype(np.float32))


def noise_of(ids: np.ndarray, n_axes: int, seed: int) -> np.ndarray:
    """Standard normal numbers (m, n_axes) that depend on each id (m,) and the seed alone.

    SplitMix64 (Steele, Lea and Flood 2014) of id, axis and seed, through the inverse of the normal distribution.
    """
    from scipy.special import ndtri

    state = ids.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    state = state + np.arange(1, n_axes + 1, dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03) + np.uint64(seed)
    return ndtri(((mix(state) >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53)
