"""The graph that UMAP lays out: umap-learn's edges and weights, with and without labels."""

import numpy as np
import pytest

from tests.support.synthetic import make_training_set
from text_classification_viz.core.layouts.fuzzy_graph import TARGET_WEIGHT_LIMIT, build_fuzzy_graph
from text_classification_viz.core.neighbors import Neighbors, find_neighbors

FLOAT32_WEIGHT = 1e-6  # two ways to compute a weight in float32 are that far apart at most


def overlapping():
    training_set = make_training_set(n_rows=400, spread=2.5)
    return training_set.vectors, training_set.labels


def with_copies():
    vectors, labels = overlapping()
    return np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)]), np.append(labels, labels[:30])


def few():
    vectors, labels = overlapping()
    return vectors[:3], labels[:3]


def umap_learn_graph(neighbors, n_neighbors, labels=None, target_weight=0.0):
    """Edges (head, tail) -> weight, as umap-learn has them."""
    from umap.umap_ import discrete_metric_simplicial_set_intersection, fuzzy_simplicial_set

    n = len(neighbors.rows)
    rows = np.hstack([np.arange(n)[:, None], neighbors.rows[:, : n_neighbors - 1]])
    distances = np.pad(neighbors.cosine_distances[:, : n_neighbors - 1], ((0, 0), (1, 0)))
    graph = fuzzy_simplicial_set(
        np.zeros((n, 1)), n_neighbors, None, "cosine", knn_indices=rows, knn_dists=distances
    )[0]
    if labels is not None:
        classes = np.unique(labels, return_inverse=True)[1]
        far = 2.5 / (1 - target_weight)
        graph = discrete_metric_simplicial_set_intersection(graph, classes, far_dist=far)
    graph = graph.tocoo()
    edges = zip(graph.row.tolist(), graph.col.tolist(), graph.data.tolist(), strict=True)
    return {(head, tail): weight for head, tail, weight in edges if head < tail}


def edges_of(graph):
    return dict(zip(zip(graph.heads.tolist(), graph.tails.tolist(), strict=True), graph.weights, strict=True))


def assert_same_edges(ours, theirs):
    assert all(weight < FLOAT32_WEIGHT for edge, weight in ours.items() if edge not in theirs)
    assert all(ours[edge] == pytest.approx(weight, abs=FLOAT32_WEIGHT) for edge, weight in theirs.items())


@pytest.mark.parametrize("n_neighbors", [2, 5, 10, 60])
@pytest.mark.parametrize("make_rows", [overlapping, with_copies, few], ids=lambda make: make.__name__)
def test_weights_are_those_of_umap_learn(make_rows, n_neighbors):
    neighbors = find_neighbors(make_rows()[0], 100)
    n_neighbors = min(n_neighbors, neighbors.rows.shape[1] + 1)
    assert_same_edges(
        edges_of(build_fuzzy_graph(neighbors, n_neighbors)), umap_learn_graph(neighbors, n_neighbors)
    )


@pytest.mark.parametrize("target_weight", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("make_rows", [overlapping, with_copies], ids=lambda make: make.__name__)
def test_weights_with_labels_are_those_of_umap_learn(make_rows, target_weight):
    vectors, labels = make_rows()
    neighbors = find_neighbors(vectors, 100)
    ours = build_fuzzy_graph(neighbors, 10, labels, target_weight)
    assert_same_edges(edges_of(ours), umap_learn_graph(neighbors, 10, labels, target_weight))


def test_target_weight_near_one_counts_as_the_limit():
    vectors, labels = overlapping()
    neighbors = find_neighbors(vectors, 100)
    limited, all_ = (build_fuzzy_graph(neighbors, 10, labels, weight) for weight in (TARGET_WEIGHT_LIMIT, 1.0))
    np.testing.assert_array_equal(limited.weights, all_.weights)


def test_labels_play_no_part_without_a_target_weight():
    vectors, labels = overlapping()
    neighbors = find_neighbors(vectors, 100)
    plain, labeled = build_fuzzy_graph(neighbors, 10), build_fuzzy_graph(neighbors, 10, labels, 0.0)
    np.testing.assert_array_equal(plain.weights, labeled.weights)


def test_each_edge_stands_once_in_order_and_the_nearest_weighs_one():
    neighbors = find_neighbors(with_copies()[0], 100)
    graph = build_fuzzy_graph(neighbors, 10)
    edges = list(zip(graph.heads.tolist(), graph.tails.tolist(), strict=True))
    assert edges == sorted(set(edges))
    assert (graph.heads < graph.tails).all()
    assert (graph.heads.dtype, graph.tails.dtype, graph.weights.dtype) == (np.int32, np.int32, np.float32)
    assert graph.weights.max() <= 1
    weights = edges_of(graph)
    for row, nearest in enumerate(neighbors.rows[:, 0].tolist()):
        assert weights[min(row, nearest), max(row, nearest)] == 1


def test_edge_that_both_ends_see_is_the_probabilistic_sum():
    """Rows 0 and 1 see each other at 0.2, each with a nearer neighbor of its own at 0.1."""
    neighbors = Neighbors(
        np.array([[2, 1], [3, 0], [0, 3], [1, 2]], np.int32),
        (1 - np.array([[0.1, 0.2], [0.1, 0.2], [0.1, 0.3], [0.1, 0.3]])).astype(np.float32),
    )
    seen = np.log2(3) - 1  # the nearest weighs 1, and both make log2(3)
    weights = edges_of(build_fuzzy_graph(neighbors, 3))
    assert weights[0, 1] == pytest.approx(seen + seen - seen**2, abs=1e-4)
    assert weights[2, 3] == pytest.approx(seen + seen - seen**2, abs=1e-4)
    assert weights[0, 2] == weights[1, 3] == 1


def test_edges_of_less_than_a_weight_are_left_out():
    graph = build_fuzzy_graph(find_neighbors(overlapping()[0], 100), 10)
    strong = graph.at_least(0.5)
    assert edges_of(strong) == {edge: weight for edge, weight in edges_of(graph).items() if weight >= 0.5}
    assert 0 < len(strong.weights) < len(graph.weights)
