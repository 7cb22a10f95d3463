"""The outlier report: one kind, one rank and the evidence for every training row.

Scope: the order of the work and what each step needs. A row's kind is decided in `kinds`, put into words in
`reasons`, and written down in `report_table`.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.label_model import Blocks, NoiseModel, fit_noise_model
from text_classification_viz.core.neighbors import Neighbors, keep_rows
from text_classification_viz.core.outliers.ambiguity import PRESENT, topic_strengths
from text_classification_viz.core.outliers.atypical import atypicality
from text_classification_viz.core.outliers.conformal import candidate_sets, candidate_threshold
from text_classification_viz.core.outliers.duplicates import Duplicates, find_duplicates
from text_classification_viz.core.outliers.findings import Findings
from text_classification_viz.core.outliers.kinds import KIND_PRECEDENCE, assign_kinds
from text_classification_viz.core.outliers.report_table import report_table
from text_classification_viz.core.outliers.uninformative import is_uninformative
from text_classification_viz.core.reviews import apply_reviews
from text_classification_viz.core.tables import REVIEWED_LABELS
from text_classification_viz.core.threads import one_thread_each


@dataclass(frozen=True)
class OutlierReport:
    """The report and what it says of the training set as a whole.

    Attributes
    ----------
    table
        Schema `core.tables.OUTLIER_REPORT`, one row for each training row, by rank.
    classes
        Class labels in the order of `label_counts`, sorted.
    label_counts
        Rows to expect of each true class (row) with each label (column), (K, K).
    n_wrong_expected
        Number of wrong labels to expect, the sum of `score`.
    kind_counts
        Rows of each kind, in the order of precedence.
    """

    table: pa.Table
    classes: tuple[str, ...]
    label_counts: np.ndarray
    n_wrong_expected: float
    kind_counts: Mapping[str, int]


def outlier_report(
    train_df: pa.Table,
    vectors: np.ndarray,
    neighbors: np.ndarray,
    similarities: np.ndarray,
    reviewed: pa.Table | None = None,
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
    - ``ambiguous``: the given label is a candidate, and the text is likely about it and another topic.
    - ``none``.

    `score` is P(wrong) under the noise model. It orders rows; it is not calibrated, so that a threshold on it
    means something else in each data set. `suggested_label` is the likeliest class other than the given one, null
    unless the kind questions the label or that class is likelier than it. `candidate_labels` are the conformal
    set, the strongly present topics and the suggestion, likeliest first.

    Rows that a reviewer has decided on are settled: ranked behind the open ones, with the score 0 and no kind but
    `none`. All others are scored with the decisions applied: a relabeled row counts with its new label, a
    confirmed or new label is taken as right by the noise model, and a dropped row is nobody's neighbor.
    `class_label` stays the label that upstream gave; `neighbor_labels` are those in force.

    Parameters
    ----------
    train_df
        Schema `core.tables.TRAIN`, in the order of `embedding_row`.
    vectors
        float32 (n, d), unit length; may be memory-mapped.
    neighbors, similarities
        Nearest rows of each row, itself excluded, nearest first, and their cosine similarities: int32 and
        float32 (n, k). At k = 100 nothing is lost; small data may have fewer.
    reviewed
        What people have decided already, schema `core.tables.REVIEWED_LABELS`; None: nothing.
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
    reviewed = REVIEWED_LABELS.empty_table() if reviewed is None else reviewed
    corrected = apply_reviews(train_df, reviewed).table
    kept = corrected["embedding_row"].to_numpy()
    if len(kept) < 3:
        raise InputError(
            f"reviewed_labels: expected at least 3 rows of train_df that nobody has dropped, found {len(kept)}; "
            "take back some of the decisions"
        )
    lists = Neighbors(neighbors, similarities)
    if len(kept) < train_df.num_rows:
        vectors = vectors[kept]
        lists = keep_rows(lists, kept, vectors)

    classes, labels = np.unique(corrected["class_label"].to_numpy(zero_copy_only=False), return_inverse=True)
    labels = labels.astype(np.int32)
    decided = pc.is_in(corrected["id"], reviewed["id"]).to_numpy()
    noise, strengths, unlikeness = _look_at_vectors(vectors, labels, lists, decided, seed, log)
    log.info("outliers: reading the texts for duplicates and missing words")
    ids = corrected["id"].to_numpy()
    uninformative, duplicates = _look_at_texts(corrected, labels, lists, duplicate_similarity)
    label_probabilities = noise.given_probabilities[np.arange(len(labels)), labels]
    larger = unlikeness.max(axis=1)
    findings = Findings(
        ids=ids,
        classes=classes,
        labels=labels,
        decided=decided,
        neighbors=lists,
        noise=noise,
        candidates=(strengths >= PRESENT)
        | candidate_sets(noise.given_probabilities, candidate_threshold(label_probabilities, coverage)),
        strengths=strengths,
        unlikeness=unlikeness,
        atypical=larger > np.quantile(larger, 1 - atypical_fraction, method="higher"),
        uninformative=uninformative,
        duplicates=duplicates,
    )
    kinds = assign_kinds(findings)
    table = report_table(train_df, kept, findings, kinds, reviewed)
    counted = Counter(table["kind"].to_pylist())
    counts = {kind: counted[kind] for kind in KIND_PRECEDENCE}
    log.info(f"outliers: {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}")
    return OutlierReport(
        table=table,
        classes=tuple(classes.tolist()),
        label_counts=noise.counts,
        n_wrong_expected=findings.n_wrong_expected,
        kind_counts=counts,
    )


def _look_at_vectors(
    vectors: np.ndarray,
    labels: np.ndarray,
    neighbors: Neighbors,
    decided: np.ndarray,
    seed: int,
    log: logging.Logger,
) -> tuple[NoiseModel, np.ndarray, np.ndarray]:
    """The noise model, strengths of topics (n, K) and `atypicality` (n, 2); the features they take are let go."""
    n_classes = labels.max() + 1
    # Small products in contending threads cost ten times the CPU, and their sums depend on the thread count. So
    # each of these has one thread, and what does not need the others' results runs beside them.
    with one_thread_each() as threads:
        unlikeness = threads.submit(atypicality, vectors, labels, neighbors.rows, neighbors.similarities)
        log.info(f"outliers: {len(labels):,} rows in {n_classes} classes as the other rows see them")
        blocks = Blocks.fit(vectors, labels, n_classes, neighbors.rows, neighbors.similarities)
        log.info("outliers: learning how labels go wrong, and from mixtures of rows what two topics look like")
        noise = threads.submit(fit_noise_model, blocks.features, labels, n_classes, known=decided, log=log)
        strengths = topic_strengths(blocks, seed)
        return noise.result(), strengths, unlikeness.result()


def _look_at_texts(
    train_df: pa.Table, labels: np.ndarray, neighbors: Neighbors, duplicate_similarity: float
) -> tuple[np.ndarray, Duplicates]:
    """Which texts have hardly any words, bool (n,), and which are copies; the texts are let go."""
    fields = train_df["headline"].to_pylist(), train_df["short_description"].to_pylist()
    texts = [f"{headline or ''} {description or ''}" for headline, description in zip(*fields, strict=True)]
    ids = train_df["id"].to_numpy()
    duplicates = find_duplicates(ids, texts, labels, neighbors.rows, neighbors.similarities, duplicate_similarity)
    return np.array([is_uninformative(text) for text in texts]), duplicates


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
