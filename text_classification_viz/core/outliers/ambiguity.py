"""Texts on more than one topic.

Belongs here: a multi-label head on the blocks, taught what two topics look like by mixtures of rows with
different labels. Entropy of the class probabilities does not do: read blind, 1 of 16 of its top rows held both
topics, against 13 or 14 of 16 here. Nor does disagreement of headline and description, which finds joined texts
and fails on real documents with two topics.
"""

import numpy as np

from text_classification_viz.core.outliers.blocks import Blocks
from text_classification_viz.core.outliers.regression import fit_sigmoids, linear, sigmoid
from text_classification_viz.core.outliers.ridge import one_hot

# The neighbours of each mixture are searched among all rows, which costs most of all here. So of those that count,
# whose number decides how readily two topics are seen, only so many are different: the AUROC of joined headlines
# and descriptions is the same (.587 with 4,000 as with 8,000), and 2.0 % of the rows become ambiguous or cease
# to be, as 1.7 % do with another seed.
MAX_MIXTURES, MAX_DIFFERENT = 8000, 4000
MIXING = (0.35, 0.65)  # share of the first parent: both topics stay audible
PRESENT = 0.5  # a topic is strongly present if it is more likely there than not


def topic_strengths(blocks: Blocks, seed: int) -> np.ndarray:
    """How likely each topic is present in each row, (n, K); unlike class probabilities, rows do not sum to 1.

    One logistic regression for each class on the rows, with one topic each, and on at most n / 2 mixtures of
    two rows, with two topics and both parents left out of all that describes them.
    """
    n_classes = len(blocks.ridge.intercept)
    if n_classes == 1:
        return np.ones((len(blocks.labels), 1))

    rng = np.random.default_rng(seed)
    n_mixtures = min(len(blocks.labels) // 2, MAX_MIXTURES)
    pairs = draw_pairs(blocks.labels, min(n_mixtures, MAX_DIFFERENT), rng)
    share = rng.uniform(*MIXING, size=(len(pairs), 1)).astype(np.float32)
    mixed = share * blocks.vectors[pairs[:, 0]] + (1 - share) * blocks.vectors[pairs[:, 1]]
    # Two opposite vectors in equal parts leave nothing to normalise; they stay the zero vector.
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    mixed = np.divide(mixed, lengths, out=np.zeros_like(mixed), where=lengths > 0)

    repeated = np.arange(n_mixtures) % len(pairs)
    features = np.vstack([blocks.features, blocks.leave_pairs_out(mixed, pairs)[repeated]])
    topics = one_hot(blocks.labels, n_classes)
    both = topics[pairs[:, 0]] + topics[pairs[:, 1]]
    weights = fit_sigmoids(features, np.vstack([topics, both[repeated]]))
    return sigmoid(linear(blocks.features, weights))


def draw_pairs(labels: np.ndarray, n_pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Draw pairs of rows with different labels, (n_pairs, 2).

    A row is drawn with the weight 1 / sqrt(size of its class), so that small classes are mixed often enough to
    be learned and large ones still lead. `labels` (n,) must hold two classes at least.
    """
    sizes = np.bincount(labels)
    first, second = np.triu_indices(len(sizes), k=1)
    weights = np.sqrt(sizes[first] * sizes[second])
    drawn = rng.choice(len(first), size=n_pairs, p=weights / weights.sum())
    classes = np.column_stack([first[drawn], second[drawn]])

    by_class = np.argsort(labels, kind="stable")
    starts = np.cumsum(sizes) - sizes
    return by_class[starts[classes] + rng.integers(sizes[classes])]
