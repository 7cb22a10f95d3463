"""`nearest_neighbors`: the one neighbour search, whose result every later stage uses."""

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON
from text_classification_viz.checks import RECALL_CHECK, check_recall
from text_classification_viz.core.neighbors import find_neighbors, measure_recall
from text_classification_viz.storage.failures import clear_failures


class NeighborsConfig(dg.Config):
    """Settings of the neighbour search."""

    n_neighbors: int = Field(
        default=100,
        ge=1,
        description="Neighbours of each row, itself excluded; fewer where there are fewer rows. The outlier "
        "report looks at 100, a t-SNE map at three per unit of perplexity.",
    )


@dg.asset(
    description="The nearest neighbours of each row by cosine similarity, nearest first, itself excluded.",
    kinds={"faiss", "parquet"},
    code_version="1",
    check_specs=[RECALL_CHECK],
    dagster_type=pa.Table,  # beside a check, Dagster reads no type from the annotation
    **COMMON,
)
@clear_failures()
def nearest_neighbors(
    context: dg.AssetExecutionContext, config: NeighborsConfig, train_vectors: np.ndarray
) -> dg.MaterializeResult:
    """Search the neighbours of all rows."""
    neighbors = find_neighbors(train_vectors, config.n_neighbors, log=context.log)
    recall = measure_recall(train_vectors, neighbors)
    return dg.MaterializeResult(
        value=neighbors.to_table(),
        metadata={
            "neighbors_per_row": neighbors.rows.shape[1],
            "recall": recall,
            "mean_similarity_of_nearest": float(neighbors.similarities[:, 0].mean()),
        },
        check_results=[check_recall(recall)],
    )
