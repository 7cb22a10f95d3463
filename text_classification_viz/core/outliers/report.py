"""The outlier report: one kind, one rank and the evidence for every training row.

Belongs here: the precedence of the kinds, what each needs, and the table. How each is computed stands in the
modules beside this one.
"""

import logging
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.outliers.ambiguity import PRESENT, topic_strengths
from text_classification_viz.core.outliers.atypical import atypicality
from text_classification_viz.core.outliers.blocks import Blocks
from text_classification_viz.core.outliers.conformal import candidate_sets, candidate_threshold
from text_classification_viz.core.outliers.duplicates import Duplicates, find_duplicates
from text_classification_viz.core.outliers.noise_model import NoiseModel, fit_noise_model
from text_classification_viz.core.outliers.uninformative import is_uninformative
from text_classification_viz.core.tables import EVIDENCE_NEIGHBORS, OUTLIER_REPORT

# The first kind that applies is a row's kind. Labels come first, being what the report is for; then the kinds
# that no other column shows; then copies (`duplicate_of`) and two topics (`candidate_labels`), which a row of
# an earlier kind shows as well.
KIND_PRECEDENCE = (
    "mislabelled",
    "contested",
    "uninformative",
    "atypical",
    "near_duplicate",
    "ambiguous",
    "none",
)
QUESTIONS_THE_LABEL = ("mislabelled", "contested", "ambiguous")


@dataclass(frozen=True)
class OutlierReport:
    """The report and what it says of the training set as a whole.

    Attributes
    ----------
    table
        Schema `core.tables.OUTLIER_REPORT`, one row for each training row, by rank.
    classes
        Class labels in the order of `noise_transition`, sorted.
    noise_transition
        Share of each true class (row) that is given each label (column), (K, K).
    n_wrong_expected
        Number of wrong labels to expect, the sum of `score`.
    kind_counts
        Rows of each kind, in the order of precedence.
    """

    table: pa.Table
    classes: tuple[str, ...]
    noise_transition: np.ndarray
    n_wrong_expected: float
    kind_counts: Mapping[str, int]


