"""`outlier_report`: which labels deserve a second look, and why."""

from collections import Counter

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON, markdown_table
from text_classification_viz.core import outliers, tables
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.storage.failures import clear_failures

ROWS_SHOWN = 20
HEADLINE_CHARACTERS = 90


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
    "label, candidate labels, and the nearest neighbours as evidence.",
    kinds={"scipy", "parquet"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def outlier_report(
    context: dg.AssetExecutionContext,
    config: OutlierConfig,
    train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Score, sort into kinds, rank and give evidence."""
    neighbors = Neighbors.from_table(nearest_neighbors)
    report = outliers.outlier_report(
        train_df,
        train_vectors,
        neighbors.rows,
        neighbors.similarities,
        **config.model_dump(),
        log=context.log,
    )
    kinds = Counter(report.table["kind"].to_pylist())
    return dg.MaterializeResult(
        value=report.table,
        metadata={
            **{f"rows_{kind}": kinds[kind] for kind in tables.OUTLIER_KINDS},
            "look_at_first": _first_rows(report.table),
        },
    )


def _first_rows(table: pa.Table) -> dg.MarkdownMetadataValue:
    first = table.slice(0, ROWS_SHOWN)
    shown = {name: first[name].to_pylist() for name in ("rank", "id", "kind", "class_label", "suggested_label")}
    shown["headline"] = [(headline or "")[:HEADLINE_CHARACTERS] for headline in first["headline"].to_pylist()]
    return markdown_table(shown)
