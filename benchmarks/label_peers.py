"""The ways of finding wrong labels that `benchmarks.outliers` compares.

Scope: ours, cleanlab's and a plain vote, each brought to the same form. What they are tried on stands in
`label_noise`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.recipe import out_of_sample_probabilities
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.outliers import outlier_report

VOTERS = 50
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


@dataclass(frozen=True)
class LabelledRows:
    """What every method is given: rows whose labels may be wrong.

    Attributes
    ----------
    table, vectors, neighbors
        Schema `tables.TRAIN` with the labels as they may be wrong, float32 (n, d), and the lists of the vectors.
    classes, labels
        Names of the K classes, sorted, and the labels as integers (n,) below K.
    """

    table: pa.Table
    vectors: np.ndarray
    neighbors: Neighbors
    classes: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class LabelIssues:
    """What a method makes of n rows.

    Attributes
    ----------
    suspicion
        More is likelier wrong, (n,).
    flagged
        Whether it calls the label wrong, bool (n,).
    suggested
        The label that it would give, (n,); the given one or -1 where it suggests no other.
    cpu_seconds
        What it took, without the neighbors of `LabelledRows`.
    """

    suspicion: np.ndarray
    flagged: np.ndarray
    suggested: np.ndarray
    cpu_seconds: float


def label_issues(rows: LabelledRows) -> Iterator[tuple[str, LabelIssues]]:
    """What each method finds, by the method's name."""
    yield "ours", ours(rows)
    yield from cleanlab(rows)
    yield "Datalab, features", datalab(rows, features=rows.vectors)
    yield f"vote of {VOTERS} neighbors", vote(rows)


def ours(rows: LabelledRows) -> LabelIssues:
    """The whole report, of which wrong labels are a part."""
    start = time.process_time()
    report = outlier_report(rows.table, rows.vectors, rows.neighbors.rows, rows.neighbors.similarities).table
    seconds = time.process_time() - start
    row_of_id = {id_: row for row, id_ in enumerate(rows.table["id"].to_pylist())}
    order = np.array([row_of_id[id_] for id_ in report["id"].to_pylist()])
    code_of = {None: -1} | {name: code for code, name in enumerate(rows.classes.tolist())}
    suspicion, suggested = np.empty(len(order)), np.empty(len(order), np.int64)
    flagged = np.empty(len(order), bool)
    suspicion[order] = -report["rank"].to_numpy()
    flagged[order] = [kind == "mislabelled" for kind in report["kind"].to_pylist()]
    suggested[order] = [code_of[name] for name in report["suggested_label"].to_pylist()]
    return LabelIssues(suspicion, flagged, suggested, seconds)


def cleanlab(rows: LabelledRows) -> Iterator[tuple[str, LabelIssues]]:
    """cleanlab and its Datalab on the probabilities of a logistic regression on the vectors.

    All flag and suggest the same, as `find_label_issues` and the likeliest label do; they differ by score.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    start = time.process_time()
    probabilities = out_of_sample_probabilities(rows.vectors, rows.labels)
    regression_seconds = time.process_time() - start
    for score in SCORES:
        start = time.process_time()
        quality = get_label_quality_scores(rows.labels, probabilities, method=score)
        flagged = find_label_issues(rows.labels, probabilities, n_jobs=1)
        seconds = regression_seconds + time.process_time() - start
        yield f"cleanlab, {score}", LabelIssues(-quality, flagged, probabilities.argmax(axis=1), seconds)
    found = datalab(rows, pred_probs=probabilities)
    yield "Datalab, pred_probs", replace(found, cpu_seconds=regression_seconds + found.cpu_seconds)


def datalab(rows: LabelledRows, **evidence: Any) -> LabelIssues:
    """cleanlab's Datalab on pred_probs, or on features, of which it computes neighbors itself."""
    from cleanlab import Datalab
    from threadpoolctl import threadpool_limits

    start = time.process_time()
    lab = Datalab({"label": rows.labels}, label_name="label", verbosity=0)
    with threadpool_limits(limits=1):
        lab.find_issues(**evidence, issue_types={"label": {}})
    issues = lab.get_issues("label")
    seconds = time.process_time() - start
    return LabelIssues(
        -issues["label_score"].to_numpy(),
        issues["is_label_issue"].to_numpy(),
        issues["predicted_label"].to_numpy(),
        seconds,
    )


def vote(rows: LabelledRows) -> LabelIssues:
    """The share of the nearest that have another label; of labels that tie, the first counts."""
    start = time.process_time()
    of_neighbors = rows.labels[rows.neighbors.rows[:, :VOTERS]]
    votes = np.stack([(of_neighbors == label).mean(axis=1) for label in range(len(rows.classes))], axis=1)
    suggested = votes.argmax(axis=1)
    suspicion = 1 - votes[np.arange(len(votes)), rows.labels]
    return LabelIssues(suspicion, suggested != rows.labels, suggested, time.process_time() - start)