def outlier_report(
    train_df: pa.Table,
    vectors: np.ndarray,
    neighbors: np.ndarray,
    similarities: np.ndarray,
    *,
    coverage: float = 0.95,
    duplicate_similarity: float = 0.95,
    atypical_fraction: float = 0.01,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> OutlierReport:
    """Rank the rows of a training set by how much they deserve a second look, and say why.

    `rank` goes by the log-odds that the given label is wrong, for all kinds alike: whoever reads from the top and
    stops anywhere has seen the rows where a decision is likeliest to change a label. (Ranked kind by kind instead,
    average precision on wrong labels is .02 lower.) `kind` says what else to look for, and is the first of these
    that applies:

    - ``mislabelled``: among the m likeliest wrong, m being the number of wrong labels to expect, and likelier of
      the suggested class than of the given one.
    - ``contested``: the given label is not among the candidates.
    - ``uninformative``: hardly any words.
    - ``atypical``: unlike the rest of the corpus, whatever the label.
    - ``near_duplicate``: a copy of the row `duplicate_of`, or copied under another label.
    - ``ambiguous``: the given label is a candidate, and another topic is strongly present.
    - ``none``.

    `score` is P(wrong) under the noise model. It orders rows; it is not calibrated, so that a threshold on it
    means something else in each data set. `suggested_label` is the likeliest class other than the given one, null
    where the kind does not question the label. `candidate_labels` are the conformal set and the strongly present
    topics, likeliest first.

    Parameters
    ----------
    train_df
        Schema `core.tables.TRAIN`, in the order of `embedding_row`.
    vectors
        float32 (n, d), unit length; may be memory-mapped.
    neighbors, similarities
        Nearest rows of each row, itself excluded, nearest first, and their cosine similarities: int32 and
        float32 (n, k). At k = 100 nothing is lost; small data may have fewer.
    coverage
        Share of rows whose candidate labels must hold their label.
    duplicate_similarity
        Cosine similarity from which two texts are near-duplicates.
    atypical_fraction
        Share of rows that are looked at as atypical.
    seed
        Of the mixtures that teach what two topics look like.
    log
        Where progress goes.

    Raises
    ------
    InputError
        Fewer than three rows, inputs that do not belong together, or a setting outside [0, 1].
    """
    _check_inputs(train_df, vectors, neighbors, similarities)
    _check_share("coverage", coverage)
    _check_share("duplicate_similarity", duplicate_similarity)
    _check_share("atypical_fraction", atypical_fraction)
    import faiss  # noqa: F401  loaded before the limit below, which only reaches libraries that are loaded
    from threadpoolctl import threadpool_limits

    classes, labels = np.unique(np.asarray(train_df["class_label"].to_pylist()), return_inverse=True)
    labels = labels.astype(np.int32)
    # Small products in contending threads cost ten times the CPU, and their sums depend on the thread count. So
    # each of these has one thread, and what does not need the others' results runs beside them.
    with threadpool_limits(limits=1), ThreadPoolExecutor() as threads:
        unlikeness_found = threads.submit(atypicality, vectors, similarities)
        log.info(f"outliers: {len(labels):,} rows in {len(classes)} classes as the other rows see them")
        blocks = Blocks.fit(vectors, labels, len(classes), neighbors, similarities)
        log.info("outliers: learning how labels go wrong, and from mixtures of rows what two topics look like")
        noise_found = threads.submit(fit_noise_model, blocks.features, labels, len(classes), log=log)
        strengths = topic_strengths(blocks, seed)  # in this thread: the limit on faiss holds in no other
        noise, unlikeness = noise_found.result(), unlikeness_found.result()
    log.info("outliers: reading the texts for duplicates and missing words")
    fields = train_df["headline"].to_pylist(), train_df["short_description"].to_pylist()
    texts = [f"{headline or ''} {description or ''}" for headline, description in zip(*fields, strict=True)]
    label_probabilities = noise.given_probabilities[np.arange(len(labels)), labels]
    evidence = _Evidence(
        ids=train_df["id"].to_numpy(),
        labels=labels,
        noise=noise,
        candidates=(strengths >= PRESENT)
        | candidate_sets(noise.given_probabilities, candidate_threshold(label_probabilities, coverage)),
        strengths=strengths,
        atypical=unlikeness > np.quantile(unlikeness, 1 - atypical_fraction, method="higher"),
        uninformative=np.array([is_uninformative(text) for text in texts]),
        duplicates=find_duplicates(
            train_df["id"].to_numpy(), texts, labels, neighbors, similarities, duplicate_similarity
        ),
    )
    kinds = _assign_kinds(evidence)
    counts = {kind: int((kinds == kind).sum()) for kind in KIND_PRECEDENCE}
    log.info(f"outliers: {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}")
    return OutlierReport(
        table=_build_table(train_df, classes, evidence, kinds, neighbors, similarities),
        classes=tuple(classes.tolist()),
        noise_transition=noise.transition,
        n_wrong_expected=evidence.n_wrong_expected,
        kind_counts=counts,
    )


@dataclass(frozen=True)
class _Evidence:
    """Everything that a kind or a column is decided by; arrays of n rows."""

    ids: np.ndarray
    labels: np.ndarray
    noise: NoiseModel
    candidates: np.ndarray
    strengths: np.ndarray
    atypical: np.ndarray
    uninformative: np.ndarray
    duplicates: Duplicates

    @cached_property
    def suggested(self) -> np.ndarray:
        return _likeliest_other(self.noise.true_probabilities, self.labels)

    @cached_property
    def is_copy(self) -> np.ndarray:
        return self.duplicates.representatives != np.arange(len(self.labels))

    @cached_property
    def n_wrong_expected(self) -> float:
        return float(self.noise.wrong_probabilities.sum())


def _assign_kinds(evidence: _Evidence) -> np.ndarray:
    """Kind of each row, (n,): the first of `KIND_PRECEDENCE` that applies."""
    rows, labels, noise = np.arange(len(evidence.labels)), evidence.labels, evidence.noise
    likeliest_wrong = np.argsort(-noise.wrong_log_odds, kind="stable")[: math.ceil(evidence.n_wrong_expected)]
    suggestion_wins = noise.true_probabilities[rows, evidence.suggested] > noise.true_probabilities[rows, labels]
    other_topic = _likeliest_other(evidence.strengths, labels)
    applies = {
        "mislabelled": np.isin(rows, likeliest_wrong) & suggestion_wins,
        "contested": ~evidence.candidates[rows, labels],
        "uninformative": evidence.uninformative,
        "atypical": evidence.atypical,
        "near_duplicate": evidence.is_copy | evidence.duplicates.conflicts,
        "ambiguous": (other_topic != labels) & (evidence.strengths[rows, other_topic] >= PRESENT),
        "none": np.ones(len(rows), dtype=bool),
    }
    return np.array(KIND_PRECEDENCE)[np.argmax([applies[kind] for kind in KIND_PRECEDENCE], axis=0)]


def _build_table(
    train_df: pa.Table,
    classes: np.ndarray,
    evidence: _Evidence,
    kinds: np.ndarray,
    neighbors: np.ndarray,
    similarities: np.ndarray,
) -> pa.Table:
    """Table of schema `OUTLIER_REPORT`, by rank."""
    ids, labels, noise, duplicates = evidence.ids, evidence.labels, evidence.noise, evidence.duplicates
    order = np.argsort(-noise.wrong_log_odds, kind="stable")
    n_evidence = min(EVIDENCE_NEIGHBORS, neighbors.shape[1])
    nearest = neighbors[order, :n_evidence]
    return pa.table(
        {
            "id": ids[order],
            "rank": np.arange(1, len(order) + 1),
            "kind": kinds[order],
            "score": noise.wrong_probabilities[order].astype(np.float32),
            "class_label": classes[labels[order]],
            "suggested_label": pa.array(
                classes[evidence.suggested[order]], mask=~np.isin(kinds, QUESTIONS_THE_LABEL)[order]
            ),
            "candidate_labels": _likeliest_first(
                evidence.candidates[order], noise.given_probabilities[order], classes
            ),
            "neighbor_ids": _fixed_lists(ids[nearest]),
            "neighbor_labels": _fixed_lists(classes[labels[nearest]]),
            "neighbor_similarities": _fixed_lists(similarities[order, :n_evidence]),
            "duplicate_of": pa.array(ids[duplicates.representatives[order]], mask=~evidence.is_copy[order]),
            "label_conflict": duplicates.conflicts[order],
            "headline": train_df["headline"].take(order),
            "short_description": train_df["short_description"].take(order),
            "reviewed": np.zeros(len(order), dtype=bool),
        },
        schema=OUTLIER_REPORT,
    )


def _check_inputs(
    train_df: pa.Table, vectors: np.ndarray, neighbors: np.ndarray, similarities: np.ndarray
) -> None:
    n_rows = train_df.num_rows
    if n_rows < 3:
        raise InputError(
            f"train_df: expected at least 3 rows to compare with each other, found {n_rows}; "
            "give a larger training set"
        )
    if len(vectors) != n_rows or not np.array_equal(train_df["embedding_row"].to_numpy(), np.arange(n_rows)):
        raise InputError(
            f"train_df, column embedding_row: expected 0 to {len(vectors) - 1:,} in order, as the "
            f"{len(vectors):,} vectors, found {n_rows:,} rows that do not match; materialize train_df and "
            "train_vectors together"
        )
    if neighbors.shape != similarities.shape or len(neighbors) != n_rows or neighbors.shape[1] < 1:
        raise InputError(
            f"nearest_neighbors: expected neighbors and similarities of one shape ({n_rows}, k) with k >= 1, "
            f"found {neighbors.shape} and {similarities.shape}; materialize nearest_neighbors again"
        )
    if neighbors.min() < 0 or neighbors.max() >= n_rows:
        raise InputError(
            f"nearest_neighbors, column neighbors: expected rows from 0 to {n_rows - 1:,}, found "
            f"{neighbors.min():,} to {neighbors.max():,}; materialize nearest_neighbors again"
        )


def _check_share(setting: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{setting}: expected a number from 0 to 1, found {value}; change the setting")


def _likeliest_other(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Class with the largest of `probabilities` (n, K) beside the given label; that itself if K is 1."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return others.argmax(axis=1)


def _likeliest_first(chosen: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> pa.ListArray:
    """Lists of the `chosen` (n, K) classes of each row, by descending probability."""
    by_probability = np.argsort(-probabilities, axis=1, kind="stable")
    kept = np.take_along_axis(chosen, by_probability, axis=1)
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(classes[by_probability[kept]]))


def _fixed_lists(values: np.ndarray) -> pa.ListArray:
    """Lists of the rows of `values` (n, k)."""
    n_rows, length = values.shape
    offsets = np.arange(n_rows + 1, dtype=np.int32) * length
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.ravel()))
