"""All that is known of each row when its kind, its reason and its evidence are written down."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from text_classification_viz.core.label_model import NoiseModel, tally_nearest
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.outliers.ambiguity import two_topics
from text_classification_viz.core.outliers.atypical import nearest_similarity
from text_classification_viz.core.outliers.duplicates import Duplicates


@dataclass(frozen=True)
class Findings:
    """What was found of n rows in K classes.

    Attributes
    ----------
    ids
        (n,) int64.
    classes
        (K,) str, sorted.
    labels
        Label of each row as a position in `classes`, decisions of reviewers applied, (n,).
    decided
        Whether a reviewer has decided on the row, bool (n,).
    neighbors
        Lists of the n rows, (n, k).
    noise
        Class probabilities, and how likely each label is wrong.
    candidates
        Classes that the row may well have, bool (n, K).
    strengths
        How likely each topic is present, (n, K).
    unlikeness
        Percentiles of the two distances of `atypical`, (n, 2).
    atypical, uninformative
        bool (n,).
    duplicates
        Groups of near-duplicates.
    """

    ids: np.ndarray
    classes: np.ndarray
    labels: np.ndarray
    decided: np.ndarray
    neighbors: Neighbors
    noise: NoiseModel
    candidates: np.ndarray
    strengths: np.ndarray
    unlikeness: np.ndarray
    atypical: np.ndarray
    uninformative: np.ndarray
    duplicates: Duplicates

    @cached_property
    def other_topic(self) -> np.ndarray:
        """The most strongly present topic other than the label, (n,)."""
        return likeliest_other(self.strengths, self.labels)

    @cached_property
    def is_copy(self) -> np.ndarray:
        """Whether another row represents the row's group of near-duplicates, bool (n,)."""
        return self.duplicates.representatives != np.arange(len(self.labels))

    @cached_property
    def n_wrong_expected(self) -> float:
        """Number of wrong labels to expect."""
        return float(self.noise.wrong_probabilities.sum())

    @cached_property
    def two_topics(self) -> np.ndarray:
        """How likely the row is about its label's topic and another one as well, (n,)."""
        return two_topics(self.strengths, self.labels)

    @cached_property
    def similarity_to_nearest(self) -> np.ndarray:
        """Mean cosine similarity of the ten nearest rows, (n,)."""
        return nearest_similarity(self.neighbors.similarities)

    @cached_property
    def usual_similarity(self) -> float:
        """Median of `similarity_to_nearest`."""
        return float(np.median(self.similarity_to_nearest))

    @cached_property
    def tally(self) -> np.ndarray:
        """How many of the nearest `NEAR` rows have each label, int (n, K)."""
        return tally_nearest(self.neighbors.rows, self.labels, len(self.classes))


def likeliest_other(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Class with the largest of `probabilities` (n, K) beside the given label; that itself if K is 1."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return others.argmax(axis=1)
