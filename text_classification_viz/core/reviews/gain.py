"""What a review of the suspects is worth to whoever trains next.

Scope: the cross-validated estimate. How suspects are found stands in `outliers`.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.label_model import (
    Blocks,
    Standardizer,
    fit_noise_model,
    fit_softmax,
    linear,
    one_hot,
)
from text_classification_viz.core.neighbors import Neighbors, find_neighbors, keep_rows
from text_classification_viz.core.tables import REVIEW_GAIN
from text_classification_viz.core.threads import one_thread_each

SET_ASIDE, RELABEL, AT_RANDOM = "suspects set aside", "suspects relabelled", "as many set aside at random"
SHARES = (0.01, 0.02, 0.05)
TREATMENTS = [("labels as they are", 0.0), *product((SET_ASIDE, RELABEL, AT_RANDOM), SHARES)]
FOLDS = 5
REFIT_ITERATIONS = 20  # of L-BFGS from the weights for the labels as they are


def estimate_review_gain(
    vectors: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    *,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> pa.Table:
    """Estimate how much better a classifier gets if the likeliest wrong labels are set aside or changed.

    A logistic regression on the vectors is trained on four fifths of the rows and judged by its macro F1 on the
    last fifth, whose labels stay as they are, five times. The suspects are found among the four fifths alone:
    picked with the labels of all rows, the gain comes out at up to twice what it is, for the suspects are those
    that disagree with the rows that judge. Setting aside as many rows at random shows what fewer rows cost.

    The labels that judge are as wrong as all others, which lowers every figure and hides a part of the gain:
    with known mistakes put in, the gain by the labels as they are was two thirds to all of that by the true ones.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    labels
        (n,) class of each row, integers below the number of classes.
    known
        Rows whose label somebody has confirmed or put right, bool (n,): they are no suspects.
    seed
        Of the folds and of the rows set aside at random.
    log
        Where progress goes.

    Returns
    -------
    pyarrow.Table
        Schema `core.tables.REVIEW_GAIN`, one row for each treatment and share, the labels as they are first.

    Raises
    ------
    InputError
        Fewer than ten rows, or than two classes.
    """
    n_rows, n_classes = len(labels), int(labels.max(initial=-1)) + 1
    if n_rows < 2 * FOLDS or n_classes < 2:
        raise InputError(
            f"review_gain: expected at least {2 * FOLDS} rows in two classes to train and to judge on, found "
            f"{n_rows} rows in {n_classes}; give a larger training set, or leave this asset out"
        )
    rng = np.random.default_rng(seed)
    fold_of = rng.permutation(n_rows) % FOLDS
    held_out = [fold_of == fold for fold in range(FOLDS)]
    # Before there are threads, which would draw in any order.
    at_random = [{share: rng.permutation(np.flatnonzero(~fold)) for share in SHARES} for fold in held_out]
    rows = _Rows(
        vectors,
        Standardizer.fit(vectors)(vectors).astype(np.float32),
        labels,
        known,
        find_neighbors(vectors, log=log),
        n_classes,
    )
    with one_thread_each() as pool:
        folds = list(pool.map(partial(_Fold.of, rows), held_out, at_random))
        log.info(f"review gain: suspects of {FOLDS} folds found, {len(TREATMENTS)} treatments of each follow")
        scores = list(pool.map(lambda trial: trial[1].score(rows, *trial[0]), product(TREATMENTS, folds)))
    by_treatment = np.reshape(scores, (len(TREATMENTS), FOLDS))
    gains = by_treatment - by_treatment[0]
    return pa.table(
        {
            "treatment": [treatment for treatment, _ in TREATMENTS],
            "share": [share for _, share in TREATMENTS],
            "macro_f1": by_treatment.mean(axis=1),
            "gain": gains.mean(axis=1),
            "standard_error": gains.std(axis=1, ddof=1) / math.sqrt(FOLDS),
        },
        schema=REVIEW_GAIN,
    )


@dataclass(frozen=True)
class _Rows:
    """What all folds share."""

    vectors: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    neighbors: Neighbors
    n_classes: int


@dataclass(frozen=True)
class _Fold:
    """The rows that train and those that judge.

    Attributes
    ----------
    train, held_out
        Numbers of rows.
    suspects
        The open rows of `train`, the likeliest wrong first.
    at_random
        All rows of `train`, for each share in another order.
    suggested
        The label suggested for each row of `train`, the given one of the others, (n,).
    as_is
        Weights of the regression on the labels as they are.
    """

    train: np.ndarray
    held_out: np.ndarray
    suspects: np.ndarray
    at_random: Mapping[float, np.ndarray]
    suggested: np.ndarray
    as_is: np.ndarray

    @classmethod
    def of(cls, rows: _Rows, is_held_out: np.ndarray, at_random: Mapping[float, np.ndarray]) -> "_Fold":
        """Find the suspects among the rows that train, by these alone."""
        train = np.flatnonzero(~is_held_out)
        labels, known = rows.labels[train], rows.known[train]
        lists = keep_rows(rows.neighbors, train, rows.vectors[train])
        blocks = Blocks.fit(rows.vectors[train], labels, rows.n_classes, lists.rows, lists.similarities)
        noise = fit_noise_model(blocks.features, labels, rows.n_classes, known=known)
        order = np.argsort(-noise.wrong_log_odds, kind="stable")
        suggested = rows.labels.copy()
        suggested[train] = noise.suggested
        return cls(
            train,
            np.flatnonzero(is_held_out),
            train[order[: (~known).sum()]],
            at_random,
            suggested,
            fit_softmax(rows.features[train], one_hot(labels, rows.n_classes)),
        )

    def score(self, rows: _Rows, treatment: str, share: float) -> float:
        """Macro F1 on the rows held out after a treatment of a share of those that train."""
        from sklearn.metrics import f1_score

        order = self.at_random[share] if treatment == AT_RANDOM else self.suspects
        treated = order[: math.ceil(share * len(self.train))]
        kept, given = self.train, rows.labels.copy()
        if treatment == RELABEL:
            given[treated] = self.suggested[treated]
        else:
            kept = np.setdiff1d(kept, treated)
        weights = self.as_is
        if share:
            targets = one_hot(given[kept], rows.n_classes)
            weights = fit_softmax(rows.features[kept], targets, iterations=REFIT_ITERATIONS, start=weights)
        predicted = linear(rows.features[self.held_out], weights).argmax(axis=1)
        return float(f1_score(rows.labels[self.held_out], predicted, average="macro", zero_division=0))
