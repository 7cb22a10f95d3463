"""The published table of the outlier report.

Scope: columns and order. What stands in them was found elsewhere.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.list_columns import likeliest_first, lists_like
from text_classification_viz.core.outliers.findings import Findings
from text_classification_viz.core.outliers.reasons import reason_of_decision, reasons
from text_classification_viz.core.tables import (
    EVIDENCE_CHARACTERS,
    EVIDENCE_NEIGHBORS,
    OUTLIER_REPORT,
    QUESTIONS_THE_LABEL,
)

_UNRANKED = pa.schema([field for field in OUTLIER_REPORT if field.name != "rank"])


def report_table(
    train_df: pa.Table, kept: np.ndarray, findings: Findings, kinds: np.ndarray, reviewed: pa.Table
) -> pa.Table:
    """Table of schema `OUTLIER_REPORT`, one row for each of `train_df`, by rank.

    Open rows come first, the likeliest wrong label at their head; then those decided on, and last those dropped.

    Parameters
    ----------
    train_df
        The training set as upstream has it.
    kept
        Rows of it that nobody has dropped, (m,) ascending.
    findings, kinds
        What was found of these, and the kind of each, (m,).
    reviewed
        Decisions, schema `REVIEWED_LABELS`.
    """
    dropped = np.setdiff1d(np.arange(train_df.num_rows), kept)
    scored = _scored_rows(train_df.take(kept), findings, kinds)
    table = pa.concat_tables([scored, _dropped_rows(train_df.take(dropped))])
    decision = pc.index_in(table["id"], reviewed["id"]).combine_chunks()
    told = pa.array([reason_of_decision(**row) for row in reviewed.to_pylist()], pa.string()).take(decision)
    table = table.set_column(
        table.column_names.index("reason"), _UNRANKED.field("reason"), pc.coalesce(told, table["reason"])
    )
    ranks = pa.array(np.arange(1, table.num_rows + 1), pa.int32())
    return table.add_column(OUTLIER_REPORT.get_field_index("rank"), OUTLIER_REPORT.field("rank"), ranks)


def _scored_rows(train_df: pa.Table, findings: Findings, kinds: np.ndarray) -> pa.Table:
    order = np.lexsort([-findings.noise.wrong_log_odds, findings.decided])
    classes, noise, neighbors = findings.classes, findings.noise, findings.neighbors
    nearest = neighbors.rows[order, :EVIDENCE_NEIGHBORS]
    suggested = np.where(kinds == "ambiguous", findings.other_topic, findings.noise.suggested)
    rows = np.arange(len(kinds))
    wins = noise.true_probabilities[rows, suggested] > noise.true_probabilities[rows, findings.labels]
    is_suggested = (np.isin(kinds, QUESTIONS_THE_LABEL) | wins) & ~findings.decided
    is_candidate = findings.candidates.copy()
    is_candidate[is_suggested, suggested[is_suggested]] = True
    candidates, probabilities = likeliest_first(is_candidate[order], noise.given_probabilities[order], classes)
    tally_labels, tally_counts = likeliest_first(findings.tally[order] > 0, findings.tally[order], classes)
    return pa.table(
        {
            "id": findings.ids[order],
            "kind": kinds[order],
            "score": noise.wrong_probabilities[order].astype(np.float32),
            "class_label": train_df["class_label"].take(order),
            "suggested_label": pa.array(classes[suggested[order]], mask=~is_suggested[order]),
            "candidate_labels": candidates,
            "candidate_probabilities": probabilities,
            "two_topics": findings.two_topics[order].astype(np.float32),
            "reason": pa.array(reasons(findings, kinds)).take(order),
            "tally_labels": tally_labels,
            "tally_counts": tally_counts,
            "neighbor_ids": lists_like(nearest, findings.ids[nearest].ravel()),
            "neighbor_labels": lists_like(nearest, classes[findings.labels[nearest]].ravel()),
            # Cut first: a long one that is many rows' neighbor would be there as often.
            "neighbor_headlines": lists_like(
                nearest,
                pc.utf8_slice_codeunits(train_df["headline"], 0, EVIDENCE_CHARACTERS).take(nearest.ravel()),
            ),
            "neighbor_similarities": lists_like(
                nearest, neighbors.similarities[order, :EVIDENCE_NEIGHBORS].ravel()
            ),
            "duplicate_of": pa.array(
                findings.ids[findings.duplicates.representatives[order]], mask=~findings.is_copy[order]
            ),
            "label_conflict": findings.duplicates.conflicts[order],
            "headline": train_df["headline"].take(order),
            "short_description": train_df["short_description"].take(order),
            "reviewed": findings.decided[order],
        },
        schema=_UNRANKED,
    )


def _dropped_rows(train_df: pa.Table) -> pa.Table:
    """Rows that are not scored and have no evidence: they are no longer part of the training set."""
    known: dict[str, Any] = {
        name: train_df[name] for name in ("id", "class_label", "headline", "short_description")
    }
    settled = {
        "kind": "none",
        "score": 0.0,
        "two_topics": 0.0,
        "reason": "",
        "label_conflict": False,
        "reviewed": True,
    }
    columns = []
    for field in _UNRANKED:
        if field.name in known:
            columns.append(known[field.name])
        elif field.name in settled:
            columns.append(pa.repeat(pa.scalar(settled[field.name], field.type), train_df.num_rows))
        elif pa.types.is_list(field.type):
            columns.append(pa.array([[]] * train_df.num_rows, field.type))
        else:
            columns.append(pa.nulls(train_df.num_rows, field.type))
    return pa.table(columns, schema=_UNRANKED)
