import numpy as np
import pytest

from tests.support.outlier_samples import gaussian_classes, unit
from text_classification_viz.core import chunks as chunks_module
from text_classification_viz.core.label_model.blocks import Blocks
from text_classification_viz.core.label_model.regression import L2, Standardizer, fit_softmax, linear, log_softmax
from text_classification_viz.core.label_model.ridge import PENALTY, Ridge
from text_classification_viz.core.label_model.votes import neighbor_votes, tally_nearest
from text_classification_viz.core.neighbors import find_neighbors


def fit_and_predict(vectors, labels, n_classes, points):
    """Textbook ridge with an unpenalized intercept, from the normal equations."""
    targets = np.eye(n_classes)[labels]
    design = np.column_stack([vectors.astype(np.float64), np.ones(len(vectors))])
    penalty = PENALTY * np.eye(design.shape[1])
    penalty[-1, -1] = 0
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ targets)
    return np.column_stack([points.astype(np.float64), np.ones(len(points))]) @ weights


def test_leave_one_out_equals_a_refit_without_the_row(monkeypatch):
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 7)
    vectors, labels = gaussian_classes(40, 3, n_dims=6)
    closed_form = Ridge.fit(vectors, labels, 3).leave_one_out(vectors, labels)
    for row in range(40):
        others = np.arange(40) != row
        refit = fit_and_predict(vectors[others], labels[others], 3, vectors[[row]])[0]
        np.testing.assert_allclose(closed_form[row], refit, atol=1e-10)


def test_leaving_a_pair_out_equals_a_refit_without_it():
    vectors, labels = gaussian_classes(40, 3, n_dims=6)
    points = unit(np.random.default_rng(1).normal(size=(5, 6)))
    pairs = np.array([[0, 1], [3, 17], [39, 2], [10, 11], [20, 4]])
    closed_form = Ridge.fit(vectors, labels, 3).leave_pairs_out(points, vectors, labels, pairs)
    for point, pair, predicted in zip(points, pairs, closed_form, strict=True):
        others = np.setdiff1d(np.arange(40), pair)
        refit = fit_and_predict(vectors[others], labels[others], 3, point[None])[0]
        np.testing.assert_allclose(predicted, refit, atol=1e-10)


def test_a_list_that_repeats_its_last_row_is_tallied_up_to_there():
    neighbors = np.array([[3, 1, 0, 2, 4], [4, 3, 3, 3, 3], [1, 1, 1, 1, 1]])
    labels = np.array([0, 1, 1, 2, 2])
    assert tally_nearest(neighbors, labels, 3).tolist() == [[1, 2, 2], [0, 0, 2], [0, 1, 0]]


def test_votes_of_a_list_worked_out_by_hand():
    labels = np.array([[1, 0, 1, 1, 1]])
    similarities = np.array([[0.9, 0.8, 0.7, 0.6, 0.5]])
    votes = neighbor_votes(labels, similarities, 3)[0]
    weights = np.exp([0, -1, -2, -3, -4])
    share = np.array([weights[1], weights[[0, 2, 3, 4]].sum(), 0]) / weights.sum()
    np.testing.assert_allclose(votes[0:3], share)
    np.testing.assert_allclose(votes[3:6], np.log(share + 0.01))
    # Absent neighbors count as 0.02 past the end of the list, here 0.48.
    np.testing.assert_allclose(votes[6:9], np.array([0.8, 0.9, 0.48]) - 0.9)
    means = np.array([0.8 + 0.48 + 0.48, 0.9 + 0.7 + 0.6, 3 * 0.48]) / 3
    np.testing.assert_allclose(votes[9:12], means - 0.9)


def test_the_near_vote_ends_at_50_and_the_far_vote_at_100():
    labels = np.array([[0] * 50 + [1] * 50 + [2] * 10])
    votes = neighbor_votes(labels, np.full((1, 110), 0.5), 3)[0]
    np.testing.assert_allclose(votes[0:3], [1, 0, 0])
    np.testing.assert_allclose(np.exp(votes[3:6]) - 0.01, [0.5, 0.5, 0], atol=1e-12)


def test_features_do_not_know_the_own_label():
    vectors, labels = gaussian_classes(60, 3, noise=0.5)
    found = find_neighbors(vectors, 20)
    changed = labels.copy()
    changed[7] = (labels[7] + 1) % 3

    def raw(blocks):
        return blocks.features * blocks.standardizer.scale + blocks.standardizer.mean

    before = raw(Blocks.fit(vectors, labels, 3, found.rows, found.similarities))
    after = raw(Blocks.fit(vectors, changed, 3, found.rows, found.similarities))
    np.testing.assert_allclose(before[7], after[7], atol=1e-10)
    assert np.abs(before - after).max() > 0.01  # others do see it


@pytest.mark.parametrize("n_neighbors", [1, 10, 59])
def test_blocks_of_a_mixture_equal_blocks_computed_without_its_parents(n_neighbors):
    vectors, labels = gaussian_classes(60, 3, noise=0.5)
    found = find_neighbors(vectors, n_neighbors)
    blocks = Blocks.fit(vectors, labels, 3, found.rows, found.similarities)
    pairs = np.array([[0, 1], [30, 8], [59, 4]])
    points = unit(vectors[pairs[:, 0]] + vectors[pairs[:, 1]])
    mixed = blocks.leave_pairs_out(points, pairs) * blocks.standardizer.scale + blocks.standardizer.mean
    for point, pair, features in zip(points, pairs, mixed, strict=True):
        others = np.setdiff1d(np.arange(60), pair)
        similarities = vectors[others] @ point
        nearest = np.argsort(-similarities)[:n_neighbors]
        expected = [
            fit_and_predict(vectors[others], labels[others], 3, point[None]),
            neighbor_votes(labels[others][nearest][None], similarities[nearest][None], 3),
        ]
        np.testing.assert_allclose(features, np.hstack(expected)[0], atol=1e-5)


def test_a_column_that_never_varies_is_standardized_to_zero():
    features = np.column_stack([np.full(9, 0.1), np.arange(9.0)])
    scaled = Standardizer.fit(features)(features)
    np.testing.assert_array_equal(scaled[:, 0], 0)
    np.testing.assert_allclose([scaled[:, 1].mean(), scaled[:, 1].std()], [0, 1], atol=1e-12)


def test_softmax_regression_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    vectors, labels = gaussian_classes(300, 4, noise=2.0, n_dims=5)
    features = Standardizer.fit(vectors)(vectors).astype(np.float64)
    weights = fit_softmax(features, np.eye(4)[labels], iterations=500)
    # scikit-learn adds half the squared weights to C times the summed loss.
    reference = LogisticRegression(C=1 / L2, tol=1e-8, max_iter=2000).fit(features, labels)
    ours = np.exp(log_softmax(linear(features, weights)))
    np.testing.assert_allclose(ours, reference.predict_proba(features), atol=2e-3)
