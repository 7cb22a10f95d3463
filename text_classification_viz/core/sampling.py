"""A seeded sample of rows, the same number from each class, that stays while the rows around it change."""

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.seeds import mix


def sample_per_class(
    class_labels: np.ndarray, ids: np.ndarray, samples_per_class: int = 100, seed: int = 0
) -> np.ndarray:
    """Draw `samples_per_class` rows of each class without replacement.

    Each id has a random priority of its own, and the lowest of a class are drawn (bottom-k sampling, Cohen and
    Kaplan 2007). So the order of the rows plays no part, and of a training set that has changed a little nearly
    the same rows are drawn: maps of the sample stay recognizable.

    Parameters
    ----------
    class_labels
        (n,) label of each row.
    ids
        int64 (n,), unique.
    samples_per_class
        Rows to draw of each class; a class with fewer gives all that it has.
    seed
        The same rows and seed give the same sample.

    Returns
    -------
    numpy.ndarray
        Row numbers, ascending.

    Raises
    ------
    InputError
        `samples_per_class` is below 1.
    """
    if samples_per_class < 1:
        raise InputError(f"samples_per_class: expected at least 1, found {samples_per_class}")
    _, classes, sizes = np.unique(class_labels, return_inverse=True, return_counts=True)
    by_class = np.lexsort((_priorities(ids, seed), classes))
    place_in_class = np.arange(len(ids)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[place_in_class < samples_per_class])


def _priorities(ids: np.ndarray, seed: int) -> np.ndarray:
    """A number for each id and seed, uint64 (n,)."""
    return mix(ids.astype(np.uint64) ^ np.random.default_rng(seed).integers(2**64, dtype=np.uint64))
