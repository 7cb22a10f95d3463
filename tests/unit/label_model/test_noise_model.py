import numpy as np
import pytest

from tests.support.outlier_samples import average_precision, flip_confusable, flip_uniform, gaussian_classes
from text_classification_viz.core.label_model.blocks import Blocks
from text_classification_viz.core.label_model.noise_model import SHARPNESS, fit_noise_model
from text_classification_viz.core.label_model.votes import neighbor_votes
from text_classification_viz.core.neighbors import find_neighbors

N_CLASSES = 5


@pytest.fixture(scope="module")
def sample():
    # Overlapping classes: a nearest-center classifier is right for about 85 in 100 rows.
    vectors, labels = gaussian_classes(2500, N_CLASSES, noise=2.4, n_dims=48)
    return vectors, labels, find_neighbors(vectors, 100)


def noise_model_and_vote(sample, given):
    vectors, _, found = sample
    blocks = Blocks.fit(vectors, given, N_CLASSES, found.rows, found.similarities)
    votes = neighbor_votes(given[found.rows], found.similarities, N_CLASSES)[:, :N_CLASSES]
    against = 1 - votes[np.arange(len(given)), given]
    return fit_noise_model(blocks.features, given, N_CLASSES), against


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", ["uniform", "confusable"])
def test_wrong_labels_are_found_better_than_by_a_neighbor_vote(sample, kind, seed):
    labels = sample[1]
    if kind == "uniform":
        given, wrong = flip_uniform(labels, N_CLASSES, 0.1, seed)
    else:
        given, wrong = flip_confusable(labels, [1, 2, 3, 4, 0], 0.1, seed)
    noise, vote = noise_model_and_vote(sample, given)
    assert average_precision(noise.wrong_log_odds, wrong) > average_precision(vote, wrong) + 0.005


def test_suggestions_name_the_true_class(sample):
    labels = sample[1]
    given, wrong = flip_uniform(labels, N_CLASSES, 0.1)
    noise, _ = noise_model_and_vote(sample, given)
    assert (noise.suggested != given).all()
    assert (noise.suggested == labels)[wrong].mean() > 0.8


def test_suggestions_heed_which_label_a_class_is_mistaken_for(sample):
    labels = sample[1]
    given, wrong = flip_confusable(labels, [1, 2, 3, 4, 0], 0.2)
    noise, _ = noise_model_and_vote(sample, given)
    by_text = noise.true_probabilities.copy()
    by_text[np.arange(len(given)), given] = -1
    assert (noise.suggested == labels)[wrong].mean() > (by_text.argmax(axis=1) == labels)[wrong].mean() + 0.02


def test_the_transition_is_recovered_from_overlapping_classes():
    vectors, labels = gaussian_classes(3000, 3, noise=2.4)
    truth = np.array([[0.7, 0.3, 0.0], [0.0, 0.9, 0.1], [0.05, 0.05, 0.9]])
    uniform = np.random.default_rng(0).random(len(labels))
    given = (uniform[:, None] > np.cumsum(truth, axis=1)[labels]).sum(axis=1).astype(np.int32)
    found = find_neighbors(vectors, 100)
    blocks = Blocks.fit(vectors, given, 3, found.rows, found.similarities)
    noise = fit_noise_model(blocks.features, given, 3)
    np.testing.assert_allclose(noise.transition, truth, atol=0.05)
    np.testing.assert_allclose(noise.transition.sum(axis=1), 1)
    assert noise.wrong_probabilities.sum() == pytest.approx((given != labels).sum(), rel=0.15)
    assert (noise.true_probabilities.argmax(axis=1) == labels).mean() > 0.9


def test_clean_labels_are_left_alone():
    vectors, labels = gaussian_classes(1000, 4, noise=0.8)
    found = find_neighbors(vectors, 100)
    blocks = Blocks.fit(vectors, labels, 4, found.rows, found.similarities)
    noise = fit_noise_model(blocks.features, labels, 4)
    assert noise.wrong_probabilities.sum() < 5
    assert np.diag(noise.transition).min() > 0.98


@pytest.mark.parametrize(("kind", "least", "most"), [("uniform", 0.8, 1), ("confusable", 0.2, 0.5)])
def test_log_odds_follow_from_the_classes_and_the_transition(sample, kind, least, most):
    """With uniform noise beside the transition: much, where mistakes are spread evenly, and little elsewhere."""
    if kind == "uniform":
        given, _ = flip_uniform(sample[1], N_CLASSES, 0.1)
    else:
        given, _ = flip_confusable(sample[1], [1, 2, 3, 4, 0], 0.1)
    noise, _ = noise_model_and_vote(sample, given)
    class_shares = noise.true_probabilities.mean(axis=0)
    rate = class_shares @ (1 - np.diag(noise.transition))
    uniform = np.full((N_CLASSES, N_CLASSES), rate / (N_CLASSES - 1))
    np.fill_diagonal(uniform, 1 - rate)

    def effective_pairs(transition):
        pairs = (class_shares[:, None] * transition)[~np.eye(N_CLASSES, dtype=bool)]
        pairs /= pairs.sum()
        return np.exp(-(pairs * np.log(pairs)).sum())

    share = effective_pairs(noise.transition) / effective_pairs(uniform)
    assert least < share < most
    blended = (1 - share) * noise.transition + share * uniform
    for row in range(0, len(given), 97):
        joint = noise.true_probabilities[row] * blended[:, given[row]]
        right = joint[given[row]] / joint.sum()
        odds = (1 - right) / right
        assert noise.wrong_log_odds[row] == pytest.approx(np.log(odds), abs=1e-6)
        assert noise.wrong_probabilities[row] == pytest.approx(odds**SHARPNESS / (1 + odds**SHARPNESS), abs=1e-9)


def test_one_class_cannot_be_wrong():
    noise = fit_noise_model(np.zeros((4, 5)), np.zeros(4, dtype=np.int32), 1)
    np.testing.assert_array_equal(noise.wrong_probabilities, 0)
