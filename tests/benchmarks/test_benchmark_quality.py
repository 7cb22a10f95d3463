"""The benchmarks' figures of map quality against scikit-learn's and against slow obvious versions."""

import itertools

import numpy as np
import pytest

from benchmarks import map_quality
from benchmarks.map_quality import draw_triplets, map_qualities, similarity_ranks
from text_classification_viz.core.maps.quality import nearest_on_map


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).integers(6, size=400)


@pytest.fixture(scope="module")
def vectors(labels):
    """Six overlapping clusters, and no two rows alike: scikit-learn ranks ties as it comes."""
    rows = np.eye(16)[labels] + 0.4 * np.random.default_rng(1).standard_normal((400, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def layouts(vectors):
    rng = np.random.default_rng(2)
    axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)[2][:2]
    by_pca = vectors @ axes.T
    return [by_pca, by_pca + 0.1 * rng.standard_normal((400, 2)), rng.standard_normal((400, 2))]


@pytest.fixture(scope="module")
def qualities(vectors, labels, layouts):
    return map_qualities(vectors, layouts, labels)


def test_trustworthiness_is_that_of_scikit_learn(vectors, labels, layouts, qualities):
    from sklearn.manifold import trustworthiness

    for layout, quality in zip(layouts, qualities, strict=True):
        expected = trustworthiness(vectors, layout, n_neighbors=15, metric="cosine")
        assert quality.trustworthiness == pytest.approx(expected, abs=1e-6)


def test_neighbors_kept_is_the_overlap_of_the_nearest(vectors, labels, layouts, qualities):
    from sklearn.neighbors import NearestNeighbors

    def nearest(points):
        return NearestNeighbors(n_neighbors=15).fit(points).kneighbors(return_distance=False)

    among_vectors = nearest(vectors)
    for layout, quality in zip(layouts, qualities, strict=True):
        kept = [len(set(a) & set(b)) / 15 for a, b in zip(among_vectors, nearest(layout), strict=True)]
        assert quality.neighbors_kept == pytest.approx(np.mean(kept), abs=1e-9)


def test_label_accuracy_is_that_of_leaving_one_out(vectors, labels, layouts, qualities):
    from sklearn.neighbors import KNeighborsClassifier

    for layout, quality in zip(layouts, qualities, strict=True):
        # Without points to predict for, scikit-learn leaves each point out of its own neighbors.
        predicted = KNeighborsClassifier(10).fit(layout, labels).predict(None)
        assert quality.label_accuracy == pytest.approx((predicted == labels).mean(), abs=1e-9)


def test_triplets_of_the_vectors_themselves_agree_and_of_noise_do_not(vectors, labels, layouts, qualities):
    (itself,) = map_qualities(vectors, [vectors], labels)
    assert itself.triplets == 1
    assert qualities[2].triplets == pytest.approx(0.5, abs=0.03)
    assert qualities[0].triplets > 0.55


def test_worse_maps_get_worse_figures(qualities):
    for better, worse in itertools.pairwise(qualities):
        assert better.trustworthiness > worse.trustworthiness
        assert better.neighbors_kept > worse.neighbors_kept
        assert better.label_accuracy > worse.label_accuracy


def test_blocks_make_no_difference(vectors, labels, layouts, qualities, monkeypatch):
    monkeypatch.setattr(map_quality, "BLOCK_BYTES", 4 * 400 * 33)
    assert map_qualities(vectors, layouts, labels) == pytest.approx(qualities)


def test_ranks_are_places_by_similarity(vectors):
    others = np.random.default_rng(0).permuted(np.tile(np.arange(400), (400, 1)), axis=1)[:, :20]
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -np.inf)
    places = np.argsort(np.argsort(-similarities, axis=1), axis=1) + 1
    not_self = others != np.arange(400)[:, None]
    expected = np.take_along_axis(places, others, axis=1)
    np.testing.assert_array_equal(similarity_ranks(vectors, others)[not_self], expected[not_self])


def test_triplets_are_of_three_rows():
    for draw in draw_triplets(50, seed=0):
        assert (draw[:, 0] == np.arange(50)).all()
        assert all(len(set(triplet)) == 3 for triplet in draw.tolist())
        assert set(draw.ravel().tolist()) == set(range(50))


def test_points_on_one_spot_are_not_their_own_neighbors():
    nearest = nearest_on_map(np.zeros((30, 2)), np.arange(30), 10)
    assert nearest.shape == (30, 10)
    assert not (nearest == np.arange(30)[:, None]).any()
