"""What a review of the suspects is worth to whoever trains next.

Belongs here: the cross-validated estimate. How suspects are found stands in `outliers`.
"""

import logging
import math

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import Neighbors, find_neighbors, keep_rows
from text_classification_viz.core.outliers.blocks import Blocks
from text_classification_viz.core.outliers.noise_model import fit_noise_model
from text_classification_viz.core.outliers.regression import Standardizer, fit_softmax, linear
from text_classification_viz.core.outliers.ridge import one_hot
from text_classification_viz.core.tables import REVIEW_GAIN

SET_ASIDE, RELABEL, AT_RANDOM = "suspects set aside", "suspects relabelled", "as many set aside at random"
TREATMENTS = [
    ("labels as they are", 0.0),
    *((treatment, share) for treatment in (SET_ASIDE, RELABEL, AT_RANDOM) for share in (0.01, 0.02, 0.05)),
]
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
    from threadpoolctl import threadpool_limits

    n_rows, n_classes = len(labels), int(labels.max(initial=-1)) + 1
    if n_rows < 2 * FOLDS or n_classes < 2:
        raise InputError(
            f"review_gain: expected at least {2 * FOLDS} rows in two classes to train and to judge on, found "
            f"{n_rows} rows in {n_classes}; give a larger training set, or leave this asset out"
        )
    rng = np.random.default_rng(seed)
    folds = rng.permutation(n_rows) % FOLDS
    neighbors = find_neighbors(vectors, log=log)
    features = Standardizer.fit(vectors)(vectors).astype(np.float32)
    scores = []
    with threadpool_limits(limits=1):  # the threads of small products contend, and cost more than they save
        for fold in range(FOLDS):
            train, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            suspects, suggested = _rank_suspects(vectors, labels, known, neighbors, train, n_classes)
            as_is = fit_softmax(features[train], one_hot(labels[train], n_classes))
            fold_scores = [_macro_f1(features[held_out], labels[held_out], as_is)]
            for treatment, share in TREATMENTS[1:]:
                n_treated = math.ceil(share * len(train))
                treated = rng.permutation(train)[:n_treated] if treatment == AT_RANDOM else suspects[:n_treated]
                rows = train if treatment == RELABEL else np.setdiff1d(train, treated)
                given = labels.copy()
                if treatment == RELABEL:
                    given[treated] = suggested[treated]
                weights = fit_softmax(
                    features[rows],
                    one_hot(given[rows], n_classes),
                    iterations=REFIT_ITERATIONS,
                    start=as_is,
                )
                fold_scores.append(_macro_f1(features[held_out], labels[held_out], weights))
            scores.append(fold_scores)
            log.info(f"review gain: fold {fold + 1} of {FOLDS}")
    by_treatment = np.array(scores).T
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


def _rank_suspects(
    vectors: np.ndarray,
    labels: np.ndarray,
    known: np.ndarray,
    neighbors: Neighbors,
    train: np.ndarray,
    n_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The open rows of `train`, the likeliest wrong first, and the suggestion for each row, (n,)."""
    lists = keep_rows(neighbors, train, vectors[train])
    blocks = Blocks.fit(vectors[train], labels[train], n_classes, lists.rows, lists.similarities)
    noise = fit_noise_model(blocks.features, labels[train], n_classes, known=known[train])
    order = np.argsort(-noise.wrong_log_odds, kind="stable")
    suggested = labels.copy()
    suggested[train] = noise.suggested
    return train[order[: (~known[train]).sum()]], suggested


def _macro_f1(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    predicted = linear(features, weights).argmax(axis=1)
    return float(f1_score(labels, predicted, average="macro", zero_division=0))
