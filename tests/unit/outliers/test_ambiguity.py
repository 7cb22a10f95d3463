import numpy as np
import pytest

from tests.support.outlier_samples import auroc, gaussian_classes, in_training_order, report_of, unit
from text_classification_viz.core.label_model.blocks import Blocks
from text_classification_viz.core.label_model.noise_model import fit_noise_model
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers.ambiguity import (
    TWO_TOPICS,
    WRONG,
    draw_pairs,
    topic_strengths,
    two_topics,
)

N_CLASSES = 5


def with_two_topics(seed=0):
    """Rows on one topic, half of them vague, and 60 that are joined of two and labeled with the first."""
    rng = np.random.default_rng(seed)
    clear, labels = gaussian_classes(1500, N_CLASSES, noise=0.8, seed=seed)
    vague = unit(clear + 1.5 * unit(rng.normal(size=clear.shape)))
    first = rng.choice(1500, 60, replace=False)
    second = np.array([rng.choice(np.flatnonzero(labels != labels[row])) for row in first])
    joined = unit(clear[first] + clear[second])
    vectors = np.vstack([clear, vague, joined])
    is_joined = np.arange(len(vectors)) >= 3000
    topics = np.column_stack([labels[first], labels[second]])
    return vectors, np.concatenate([labels, labels, labels[first]]), is_joined, topics


def strongest_other(strengths, labels):
    return np.where(np.arange(N_CLASSES) == labels[:, None], 0, strengths).max(axis=1)


@pytest.fixture(scope="module")
def blocks():
    vectors, labels, _, _ = with_two_topics()
    found = find_neighbors(vectors, 100)
    return Blocks.fit(vectors, labels, N_CLASSES, found.rows, found.similarities)


@pytest.fixture(scope="module")
def strengths(blocks):
    return topic_strengths(blocks, seed=0)


def test_two_topics_are_told_from_vagueness_where_entropy_does_not(blocks, strengths):
    _, labels, is_joined, _ = with_two_topics()
    probabilities = fit_noise_model(blocks.features, labels, N_CLASSES).given_probabilities
    entropy = -(probabilities * np.log(probabilities)).sum(axis=1)
    found = auroc(two_topics(strengths, labels), is_joined)
    assert found > 0.95
    assert found > auroc(entropy, is_joined)


def test_a_wrong_label_is_no_second_topic_though_another_topic_is_strong(strengths):
    _, labels, is_joined, _ = with_two_topics()
    is_clear = np.arange(len(labels)) < 1500
    # The strengths know nothing of a row's own label, so that it may be changed afterwards.
    given = np.where(is_joined, labels, (labels + 1) % N_CLASSES)
    looked_at = is_joined | is_clear
    scores = two_topics(strengths, given)
    assert np.mean(scores[is_joined] >= TWO_TOPICS) > 0.9
    assert auroc(scores[looked_at], is_joined[looked_at]) > 0.95
    assert auroc(strongest_other(strengths, given)[looked_at], is_joined[looked_at]) < 0.5


def test_two_topics_is_the_share_of_both_among_three_explanations():
    strengths = np.array([[0.5, 0.8, 0.1], [0.1, 0.2, 0.9], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    labels = np.array([0, 2, 1, 0])
    both, own_alone, other_alone = 0.5 * 0.8, 0.5 * 0.2, WRONG * 0.5 * 0.8
    expected = both / (both + own_alone + other_alone), 0.18 / (0.9 + WRONG * 0.1 * 0.2), 0, 0
    np.testing.assert_allclose(two_topics(strengths, labels), expected)


def test_two_topics_are_no_likelier_than_the_second_one(strengths):
    _, labels, _, _ = with_two_topics()
    scores = two_topics(strengths, labels)
    assert (scores >= 0).all()
    assert (scores <= strongest_other(strengths, labels) + 1e-12).all()


def test_one_class_has_no_second_topic():
    vectors, _ = gaussian_classes(40, 1)
    found = find_neighbors(vectors, 10)
    labels = np.zeros(40, np.int32)
    strengths = topic_strengths(Blocks.fit(vectors, labels, 1, found.rows, found.similarities), seed=0)
    assert (two_topics(strengths, labels) == 0).all()


def test_the_same_seed_gives_the_same_strengths(blocks, strengths):
    np.testing.assert_array_equal(topic_strengths(blocks, seed=0), strengths)
    assert (topic_strengths(blocks, seed=1) != strengths).any()


def test_three_rows_are_enough():
    vectors, labels = gaussian_classes(3, 2)
    found = find_neighbors(vectors, 2)
    strengths = topic_strengths(Blocks.fit(vectors, labels, 2, found.rows, found.similarities), seed=0)
    assert np.isfinite(two_topics(strengths, labels)).all()


def test_an_ambiguous_row_names_both_topics():
    vectors, labels, is_joined, topics = with_two_topics()
    report = in_training_order(report_of(vectors, labels))
    rows = [row for row, joined in zip(report, is_joined, strict=True) if joined]
    named = [
        {f"class {a}", f"class {b}"} <= set(row["candidate_labels"])
        for row, (a, b) in zip(rows, topics, strict=True)
        if row["kind"] == "ambiguous"
    ]
    assert len(named) > 50
    assert np.mean(named) > 0.9


def test_pairs_join_different_labels_and_favor_small_classes():
    labels = np.repeat([0, 1, 2], [900, 90, 10]).astype(np.int32)
    pairs = draw_pairs(labels, 20_000, np.random.default_rng(0))
    drawn = labels[pairs]
    assert (drawn[:, 0] != drawn[:, 1]).all()
    # Pairs of classes in proportion to the square root of the product of their sizes.
    weights = np.sqrt([900 * 90, 900 * 10, 90 * 10])
    counts = [((drawn == pair).all(axis=1)).sum() for pair in ([0, 1], [0, 2], [1, 2])]
    np.testing.assert_allclose(np.array(counts) / 20_000, weights / weights.sum(), atol=0.015)
    assert set(pairs.ravel()) >= set(np.flatnonzero(labels > 0))
