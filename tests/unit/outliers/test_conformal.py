import numpy as np
import pytest

from text_classification_viz.core.outliers.conformal import candidate_sets, candidate_threshold


def draw(n_rows, rng):
    """Class probabilities, and labels drawn from them."""
    probabilities = rng.dirichlet([0.3] * 6, size=n_rows)
    labels = (rng.random((n_rows, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1)
    return probabilities, labels


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_candidates_hold_the_label_of_new_rows_as_often_as_promised(coverage):
    rng = np.random.default_rng(0)
    seen, seen_labels = draw(5000, rng)
    new, new_labels = draw(5000, rng)
    threshold = candidate_threshold(seen[np.arange(5000), seen_labels], coverage)
    candidates = candidate_sets(new, threshold)
    assert candidates[np.arange(5000), new_labels].mean() == pytest.approx(coverage, abs=0.012)
    assert candidates.sum(axis=1).mean() < 4  # not bought with all six classes


def test_the_threshold_is_the_conformal_quantile():
    probabilities = np.arange(1, 20) / 20  # 19 rows: exactly one may lie below at 0.9, since 0.1 * 20 = 2
    assert candidate_threshold(probabilities, 0.9) == pytest.approx(0.1)
    assert candidate_threshold(probabilities, 0.95) == pytest.approx(0.05)


def test_too_few_rows_make_every_class_a_candidate():
    threshold = candidate_threshold(np.array([0.9, 0.8, 0.7]), 0.95)
    assert candidate_sets(np.array([[0.99, 0.01, 0.0]]), threshold).all()


def test_no_set_is_empty():
    assert candidate_sets(np.array([[0.3, 0.4, 0.3]]), 0.5).tolist() == [[False, True, False]]


def test_no_coverage_asked_for_leaves_the_likeliest_class():
    threshold = candidate_threshold(np.array([0.9, 0.8, 0.7]), 0.0)
    assert candidate_sets(np.array([[0.5, 0.3, 0.2]]), threshold).tolist() == [[True, False, False]]
