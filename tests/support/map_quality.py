"""What the tests of both layouts measure of a map."""

import numpy as np


def label_purity(layout: np.ndarray, labels: np.ndarray, n_neighbors: int = 10) -> float:
    """Mean share of a row's nearest neighbors on the map that have its label."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(layout).kneighbors(return_distance=False)
    return float((labels[nearest] == labels[:, None]).mean())
