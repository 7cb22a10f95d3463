"""`class_overlap`: which classes run into each other."""

import json

import dagster as dg
import numpy as np
import pyarrow as pa

from text_classification_viz.assets.common import COMMON, labels_of, map_metadata, markdown_table
from text_classification_viz.assets.outlier_report import LABEL_COUNTS
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.label_model import NEAR, measure_class_overlap
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views.plots import draw_class_overlap

PAIRS_SHOWN = 15


@dg.asset(
    description="Each pair of classes: how far their texts run into each other, by the neighbors, and how many "
    "labels are mistaken for each other, by the noise model. The pairs to merge or to define more sharply first.",
    kinds={"matplotlib", "parquet"},
    code_version="2",
    **COMMON,
)
@clear_failures()
def class_overlap(
    data_root: dg.ResourceParam[DataRoot],
    corrected_train_df: pa.Table,
    nearest_neighbors: pa.Table,
    outlier_report: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Measure and draw the pairs; labels are those in force, and dropped rows do not count."""
    # An earlier version's report has none.
    expected = json.loads(outlier_report.schema.metadata.get(LABEL_COUNTS, '{"classes": []}'))
    classes, labels = np.unique(labels_of(corrected_train_df), return_inverse=True)
    if classes.tolist() != expected["classes"]:
        raise InputError(
            f"outlier_report: expected the {len(classes)} classes of corrected_train_df, found "
            f"{len(expected['classes'])} others, from before the last decisions or by an earlier version; "
            "materialize outlier_report again"
        )
    rows = corrected_train_df["embedding_row"].to_numpy()
    label_of_row = np.full(nearest_neighbors.num_rows, -1)
    label_of_row[rows] = labels
    neighbor_labels = label_of_row[Neighbors.from_table(nearest_neighbors).rows[rows, :NEAR]]
    overlap = measure_class_overlap(classes, labels, neighbor_labels, np.array(expected["counts"]))
    first = overlap.pairs.slice(0, PAIRS_SHOWN).to_pylist()
    return dg.MaterializeResult(
        value=overlap.pairs,
        metadata={
            "pairs_to_look_at_first": markdown_table(
                {
                    "classes": [f"{pair['class_a']} / {pair['class_b']}" for pair in first],
                    "overlap": [f"{pair['overlap']:.2f}" for pair in first],
                    "rows mistaken": [f"{pair['rows_mistaken']:.0f}" for pair in first],
                    "advice": [pair["advice"] for pair in first],
                }
            ),
            **map_metadata("class_overlap", draw_class_overlap(overlap), data_root),
        },
    )
