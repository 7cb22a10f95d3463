"""Texts on more than one topic.

Scope: a multi-label head on the blocks, taught what two topics look like by mixtures of rows with
different labels, and what it says of a row together with the row's label. Entropy of the class probabilities does
not do: read blind, 1 of 16 of its top rows held both topics. Nor do disagreement of headline and description, or a
second head that tells mixtures from rows: they find joined texts and fail on real documents with two topics.
"""

import math

import numpy as np

from text_classification_viz.core.label_model import Blocks, fit_sigmoids, linear, one_hot, sigmoid

# One mixture for every so many rows: twice as many gain .005 of AUROC on joined texts and lose as much on real
# documents with two topics. The neighbors of each are searched among all rows, which costs most of all here, so
# only so many are different; with twice as many the AUROC is the same.
ROWS_PER_MIXTURE, MAX_DIFFERENT = 4, 2000
MIXING = (0.35, 0.65)  # share of the first parent: both topics stay audible
PRESENT = 0.5  # a topic is strongly present if it is more likely there than not

# How likely a label is wrong where only another topic is present, against right where only its own is. At 0 a
# wrong label looks more like two topics than two topics do; at 0.1 these lose .03 of AUROC against ordinary rows.
WRONG = 0.015
# Two topics are worth a look from here on. Read blind, 6 of 10 news rows above it held both topics, 16 of the 20
# highest did, and 8 of 20 between 0.5 and it.
TWO_TOPICS = 0.6


def topic_strengths(blocks: Blocks, seed: int) -> np.ndarray:
    """How likely each topic is present in each row, (n, K); unlike class probabilities, rows do not sum to 1.

    One logistic regression for each class on the rows, with one topic each, and on a quarter as many mixtures of
    two rows, with two topics and both parents left out of all that describes them.
    """
    n_classes = len(blocks.ridge.intercept)
    if n_classes == 1:
        return np.ones((len(blocks.labels), 1))

    rng = np.random.default_rng(seed)
    n_mixtures = math.ceil(len(blocks.labels) / ROWS_PER_MIXTURE)
    pairs = draw_pairs(blocks.labels, min(n_mixtures, MAX_DIFFERENT), rng)
    share = rng.uniform(*MIXING, size=(len(pairs), 1)).astype(np.float32)
    mixed = share * blocks.vectors[pairs[:, 0]] + (1 - share) * blocks.vectors[pairs[:, 1]]
    # Two opposite vectors in equal parts leave nothing to normalize; they stay the zero vector.
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    mixed = np.divide(mixed, lengths, out=np.zeros_like(mixed), where=lengths > 0)

    repeated = np.arange(n_mixtures) % len(pairs)
    features = np.vstack([blocks.features, blocks.leave_pairs_out(mixed, pairs)[repeated]])
    topics = one_hot(blocks.labels, n_classes)
    both = topics[pairs[:, 0]] + topics[pairs[:, 1]]
    weights = fit_sigmoids(features, np.vstack([topics, both[repeated]]))
    return sigmoid(linear(blocks.features, weights))


def two_topics(strengths: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How likely each row is about its label's topic and another, (n,).

    A row with the label y and the strongest other topic o is about both, about y alone, or about o alone with a
    wrong label. With the strengths s of the two these weigh s_y s_o, s_y (1 - s_o) and `WRONG` (1 - s_y) s_o, and
    this is the first one's share: the strength of the other topic, less where the label's own is weak. It is
    never above s_o.

    Parameters
    ----------
    strengths
        (n, K), as `topic_strengths` gives them.
    labels
        (n,), integers below K. Where K is 1 there is no other topic: 0.
    """
    rows = np.arange(len(labels))
    own = strengths[rows, labels]
    others = strengths.copy()
    others[rows, labels] = 0
    other = others.max(axis=1)
    all_three = own + WRONG * (1 - own) * other
    return np.divide(own * other, all_three, out=np.zeros_like(own), where=all_three > 0)


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
