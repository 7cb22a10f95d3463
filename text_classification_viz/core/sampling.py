"""A seeded sample of rows, the same number from each class."""

import numpy as np

from text_classification_viz.core.errors import InputError


def sample_per_class(class_labels: np.ndarray, samples_per_class: int = 100, seed: int = 0) -> np.ndarray:
    """Draw `samples_per_class` rows of each class without replacement.

    Parameters
    ----------
    class_labels
        (n,) label of each row.
    samples_per_class
        Rows to draw of each class; a class with fewer gives all that it has.
    seed
        The same labels and seed give the same rows.

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
    rng = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(class_labels):
        rows = np.flatnonzero(class_labels == label)
        drawn.append(rng.choice(rows, size=min(samples_per_class, len(rows)), replace=False))
    return np.sort(np.concatenate(drawn))
