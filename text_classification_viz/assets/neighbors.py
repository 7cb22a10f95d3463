"""`nearest_neighbors`: the one neighbor search, whose result every later stage uses."""

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON
from text_classification_viz.checks import LOW_RECALL, RECALL_CHECK, check_recall
from text_classification_viz.core.neighbors import Device, choose_method, find_neighbors, measure_recall
from text_classification_viz.resources import clear_failures


class NeighborsConfig(dg.Config):
    """Settings of the neighbor search."""

    n_neighbors: int = Field(
        default=100,
        ge=1,
        description="Neighbors of each row, itself excluded; fewer where there are fewer rows. The outlier "
        "report looks at 100, a t-SNE map at three per unit of perplexity.",
    )
    device: Device = Field(
        default="auto",
        description="Where this search runs: `cpu`, `cuda` (a GPU, by torch), or `auto`: a GPU where there is one "
        "and enough rows to be worth it.",
    )


@dg.asset(
    description="The nearest neighbors of each row by cosine similarity, nearest first, itself excluded.",
    kinds={"faiss", "parquet"},
    code_version="3",
    check_specs=[RECALL_CHECK],
    dagster_type=pa.Table,  # beside a check, Dagster reads no type from the annotation
    **COMMON,
)
@clear_failures()
def nearest_neighbors(
    context: dg.AssetExecutionContext, config: NeighborsConfig, train_vectors: np.ndarray
) -> dg.MaterializeResult:
    """Search the neighbors of all rows."""
    method = choose_method(len(train_vectors), config.device)
    neighbors = find_neighbors(train_vectors, config.n_neighbors, method=method, log=context.log)
    recall = measure_recall(train_vectors, neighbors)
    if recall < LOW_RECALL:
        context.log.warning(f"nearest neighbors: {recall:.1%} of the true ones were found by {method.value}")
    return dg.MaterializeResult(
        value=neighbors.to_table(),
        metadata={
            "neighbors_per_row": neighbors.rows.shape[1],
            "method": method.value,
            "device": method.device,
            "recall": recall,
            "mean_similarity_of_nearest": float(neighbors.similarities[:, 0].mean()),
        },
        check_results=[check_recall(recall)],
    )
