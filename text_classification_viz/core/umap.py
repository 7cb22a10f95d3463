"""The UMAP layout: umap-learn on neighbours that are already there."""

import logging
import warnings

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layout import LogStream, check_layout_input
from text_classification_viz.core.neighbors import Neighbors

SECONDS_BETWEEN_LINES = 5.0
# umap-learn weights edges between labels by exp(-2.5 / (1 - target_weight)). Near 1 that is 0 in float32, and rows
# without a neighbour of their own label would get no place at all.
TARGET_WEIGHT_LIMIT = 0.95


def umap_layout(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    *,
    n_components: int = 2,
    n_neighbors: int = 10,
    min_dist: float = 0.1,
    n_epochs: int = 500,
    target_weight: float = 0.0,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Lay out rows by UMAP (McInnes, Healy and Melville 2018), from a PCA start.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbours, the rows themselves excluded; at least `n_neighbors` - 1 of each, or all
        other rows.
    labels
        (n,) labels; used only where `target_weight` is above 0.
    n_components
        2 or 3.
    n_neighbors
        As in umap-learn, the row itself counts as the first of its neighbours.
    min_dist
        Least distance between points of the map, in [0, 1].
    n_epochs
        Rounds of the optimiser.
    target_weight
        0: the labels play no part. Up to 1: weight of the labels in the graph, as umap-learn's; all above
        `TARGET_WEIGHT_LIMIT` count as that.
    seed
        The same input and seed give the same layout; umap-learn runs on one thread for it.
    log
        Where progress goes.

    Returns
    -------
    numpy.ndarray
        float32 (n, n_components).

    Raises
    ------
    InputError
        A parameter out of its range, too few rows, or fewer neighbours than asked for.
    """
    n = len(vectors)
    check_layout_input("umap_projection", vectors, neighbors, n_components)
    if n_neighbors < 2:
        raise InputError(f"umap_projection: n_neighbors: expected at least 2, found {n_neighbors}")
    if n_epochs < 1:
        raise InputError(f"umap_projection: n_epochs: expected at least 1, found {n_epochs}")
    if not 0 <= min_dist <= 1:
        raise InputError(f"umap_projection: min_dist: expected 0 to 1, found {min_dist}")
    if not 0 <= target_weight <= 1:
        raise InputError(f"umap_projection: target_weight: expected 0 to 1, found {target_weight}")
    n_neighbors = min(n_neighbors, n - 1)  # umap-learn's own limit
    if neighbors.rows.shape[1] < n_neighbors - 1:
        raise InputError(
            f"umap_projection: n_neighbors: expected at most {neighbors.rows.shape[1] + 1}, the neighbours "
            f"that nearest_neighbors holds and the row itself, found {n_neighbors}; raise n_neighbors there"
        )
    log.info(f"UMAP: {n:,} rows, loading umap-learn and compiling (some 10 seconds)")
    from umap import UMAP

    itself = np.arange(n, dtype=np.int32)[:, None]
    nearest = np.hstack([itself, neighbors.rows[:, : n_neighbors - 1]])
    distances = np.pad(neighbors.cosine_distances[:, : n_neighbors - 1], ((0, 0), (1, 0)))
    model = UMAP(
        n_components=n_components,
        n_neighbors=n_neighbors,
        min_dist=min_dist,
        n_epochs=n_epochs,
        metric="cosine",
        precomputed_knn=(nearest, distances),
        # As good a map as from umap-learn's spectral start, whose eigensolver (scipy 1.17) draws vectors
        # without a seed where some rows are exact duplicates.
        init="pca",
        disconnection_distance=np.inf,  # else rows whose neighbours are all their opposites get no place
        target_weight=min(target_weight, TARGET_WEIGHT_LIMIT),
        random_state=seed,
        n_jobs=1,
        tqdm_kwds={
            "disable": False,
            "file": LogStream(log),
            "mininterval": SECONDS_BETWEEN_LINES,
            "bar_format": "UMAP: epoch {n_fmt} of {total_fmt}, {remaining} left",
        },
    )
    target = np.unique(labels, return_inverse=True)[1] if target_weight > 0 else None
    with warnings.catch_warnings():
        # The index would serve to place new rows later; and that a seed means one thread is what we want.
        warnings.filterwarnings("ignore", message="precomputed_knn.*knn_search_index")
        layout = model.fit_transform(vectors, target)
    return np.ascontiguousarray(layout, dtype=np.float32)
