"""Reports and maps with known answers that the tests of the triage page share."""

import numpy as np
import pyarrow as pa

from text_classification_viz.core.tables import OUTLIER_REPORT, projection_schema
from text_classification_viz.views.triage_page import PageMap

CLASSES = ("ART", "SPORT", "WEATHER")
CENTRES = np.array([[-10.0, -5.0], [10.0, -5.0], [0.0, 5.0]])
FIRST_ID = 2**53 + 1  # which JavaScript's numbers cannot tell from 2^53


def report_of(n_rows=90, n_mislabelled=9, classes=CLASSES, **columns):
    """A report whose first rows are mislabelled, by rank, and the others have no finding.

    Row i has class i mod 3, and where it is mislabelled, the next class as suggestion; its neighbors are the
    five rows after it, and it is 20 % of its own class. `columns` replace those named.
    """
    rows = np.arange(n_rows)
    label_of = np.array(classes, dtype=object)[rows % len(classes)]
    next_label_of = np.array(classes, dtype=object)[(rows + 1) % len(classes)]
    neighbors = (rows[:, None] + np.arange(1, 6)) % n_rows
    found = rows < n_mislabelled
    headlines = [f"headline {row}" for row in rows]
    table = {
        "id": FIRST_ID + rows,
        "rank": rows + 1,
        "kind": np.where(found, "mislabelled", "none"),
        "score": np.linspace(1, 0, n_rows),
        "class_label": label_of,
        "suggested_label": np.where(found, next_label_of, None),
        "candidate_labels": [[suggested, own] for suggested, own in zip(next_label_of, label_of, strict=True)],
        "candidate_probabilities": [[0.75, 0.2]] * n_rows,
        "two_topics": np.zeros(n_rows),
        "reason": np.where(found, "Its neighbors have another label.", ""),
        "tally_labels": [[suggested, own] for suggested, own in zip(next_label_of, label_of, strict=True)],
        "tally_counts": [[40, 10]] * n_rows,
        "neighbor_ids": list(FIRST_ID + neighbors),
        "neighbor_labels": list(label_of[neighbors]),
        "neighbor_headlines": [[headlines[row] for row in of_row] for of_row in neighbors],
        "neighbor_similarities": [[0.9, 0.8, 0.7, 0.6, 0.5]] * n_rows,
        "duplicate_of": [None] * n_rows,
        "label_conflict": [False] * n_rows,
        "headline": headlines,
        "short_description": [f"description {row}" for row in rows],
        "reviewed": [False] * n_rows,
        **columns,
    }
    return pa.table(
        {field.name: pa.array(table[field.name], field.type) for field in OUTLIER_REPORT}, schema=OUTLIER_REPORT
    )


def map_of(report, name="UMAP", turned=False, n_components=2):
    """A map on which each class is a small cluster around its place in `CENTRES`."""
    labels = report["class_label"].to_pylist()
    codes = np.array([sorted(set(labels)).index(label) for label in labels])
    coordinates = CENTRES[codes % len(CENTRES)] + np.random.default_rng(0).normal(scale=0.4, size=(len(codes), 2))
    if turned:
        coordinates = coordinates[:, ::-1]
    axes = [*coordinates.T, codes][:n_components]
    table = pa.table(
        [report["id"], report["class_label"], *(np.asarray(axis, np.float32) for axis in axes)],
        schema=projection_schema(n_components),
    )
    return PageMap(name, f"parameters of {name}", table)
