"""The graph that UMAP lays out: how strongly each row belongs to each of its neighbors, with or without labels.

Scope: edges and their weights, as umap-learn has them (McInnes, Healy and Melville 2018, section 3.1).
How the graph is laid out stands in `umap_optimizer`.
"""

from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.neighbors import Neighbors

BISECTIONS = 64  # at most, as in umap-learn,
TOLERANCE = 1e-5  # which also stops that far from log2(n_neighbors)
MIN_SCALE = 1e-3  # of the mean distance: the least width of a row's surroundings
# How little an edge between two labels counts is exp(-2.5 / (1 - target_weight)). Near 1 that is 0 in float32, and
# rows without a neighbor of their own label would get no place at all.
LABEL_DISTANCE = 2.5
TARGET_WEIGHT_LIMIT = 0.95


@dataclass(frozen=True)
class FuzzyGraph:
    """An undirected weighted graph over n rows, each edge once, ordered by its first end and then by its second.

    Attributes
    ----------
    n_rows
        Number of rows n, those without an edge included.
    heads, tails
        int32 (m,) ends of each edge; heads < tails.
    weights
        float32 (m,) in [0, 1]; 0 where an edge is weaker than float32 can tell.
    """

    n_rows: int
    heads: np.ndarray
    tails: np.ndarray
    weights: np.ndarray

    def at_least(self, weight: float) -> "FuzzyGraph":
        """The graph without the edges that weigh less."""
        kept = self.weights >= weight
        return FuzzyGraph(self.n_rows, self.heads[kept], self.tails[kept], self.weights[kept])


def build_fuzzy_graph(
    neighbors: Neighbors, n_neighbors: int, labels: np.ndarray | None = None, target_weight: float = 0.0
) -> FuzzyGraph:
    """Join the fuzzy surroundings of all rows: an edge weighs a + b - ab, its weights as seen from both ends.

    Seen from a row, its nearest neighbor weighs 1 and another exp(-(distance - nearest distance) / scale), where
    the scale is such that all weights together make log2(n_neighbors).

    Parameters
    ----------
    neighbors
        At least `n_neighbors` - 1 of each row.
    n_neighbors
        As in umap-learn, the row itself counts as one.
    labels
        (n,) label of each row; None where `target_weight` is 0.
    target_weight
        0: labels play no part. Up to 1: how much less an edge between rows of two labels counts; all above
        `TARGET_WEIGHT_LIMIT` counts as that.
    """
    nearest = Neighbors(neighbors.rows[:, : n_neighbors - 1], neighbors.similarities[:, : n_neighbors - 1])
    graph = _union(nearest.rows, _memberships(nearest.cosine_distances, n_neighbors))
    if labels is None or target_weight == 0:
        return graph
    return _intersect_with_labels(graph, labels, min(target_weight, TARGET_WEIGHT_LIMIT))


def _memberships(distances: np.ndarray, n_neighbors: int) -> np.ndarray:
    """How strongly each neighbor belongs to a row's surroundings, float64 (n, k), from its distance (n, k)."""
    distances = distances.astype(np.float64)
    # The nearest that is not a copy; the mean counts the row itself, at distance 0.
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1, initial=np.inf)
    copies_only = np.isinf(nearest)
    nearest[copies_only] = 0
    mean = np.where(copies_only, distances.mean() if distances.size else 0, distances.mean(axis=1))
    mean *= (n_neighbors - 1) / n_neighbors
    beyond = np.maximum(distances - nearest[:, None], 0)

    target = np.log2(n_neighbors)
    scale = np.ones(len(distances))
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    open_rows = np.arange(len(distances))
    for _ in range(BISECTIONS):
        total = np.exp(-beyond[open_rows] / scale[open_rows, None]).sum(axis=1)
        unmet = np.abs(total - target) >= TOLERANCE
        open_rows, too_wide = open_rows[unmet], (total > target)[unmet]
        if not len(open_rows):
            break
        wide, narrow = open_rows[too_wide], open_rows[~too_wide]
        high[wide], low[narrow] = scale[wide], scale[narrow]
        unbounded = np.isinf(high[open_rows])
        scale[open_rows] = np.where(unbounded, 2 * scale[open_rows], (low + high)[open_rows] / 2)
    return np.exp(-beyond / np.maximum(scale, MIN_SCALE * mean)[:, None])


def _union(rows: np.ndarray, strengths: np.ndarray) -> FuzzyGraph:
    """Edges from the neighbors (n, k) and their strengths (n, k), an edge known from one end or from both."""
    n, k = rows.shape
    own, others, seen = np.repeat(np.arange(n), k), rows.ravel(), strengths.ravel()
    keys = np.minimum(own, others) * np.int64(n) + np.maximum(own, others)
    order = np.argsort(keys, kind="stable")
    keys, seen = keys[order], seen[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    ends = np.append(first[1:], len(keys))
    again = np.where(ends - first == 2, seen[ends - 1], 0)
    weights = seen[first] + again - seen[first] * again
    heads, tails = np.divmod(keys[first], n)
    return FuzzyGraph(n, heads.astype(np.int32), tails.astype(np.int32), weights.astype(np.float32))


def _intersect_with_labels(graph: FuzzyGraph, labels: np.ndarray, target_weight: float) -> FuzzyGraph:
    """Weaken edges between two labels, then let the strongest edge of each row weigh 1 again, and join."""
    heads, tails = graph.heads, graph.tails
    apart = labels[heads] != labels[tails]
    weights = graph.weights * np.where(apart, np.exp(-LABEL_DISTANCE / (1 - target_weight)), 1)
    strongest = np.zeros(graph.n_rows)
    np.maximum.at(strongest, heads, weights)
    np.maximum.at(strongest, tails, weights)
    from_head, from_tail = weights / strongest[heads], weights / strongest[tails]
    joined = from_head + from_tail - from_head * from_tail
    return FuzzyGraph(graph.n_rows, heads, tails, joined.astype(np.float32))
