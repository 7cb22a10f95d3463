"""Figures of maps against scikit-learn's, against loops, and where the answer is known."""

import dataclasses

import numpy as np
import pytest

from tests.support.synthetic import make_training_set
from text_classification_viz.core.maps import quality as quality_module
from text_classification_viz.core.maps.quality import NEIGHBORHOOD, measure_quality
from text_classification_viz.core.neighbors import find_neighbors


@pytest.fixture(scope="module")
def rows():
    """Vectors, neighbors and labels of rows whose classes overlap, and a middling map of them."""
    data = make_training_set(n_rows=300, spread=1.5)
    noise = np.random.default_rng(0).normal(scale=0.2, size=(300, 2))
    return data.vectors, find_neighbors(data.vectors, 40), data.labels, data.vectors[:, :2] + noise


def nearest(points, k):
    distances = np.linalg.norm(points[:, None].astype(float) - points[None].astype(float), axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1)[:, :k]


def test_trustworthiness_is_that_of_scikit_learn(rows):
    from sklearn.manifold import trustworthiness

    found = measure_quality(*rows).trustworthiness
    expected = trustworthiness(rows[0], rows[3], n_neighbors=NEIGHBORHOOD, metric="cosine")
    assert found == pytest.approx(expected, abs=1e-4)  # similarities that tie in float32 do not in float64
    assert 0.6 < found < 0.95


def test_neighbors_kept_and_label_purity_are_those_of_a_loop(rows):
    vectors, _, labels, layout = rows
    by_vector, on_map = nearest(vectors, NEIGHBORHOOD), nearest(layout, NEIGHBORHOOD)
    kept = [len(set(a) & set(b)) / NEIGHBORHOOD for a, b in zip(by_vector.tolist(), on_map.tolist(), strict=True)]
    found = measure_quality(*rows)
    assert found.neighbors_kept == pytest.approx(np.mean(kept))
    assert found.label_purity == pytest.approx((labels[on_map] == labels[:, None]).mean())
    assert found.label_purity_of_vectors == pytest.approx((labels[by_vector] == labels[:, None]).mean())


def test_a_map_that_shows_all_has_ones_and_a_random_one_chance():
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 500))
    circle = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    neighbors, labels = find_neighbors(circle, 30), np.zeros(500)
    perfect = measure_quality(circle, neighbors, labels, circle)
    strewn = measure_quality(circle, neighbors, labels, rng.uniform(size=(500, 2)))
    assert perfect.trustworthiness > 0.9999
    assert perfect.neighbors_kept > 0.99  # but for ties in float32
    assert strewn.trustworthiness == pytest.approx(0.5, abs=0.03)
    assert strewn.neighbors_kept == pytest.approx(NEIGHBORHOOD / 499, abs=0.01)
    assert perfect.label_purity == strewn.label_purity == 1


def test_a_sample_is_near_the_whole_and_the_same_again(rows):
    whole = measure_quality(*rows)
    sampled = measure_quality(*rows, n_sampled=150)
    assert sampled == measure_quality(*rows, n_sampled=150)
    assert sampled.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.02)
    assert sampled.trustworthiness != whole.trustworthiness
    assert measure_quality(*rows, n_sampled=10_000) == whole


def test_blocks_make_no_difference(rows, monkeypatch):
    whole = measure_quality(*rows)
    monkeypatch.setattr(quality_module, "ROW_BLOCK", 7)
    in_blocks = measure_quality(*rows)
    # BLAS sums a product of another shape in another order, which can swap the ranks of two rows equally near:
    # each swap moves trustworthiness by less than 1e-6. The other figures come from the map alone.
    assert in_blocks.trustworthiness == pytest.approx(whole.trustworthiness, abs=1e-5)
    assert dataclasses.replace(in_blocks, trustworthiness=whole.trustworthiness) == whole


def test_points_in_one_place_never_count_as_their_own_neighbors(rows):
    vectors, neighbors, _, layout = rows
    found = measure_quality(vectors, neighbors, np.arange(300), np.zeros_like(layout))
    assert found.label_purity == 0
    assert np.isfinite(found.trustworthiness)


@pytest.mark.parametrize("n_rows", [3, 4, 20])
def test_few_rows_are_compared_by_fewer_neighbors(n_rows):
    data = make_training_set()
    vectors = data.vectors[:n_rows]
    found = measure_quality(vectors, find_neighbors(vectors, 40), data.labels[:n_rows], vectors[:, :3])
    assert 0 <= found.trustworthiness <= 1
    assert 0 <= found.neighbors_kept <= 1
