import numpy as np

from tests.support.outlier_samples import auroc, gaussian_classes, unit
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers.atypical import atypicality, nearest_similarity


def corpus():
    """2,000 rows that fill 20 of 60 dimensions well and the others hardly, as sentence embeddings do."""
    rng = np.random.default_rng(0)
    vectors, labels = gaussian_classes(2000, 8, noise=0.8, n_dims=60)
    return unit(vectors * np.where(np.arange(60) < 20, 1, 0.1)), labels, rng


def measure(vectors, labels, junk, junk_labels=None):
    together = np.vstack([vectors, junk])
    is_junk = np.arange(len(together)) >= len(vectors)
    junk_labels = np.arange(len(junk)) % 8 if junk_labels is None else junk_labels
    found = find_neighbors(together, 100)
    scores = atypicality(together, np.concatenate([labels, junk_labels]), found.rows, found.similarities)
    return scores, found.similarities, is_junk


def test_junk_that_repeats_is_found_though_it_has_near_neighbors():
    vectors, labels, rng = corpus()
    junk = unit(rng.normal(size=60) + 0.05 * rng.normal(size=(15, 60)))
    scores, similarities, is_junk = measure(vectors, labels, junk)
    assert auroc(-nearest_similarity(similarities), is_junk) < 0.1
    assert auroc(scores.max(axis=1), is_junk) > 0.95


def test_junk_that_repeats_more_often_than_rows_have_neighbors_is_found():
    vectors, labels, rng = corpus()
    junk = unit(rng.normal(size=60) + 0.05 * rng.normal(size=(150, 60)))
    scores, _, is_junk = measure(vectors, labels, junk)
    assert scores[is_junk].max(axis=1).min() > scores[~is_junk, 1].mean()
    assert auroc(scores.max(axis=1), is_junk) > 0.95


def test_what_stretches_the_cloud_does_not_say_what_is_typical():
    # Mahalanobis' distance with the covariance of all rows, by its definition, takes this junk for inliers.
    vectors, labels, rng = corpus()
    junk = unit(rng.normal(size=60) + 0.05 * rng.normal(size=(150, 60)))
    together = np.vstack([vectors, junk]).astype(np.float64)
    centred = together - together.mean(axis=0)
    squared = np.sum(centred @ np.linalg.inv(np.cov(centred.T)) * centred, axis=1)
    scores, _, is_junk = measure(vectors, labels, junk)
    assert auroc(squared, is_junk) < 0.5
    assert auroc(scores[:, 1], is_junk) > 0.99


def test_junk_inside_the_cloud_is_found_though_its_mahalanobis_distance_is_small():
    vectors, labels, rng = corpus()
    # Mixtures of many rows' coordinates: likely in each coordinate, near to nothing.
    junk = unit(vectors[rng.integers(2000, size=(20, 60)), np.arange(60)])
    scores, _, is_junk = measure(vectors, labels, junk)
    assert auroc(scores[:, 0], is_junk) > 0.9
    assert auroc(scores.max(axis=1), is_junk) > 0.85


def test_the_first_distance_is_by_the_cosine_of_centred_vectors():
    vectors, labels, _ = corpus()
    vectors = unit(vectors[:300] + 0.5 * vectors[0])  # with a mean that all vectors are like
    found = find_neighbors(vectors, 299)
    scores = atypicality(vectors, labels[:300], found.rows, found.similarities)
    centred = unit(vectors - vectors.mean(axis=0))
    nearest = np.sort(centred @ centred.T, axis=1)[:, -11:-1].mean(axis=1)
    np.testing.assert_array_equal(np.argsort(scores[:, 0]), np.argsort(-nearest))


def test_scores_are_percentiles_and_equal_rows_are_equally_typical():
    vectors, labels, _ = corpus()
    found = find_neighbors(vectors, 100)
    scores = atypicality(vectors, labels, found.rows, found.similarities)
    np.testing.assert_array_equal(np.sort(scores, axis=0)[:, 1], np.arange(2000) / 2000)
    same = np.ones((30, 5), dtype=np.float32) / np.sqrt(np.float32(5))
    others = np.delete(np.tile(np.arange(30), (30, 1)), np.arange(0, 900, 31)).reshape(30, 29)
    ones = np.ones((30, 29), dtype=np.float32)
    np.testing.assert_array_equal(atypicality(same, np.arange(30) % 2, others, ones), 0)


def test_fewer_rows_than_dimensions_have_a_distance():
    vectors, labels = gaussian_classes(12, 2, n_dims=60)
    vectors[5] = -vectors[5]
    found = find_neighbors(vectors, 5)
    assert atypicality(vectors, labels, found.rows, found.similarities).max(axis=1).argmax() == 5


def test_a_class_whose_rows_cancel_out_has_no_side():
    vectors, labels = gaussian_classes(40, 2, n_dims=8)
    vectors[1::2] = np.repeat(vectors[1::4], 2, axis=0)
    vectors[3::4] *= -1
    found = find_neighbors(vectors, 5)
    scores = atypicality(vectors, labels, found.rows, found.similarities)
    assert np.isfinite(scores).all()
    assert scores[1::2, 1].mean() > scores[::2, 1].mean()
