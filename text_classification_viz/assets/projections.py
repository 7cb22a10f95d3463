"""`umap_projection` and `tsne_projection`: the maps."""

from typing import Any, Literal

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from text_classification_viz.assets.common import COMMON, labels_of, map_metadata
from text_classification_viz.core import tables
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.plots import draw_map
from text_classification_viz.core.tsne import tsne_layout
from text_classification_viz.core.umap import umap_layout
from text_classification_viz.storage.data_root import DataRoot
from text_classification_viz.storage.failures import clear_failures

Rows = Literal["all", "sample"]
ROWS = "all: every training row. sample: those of sampled_train_df."
N_COMPONENTS = "Axes of the map: 2 or 3."
SEED = "The same input and seed give the same map."


class UmapConfig(dg.Config):
    """Settings of the UMAP map."""

    rows: Rows = Field(default="all", description=ROWS)
    n_components: int = Field(default=2, ge=2, le=3, description=N_COMPONENTS)
    n_neighbors: int = Field(
        default=10,
        ge=2,
        description="Neighbours that shape a row's surroundings, itself counted as in umap-learn. Few show "
        "fine structure, many the broad one.",
    )
    min_dist: float = Field(
        default=0.1, ge=0, le=1, description="Least distance between points: 0 packs clusters tightly."
    )
    n_epochs: int = Field(default=500, ge=1, description="Rounds of the optimiser.")
    target_weight: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="0: labels play no part. Above: they pull rows of one class together, up to 1. Then the "
        "map is no evidence that the vectors tell the classes apart.",
    )
    seed: int = Field(default=0, ge=0, description=SEED)


class TsneConfig(dg.Config):
    """Settings of the t-SNE map."""

    rows: Rows = Field(default="sample", description=ROWS)
    n_components: int = Field(default=2, ge=2, le=3, description=N_COMPONENTS)
    perplexity: float = Field(
        default=5.0,
        gt=1,
        description="Effective number of neighbours of a row; three per unit are taken from nearest_neighbors.",
    )
    supervision: float = Field(
        default=25.0,
        ge=0,
        le=100,
        description="Percent by which labels pull rows of one class together, as the Embedding Projector does "
        "it. 0: none. Above 0 the map is no evidence that the vectors tell the classes apart.",
    )
    n_iter: int = Field(default=300, ge=3, description="Iterations in all, early exaggeration included.")
    learning_rate: Any = Field(
        default="auto",
        description="auto, which is rows / exaggeration, or a number above 0. The Embedding Projector's slider "
        "value 1 is on another scale and would hardly move the points here.",
    )
    seed: int = Field(default=0, ge=0, description=SEED)

    @field_validator("learning_rate")
    @classmethod
    def _auto_or_number(cls, value: Any) -> Any:
        if value == "auto" or (isinstance(value, int | float) and value > 0):
            return value
        raise ValueError(f"expected auto or a number above 0, found {value!r}")


@dg.asset(
    description="UMAP map of the training rows: id, class label, coordinates.",
    kinds={"umap", "parquet"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def umap_projection(
    context: dg.AssetExecutionContext,
    config: UmapConfig,
    data_root: DataRoot,
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Lay out all rows, or the sample, by UMAP."""
    table, vectors, neighbors = _choose_rows(
        config.rows, train_df, sampled_train_df, train_vectors, nearest_neighbors
    )
    settings = config.model_dump(exclude={"rows"})
    layout = umap_layout(vectors, neighbors, labels_of(table), **settings, log=context.log)
    supervised = (
        f"supervised by label (weight {config.target_weight:g})" if config.target_weight else "unsupervised"
    )
    parameters = f"{config.n_neighbors} neighbours, min_dist {config.min_dist:g}, {config.n_epochs} epochs"
    return _projection("umap_projection", "UMAP", table, layout, f"{supervised}, {parameters}", data_root)


@dg.asset(
    description="t-SNE map, by default of the sample and supervised by label: id, class label, coordinates.",
    kinds={"tsne", "parquet"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def tsne_projection(
    context: dg.AssetExecutionContext,
    config: TsneConfig,
    data_root: DataRoot,
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Lay out the sample, or all rows, by t-SNE."""
    table, vectors, neighbors = _choose_rows(
        config.rows, train_df, sampled_train_df, train_vectors, nearest_neighbors
    )
    settings = config.model_dump(exclude={"rows", "learning_rate"})
    learning_rate = None if config.learning_rate == "auto" else float(config.learning_rate)
    layout = tsne_layout(
        vectors, neighbors, labels_of(table), **settings, learning_rate=learning_rate, log=context.log
    )
    supervised = f"supervised by label ({config.supervision:g} %)" if config.supervision else "unsupervised"
    parameters = f"perplexity {config.perplexity:g}, {config.n_iter} iterations"
    return _projection("tsne_projection", "t-SNE", table, layout, f"{supervised}, {parameters}", data_root)


def _choose_rows(
    rows: Rows, train_df: pa.Table, sample: pa.Table, vectors: np.ndarray, nearest_neighbors: pa.Table
) -> tuple[pa.Table, np.ndarray, Neighbors]:
    """The table, vectors and neighbours to lay out; neighbours within a sample are searched anew."""
    all_neighbors = Neighbors.from_table(nearest_neighbors)
    if rows == "all":
        return train_df, vectors, all_neighbors
    sampled_vectors = vectors[sample["embedding_row"].to_numpy()]
    return sample, sampled_vectors, find_neighbors(sampled_vectors, all_neighbors.rows.shape[1])


def _projection(
    asset: str, method: str, table: pa.Table, layout: np.ndarray, parameters: str, data_root: DataRoot
) -> dg.MaterializeResult[pa.Table]:
    n, n_components = layout.shape
    projection = pa.table(
        [table["id"], table["class_label"], *layout.T], schema=tables.projection_schema(n_components)
    )
    pictures = draw_map(layout, labels_of(table), f"{method} of {n:,} training rows", parameters)
    return dg.MaterializeResult(
        value=projection,
        metadata={"parameters": parameters, **map_metadata(asset, pictures, data_root)},
    )
