"""What the training rows say of the labels that new rows came with, or should have.

Scope: the model of labels, and its verdict on each new row by itself. It is the model of the outlier
report (`core.outliers`), a ridge regression, neighbor votes and a noise model, here fitted to the training rows
alone, so that new rows are judged by what they did not teach.
"""

from dataclasses import dataclass

import numpy as np

from text_classification_viz.core.label_model import Blocks, NoiseModel, as_probabilities, fit_noise_model, sigmoid
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.new_rows.landmarks import Landmarks
from text_classification_viz.core.threads import one_thread

NO_LABEL = -1
ROUNDS = 200  # of EM in one number
PRIOR_ROWS = 50


@dataclass(frozen=True)
class Verdicts:
    """What is said of m new rows.

    Attributes
    ----------
    wrong_log_odds
        Log-odds that the given label is wrong, (m,); NaN without one.
    suggested
        The likeliest other class, (m,); the likeliest of all where there is no label.
    suggested_probabilities
        How likely the row is of that class, (m,).
    suggestion_wins
        Whether that is likelier than the given label, bool (m,); False without one.
    """

    wrong_log_odds: np.ndarray
    suggested: np.ndarray
    suggested_probabilities: np.ndarray
    suggestion_wins: np.ndarray


@dataclass(frozen=True)
class LabelModel:
    """The model of labels, fitted to the landmarks of a map."""

    landmarks: Landmarks
    blocks: Blocks
    noise: NoiseModel

    @classmethod
    def fit(cls, landmarks: Landmarks) -> "LabelModel":
        """Fit to the landmarks' vectors, labels and neighbors."""
        n_classes, lists = len(landmarks.classes), landmarks.neighbors
        with one_thread():
            blocks = Blocks.fit(landmarks.vectors, landmarks.labels, n_classes, lists.rows, lists.similarities)
            return cls(landmarks, blocks, fit_noise_model(blocks.features, landmarks.labels, n_classes))

    def judge(self, vectors: np.ndarray, neighbors: Neighbors, labels: np.ndarray) -> Verdicts:
        """Judge the labels of new rows.

        Parameters
        ----------
        vectors
            float32 (m, d), unit length.
        neighbors
            Their nearest landmarks.
        labels
            (m,) classes, or `NO_LABEL`.
        """
        rows, has_label = np.arange(len(labels)), labels != NO_LABEL
        with one_thread():
            features = self.blocks.of_new_rows(vectors, neighbors.rows, neighbors.similarities)
            likely = self.noise.true_probabilities_of(features)
            wrong, suggested = self.noise.judge(features, np.maximum(labels, 0))
        suggested = np.where(has_label, suggested, likely.argmax(axis=1))
        probabilities = likely[rows, suggested]
        wins = has_label & (probabilities > likely[rows, labels])
        return Verdicts(np.where(has_label, wrong, np.nan), suggested, probabilities, wins)

    @property
    def usual_wrong_share(self) -> float:
        """Share of wrong labels to expect among rows like the training rows."""
        return float(self.noise.wrong_probabilities.mean())


def wrong_probabilities(wrong_log_odds: np.ndarray, usual_wrong_share: float) -> np.ndarray:
    """How likely each label of a set of new rows is wrong, (m,), NaN without one; their sum is what to expect.

    New rows may be labeled worse than the training rows that the model knows. The share of wrong labels is
    estimated by EM, which moves all log-odds by one number (Saerens, Latinne and Decaestecker 2002), from
    `PRIOR_ROWS` rows of the usual share on. It is not taken to be less than usual: EM explains few wrong labels
    by classes that overlap.

    Parameters
    ----------
    wrong_log_odds
        Of `Verdicts`, (m,).
    usual_wrong_share
        Of the model that gave them.
    """
    known = wrong_log_odds[~np.isnan(wrong_log_odds)]
    share = usual = usual_wrong_share
    shift = 0.0
    for _ in range(ROUNDS if usual > 0 else 0):
        shift = float(np.log(share / (1 - share)) - np.log(usual / (1 - usual)))
        expected = sigmoid(known + shift).sum()
        share = (expected + PRIOR_ROWS * usual) / (len(known) + PRIOR_ROWS)
    return as_probabilities(wrong_log_odds + max(shift, 0.0))
