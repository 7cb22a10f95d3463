"""Candidate labels: sets of classes that hold a row's label with a chosen coverage.

Scope: split-conformal prediction with the least ambiguous sets (LAC; Sadinle, Lei and Wasserman, 2019).
"""

import numpy as np


def candidate_threshold(label_probabilities: np.ndarray, coverage: float) -> float:
    """Smallest class probability that still makes a candidate.

    Parameters
    ----------
    label_probabilities
        Probability of each calibration row's own label, (n,).
    coverage
        Share of new rows, over all classes together, whose candidates must hold their label.

    Returns
    -------
    float
        0, where so few rows cannot promise the coverage unless every class is a candidate.
    """
    # floor((1 - coverage)(n + 1)) rows may lie below; the nudge keeps 0.05 * 20 from being floored to 0.
    n_rows = len(label_probabilities)
    n_below = min(int((1 - coverage) * (n_rows + 1) + 1e-9), n_rows)
    return float(np.sort(label_probabilities)[n_below - 1]) if n_below else 0.0


def candidate_sets(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Classes at or above `threshold`, and always the likeliest: bool (n, K) for `probabilities` (n, K)."""
    candidates = probabilities >= threshold
    candidates[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = True
    return candidates
