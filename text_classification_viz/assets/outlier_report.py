"""`outlier_report`: which labels deserve a second look, and why."""

import json
from collections import Counter

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from text_classification_viz.assets.common import COMMON, suspects_table
from text_classification_viz.core import outliers, tables
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.resources import clear_failures

LABEL_COUNTS = b"label_counts"  # key of the table's metadata: the classes, and `OutlierReport.label_counts`


class OutlierConfig(dg.Config):
    """Settings of the outlier report."""

    coverage: float = Field(
        default=0.95,
        gt=0,
        lt=1,
        description="Share of rows whose own label the candidate labels are to hold: higher makes more "
        "candidates and fewer contested rows.",
    )
    duplicate_similarity: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Cosine similarity from which two rows count as near duplicates.",
    )
    atypical_fraction: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the rows, the farthest from all others, called atypical.",
    )
    seed: int = Field(default=0, ge=0, description="The same input and seed give the same report.")


@dg.asset(
    description="One row per training row, ranked: 1 is the label to look at first. Kind, score, suggested "
    "label, candidate labels, the reason in a sentence, and the nearest neighbors as evidence. Rows in "
    "reviewed_labels are settled and come last.",
    kinds={"scipy", "parquet"},
    code_version="3",
    **COMMON,
)
@clear_failures()
def outlier_report(
    context: dg.AssetExecutionContext,
    config: OutlierConfig,
    train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
    reviewed_labels: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Score, sort into kinds, rank and give evidence."""
    neighbors = Neighbors.from_table(nearest_neighbors)
    report = outliers.outlier_report(
        train_df,
        train_vectors,
        neighbors.rows,
        neighbors.similarities,
        reviewed_labels,
        **config.model_dump(),
        log=context.log,
    )
    label_counts = {"classes": report.classes, "counts": report.label_counts.tolist()}
    open_rows = report.table.filter(pc.invert(report.table["reviewed"]))
    kinds = Counter(open_rows["kind"].to_pylist())
    return dg.MaterializeResult(
        value=report.table.replace_schema_metadata({LABEL_COUNTS: json.dumps(label_counts)}),
        metadata={
            **{f"rows_{kind}": kinds[kind] for kind in tables.OUTLIER_KINDS},
            "rows_reviewed": report.table.num_rows - open_rows.num_rows,
            "wrong_labels_expected": round(report.n_wrong_expected, 1),
            "look_at_first": suspects_table(open_rows),
        },
    )
