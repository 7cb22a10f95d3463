import numpy as np
from outlier_samples import auroc, gaussian_classes, unit

from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers.atypical import atypicality


def corpus():
    """2,000 rows that fill 20 of 60 dimensions well and the others hardly, as sentence embeddings do."""
    rng = np.random.default_rng(0)
    vectors, _ = gaussian_classes(2000, 8, noise=0.8, n_dims=60)
    return unit(vectors * np.where(np.arange(60) < 20, 1, 0.1)), rng


def measure(vectors, junk):
    together = np.vstack([vectors, junk])
    is_junk = np.arange(len(together)) >= len(vectors)
    similarities = find_neighbors(together, 100).similarities
    return atypicality(together, similarities).max(axis=1), similarities, is_junk


def test_junk_that_repeats_is_found_though_it_has_near_neighbours():
    vectors, rng = corpus()
    junk = unit(rng.normal(size=60) + 0.05 * rng.normal(size=(15, 60)))
    scores, similarities, is_junk = measure(vectors, junk)
    assert auroc(-similarities[:, :10].mean(axis=1), is_junk) < 0.1
    assert auroc(scores, is_junk) > 0.95


def test_junk_inside_the_cloud_is_found_though_its_mahalanobis_distance_is_small():
    vectors, rng = corpus()
    # Mixtures of many rows' coordinates: likely in each coordinate, near to nothing.
    junk = unit(vectors[rng.integers(2000, size=(20, 60)), np.arange(60)])
    scores, similarities, is_junk = measure(vectors, junk)
    assert auroc(-similarities[:, :10].mean(axis=1), is_junk) > 0.9
    assert auroc(scores, is_junk) > 0.85


def test_scores_are_percentiles_and_equal_rows_are_equally_typical():
    vectors, _ = corpus()
    scores = atypicality(vectors, find_neighbors(vectors, 100).similarities).max(axis=1)
    assert scores.min() >= 0
    assert scores.max() == (len(vectors) - 1) / len(vectors)
    same = np.ones((30, 5), dtype=np.float32) / np.sqrt(np.float32(5))
    np.testing.assert_array_equal(atypicality(same, np.ones((30, 3), dtype=np.float32)), 0)


def test_fewer_rows_than_dimensions_have_a_distance():
    vectors, _ = gaussian_classes(12, 2, n_dims=60)
    vectors[5] = -vectors[5]
    assert atypicality(vectors, find_neighbors(vectors, 5).similarities).max(axis=1).argmax() == 5
