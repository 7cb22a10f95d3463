"""Wrong labels put into a data set on purpose, so that it is known which they are.

Scope: three ways in which labels go wrong, from the easiest to find to the hardest. None of them looks at
what any method of finding them computes.
"""

import numpy as np

from benchmarks.recipe import out_of_sample_probabilities

# Inverse strength of the penalty on the classifier of words. At 1, scikit-learn's own, it gives the right class a
# third to a half where it is right in three quarters of the cases or more, and its noise would be almost uniform.
WORDS_C = 30.0


def uniform(labels: np.ndarray, n_changed: int, rng: np.random.Generator, *, n_classes: int) -> np.ndarray:
    """Labels (n,) of which `n_changed`, drawn at random, have become any of the other classes."""
    rows = rng.choice(len(labels), n_changed, replace=False)
    noisy = labels.copy()
    noisy[rows] = (labels[rows] + rng.integers(1, n_classes, size=n_changed)) % n_classes
    return noisy


def confusable(labels: np.ndarray, n_changed: int, rng: np.random.Generator, *, targets: np.ndarray) -> np.ndarray:
    """Labels (n,) of which `n_changed`, drawn at random, have become the one class that theirs is taken for.

    `targets` (K,) has that class for each.
    """
    rows = rng.choice(len(labels), n_changed, replace=False)
    noisy = labels.copy()
    noisy[rows] = targets[labels[rows]]
    return noisy


def instance_dependent(
    labels: np.ndarray, n_changed: int, rng: np.random.Generator, *, probabilities: np.ndarray
) -> np.ndarray:
    """Labels (n,) of which `n_changed` have become what the text may be taken for.

    A row is drawn with the weight that `probabilities` (n, K) give to its other classes together, and its new
    label with the weight that they give to each.
    """
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = 0
    weights = others.sum(axis=1)
    rows = rng.choice(len(labels), n_changed, replace=False, p=weights / weights.sum())
    reached = np.cumsum(others[rows], axis=1)
    drawn = rng.uniform(size=(n_changed, 1)) * reached[:, -1:]
    noisy = labels.copy()
    noisy[rows] = (reached <= drawn).sum(axis=1)
    return noisy


def nearest_classes(vectors: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """For each class the other one whose mean vector is the most similar, (K,)."""
    means = np.array([vectors[labels == label].mean(axis=0) for label in range(n_classes)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    similarities = means @ means.T
    np.fill_diagonal(similarities, -np.inf)
    return similarities.argmax(axis=1)


def text_probabilities(texts: list[str], labels: np.ndarray) -> np.ndarray:
    """How likely each class is by the words alone, (n, K), by a classifier that has not seen the row.

    It knows no embedding, so that its doubts are not those of the methods that are compared.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
    return out_of_sample_probabilities(words, labels, inverse_penalty=WORDS_C)
