"""Four figures of how well a map shows its vectors, over all points and not a sample.

All layouts of one data set share one pass over its similarities, which is where the time goes: 65,536 rows of
384 dimensions take about two minutes on two cores, however many layouts there are.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.maps import nearest_on_map

BLOCK_BYTES = 256 << 20  # of similarities at a time
LABEL_NEIGHBORS = 10
TRIPLETS_PER_POINT = 5

FIGURES = ("trustworthiness", "neighbors kept", "label accuracy", "triplets")  # what tables call them


@dataclass(frozen=True)
class MapQuality:
    """Each in [0, 1], more is better.

    Attributes
    ----------
    trustworthiness
        Venna and Kaski (2001): points near on the map are near among the vectors, by rank.
    neighbors_kept
        Share of the k nearest on the map that are among the k nearest vectors.
    label_accuracy
        Share of the points with the label of most of their 10 nearest on the map; of labels that tie, the first
        in alphabetical order counts.
    triplets
        Share of random triplets whose map distances have the order that the vectors have; 0.5 is chance.
    """

    trustworthiness: float
    neighbors_kept: float
    label_accuracy: float
    triplets: float


def map_qualities(
    vectors: np.ndarray, layouts: Sequence[np.ndarray], labels: np.ndarray, *, k: int = 15, seed: int = 0
) -> list[MapQuality]:
    """Measure layouts (n, 2) of the same rows.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length; near means cosine.
    layouts
        The maps, each (n, 2 or 3).
    labels
        (n,) labels.
    k
        Neighbors for trustworthiness and neighbors kept, below n / 2.
    seed
        Draws the triplets, the same for all layouts.
    """
    n = len(vectors)
    nearest = [nearest_on_map(layout, np.arange(n), max(k, LABEL_NEIGHBORS)) for layout in layouts]
    ranks = similarity_ranks(vectors, np.hstack([rows[:, :k] for rows in nearest]))
    triplets = draw_triplets(n, seed)
    order = triplet_order(vectors, triplets)
    return [
        MapQuality(
            trustworthiness=1 - 2 / (n * k * (2 * n - 3 * k - 1)) * float(np.maximum(of_layout - k, 0).sum()),
            neighbors_kept=float((of_layout <= k).mean()),
            label_accuracy=label_accuracy(rows[:, :LABEL_NEIGHBORS], labels),
            triplets=float((triplet_order(layout, triplets) == order).mean()),
        )
        for layout, rows, of_layout in zip(layouts, nearest, np.split(ranks, len(layouts), axis=1), strict=True)
    ]


def similarity_ranks(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """int64 (n, m): the rank of row `others[i, j]` among all by similarity to row i, 1 the nearest.

    Of equal similarities all have the first rank, so that no order of exact duplicates counts as a fault.
    """
    n = len(vectors)
    ranks = np.empty(others.shape, np.int64)

    def rank(row: int, similarities: np.ndarray) -> None:
        wanted = similarities[others[row]]
        similarities[row] = -np.inf
        similarities.sort()
        ranks[row] = n + 1 - np.searchsorted(similarities, wanted, side="right")

    block = max(1, BLOCK_BYTES // (4 * n))
    with ThreadPoolExecutor() as pool:  # numpy sorts without the interpreter's lock
        for start in range(0, n, block):
            rows = range(start, min(start + block, n))
            list(pool.map(rank, rows, vectors[rows.start : rows.stop] @ vectors.T))
    return ranks


def label_accuracy(nearest: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose label is the commonest among those of the rows `nearest` (n, k)."""
    classes, codes = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(nearest), len(classes)), np.int32)
    np.add.at(votes, (np.arange(len(nearest))[:, None], codes[nearest]), 1)
    return float((votes.argmax(axis=1) == codes).mean())


def draw_triplets(n: int, seed: int) -> list[np.ndarray]:
    """Draws of one triplet a point, int64 (n, 3) each: the point and two others."""
    rng = np.random.default_rng(seed)
    point = np.arange(n)
    draws = []
    for _ in range(TRIPLETS_PER_POINT):
        first = rng.integers(n - 1, size=n)
        second = (first + 1 + rng.integers(n - 2, size=n)) % (n - 1)
        draws.append(np.column_stack([point, (point + 1 + first) % n, (point + 1 + second) % n]))
    return draws


def triplet_order(points: np.ndarray, draws: list[np.ndarray]) -> np.ndarray:
    """For each triplet (a, b, c): is b nearer to a than c is? Of unit vectors this is the order by cosine, too."""
    return np.concatenate(
        [
            np.linalg.norm(points[a] - points[b], axis=1) < np.linalg.norm(points[a] - points[c], axis=1)
            for a, b, c in (draw.T for draw in draws)
        ]
    )
