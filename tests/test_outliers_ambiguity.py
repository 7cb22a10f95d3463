import numpy as np
from outlier_samples import auroc, gaussian_classes, in_training_order, report_of, unit

from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers.ambiguity import draw_pairs, topic_strengths
from text_classification_viz.core.outliers.blocks import Blocks
from text_classification_viz.core.outliers.noise_model import fit_noise_model

N_CLASSES = 5


def with_two_topics(seed=0):
    """Rows on one topic, half of them vague, and 60 that are joined of two and labelled with the first."""
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


def test_two_topics_are_told_from_vagueness_where_entropy_does_not():
    vectors, labels, is_joined, _ = with_two_topics()
    found = find_neighbors(vectors, 100)
    blocks = Blocks.fit(vectors, labels, N_CLASSES, found.rows, found.similarities)
    strengths = topic_strengths(blocks, seed=0)
    second = np.sort(strengths, axis=1)[:, -2]
    probabilities = fit_noise_model(blocks.features, labels, N_CLASSES).given_probabilities
    entropy = -(probabilities * np.log(probabilities)).sum(axis=1)
    assert auroc(second, is_joined) > 0.9
    assert auroc(second, is_joined) > auroc(entropy, is_joined)


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


def test_pairs_join_different_labels_and_favour_small_classes():
    labels = np.repeat([0, 1, 2], [900, 90, 10]).astype(np.int32)
    pairs = draw_pairs(labels, 20_000, np.random.default_rng(0))
    drawn = labels[pairs]
    assert (drawn[:, 0] != drawn[:, 1]).all()
    # Pairs of classes in proportion to the square root of the product of their sizes.
    weights = np.sqrt([900 * 90, 900 * 10, 90 * 10])
    counts = [((drawn == pair).all(axis=1)).sum() for pair in ([0, 1], [0, 2], [1, 2])]
    np.testing.assert_allclose(np.array(counts) / 20_000, weights / weights.sum(), atol=0.015)
    assert set(pairs.ravel()) >= set(np.flatnonzero(labels > 0))
