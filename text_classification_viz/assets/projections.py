"""`umap_projection` and `tsne_projection`: the maps."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from text_classification_viz.assets.common import COMMON, labels_of, map_metadata, today
from text_classification_viz.checks import TSNE_QUALITY_CHECK, UMAP_QUALITY_CHECK, check_quality
from text_classification_viz.core.layouts import (
    Optimizer,
    compiled_walk,
    default_epochs,
    default_iterations,
    refine_tsne,
    refine_umap,
    tsne_layout,
    umap_layout,
)
from text_classification_viz.core.maps import (
    Fresh,
    KnownMap,
    MappedRows,
    Refresh,
    continue_map,
    measure_quality,
)
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.resources import DamagedResult, NotPublished, clear_failures, read_result
from text_classification_viz.storage.compiled_cache import keep_compiled
from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views.plots import draw_changes, draw_map

Rows = Literal["all", "sample"]
ROWS = "all: every training row. sample: those of sampled_train_df."
N_COMPONENTS = "Axes of the map: 2 or 3."
SEED = "The same input and seed give the same map."
ALIGN_TO_PREVIOUS = (
    "Continue the last published map, so that clusters stay where people remember them: known rows keep their "
    "place, new ones go beside their neighbors, and the whole is refined once a tenth of the rows has changed. "
    "Other settings or another width of the vectors start afresh. false: always start afresh."
)
QUALITY_ROWS = 500  # trustworthiness to about ±.004


class UmapConfig(dg.Config):
    """Settings of the UMAP map."""

    rows: Rows = Field(default="all", description=ROWS)
    n_components: int = Field(default=2, ge=2, le=3, description=N_COMPONENTS)
    n_neighbors: int = Field(
        default=10,
        ge=2,
        description="Neighbors that shape a row's surroundings, itself counted as in umap-learn. Few show "
        "fine structure, many the broad one. They are chosen among half as many again, those first that share "
        "neighbors with the row; by the optimizer umap-learn, the nearest.",
    )
    min_dist: float = Field(
        default=0.1, ge=0, le=1, description="Least distance between points: 0 packs clusters tightly."
    )
    n_epochs: int | None = Field(
        default=None,
        ge=1,
        description="Rounds of the optimizer. Left out: 200 of the sequential one, or more of fewer than 10,000 "
        "rows, which make a map as good as 500 of umap-learn's; and those 500 with umap-learn.",
    )
    optimizer: Optimizer = Field(
        default="sequential",
        description="sequential: in a fourteenth of the time, and the same bytes on every run. umap-learn: the "
        "reference.",
    )
    target_weight: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="0: labels play no part. Above: they pull rows of one class together, up to 1. Then the "
        "map is no evidence that the vectors tell the classes apart.",
    )
    seed: int = Field(default=0, ge=0, description=SEED)
    align_to_previous: bool = Field(default=True, description=ALIGN_TO_PREVIOUS)


class TsneConfig(dg.Config):
    """Settings of the t-SNE map."""

    rows: Rows = Field(default="sample", description=ROWS)
    n_components: int = Field(default=2, ge=2, le=3, description=N_COMPONENTS)
    perplexity: float = Field(
        default=5.0,
        gt=1,
        description="Effective number of neighbors of a row; three per unit are taken from nearest_neighbors.",
    )
    supervision: float = Field(
        default=25.0,
        ge=0,
        le=100,
        description="Percent by which labels pull rows of one class together, as the Embedding Projector does "
        "it. 0: none. Above 0 the map is no evidence that the vectors tell the classes apart.",
    )
    n_iter: int | None = Field(
        default=None,
        ge=3,
        description="Iterations in all, early exaggeration included. Left out: 300 of a supervised map, and 100 "
        "of one without supervision, which starts from the UMAP layout and needs no more.",
    )
    learning_rate: Any = Field(
        default="auto",
        description="auto, which is rows / exaggeration, or a number above 0. The Embedding Projector's slider "
        "value 1 is on another scale and would hardly move the points here.",
    )
    seed: int = Field(default=0, ge=0, description=SEED)
    align_to_previous: bool = Field(default=True, description=ALIGN_TO_PREVIOUS)

    @field_validator("learning_rate")
    @classmethod
    def _auto_or_number(cls, value: Any) -> Any:
        if value == "auto" or (isinstance(value, int | float) and value > 0):
            return value
        raise ValueError(f"expected auto or a number above 0, found {value!r}")


@dg.asset(
    description="UMAP map of the training rows: id, class label, coordinates.",
    kinds={"umap", "parquet"},
    code_version="3",
    check_specs=[UMAP_QUALITY_CHECK],
    dagster_type=pa.Table,  # beside a check, Dagster reads no type from the annotation
    **COMMON,
)
@clear_failures()
def umap_projection(
    context: dg.AssetExecutionContext,
    config: UmapConfig,
    data_root: dg.ResourceParam[DataRoot],
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
) -> dg.MaterializeResult:
    """Lay out all rows, or the sample, by UMAP."""
    rows = _choose_rows(config.rows, train_df, sampled_train_df, train_vectors, nearest_neighbors)
    shared: dict[str, Any] = {
        **config.model_dump(include={"n_neighbors", "min_dist", "target_weight", "seed"}),
        "log": context.log,
    }

    def lay_out() -> np.ndarray:
        keep_compiled(compiled_walk(), context.log)
        own = config.model_dump(include={"n_components", "n_epochs", "optimizer"})
        return umap_layout(rows.vectors, rows.neighbors, rows.labels, **own | shared)

    def refine(start: np.ndarray) -> np.ndarray:
        keep_compiled(compiled_walk(), context.log)
        return refine_umap(start, rows.vectors, rows.neighbors, rows.labels, **shared)

    supervised = (
        f"supervised by label (weight {config.target_weight:g})" if config.target_weight else "unsupervised"
    )
    n_epochs = config.n_epochs or default_epochs(len(rows.ids), config.optimizer)
    parameters = (
        f"{supervised}, {config.n_neighbors} neighbors, min_dist {config.min_dist:g}, {n_epochs} epochs "
        f"({config.optimizer})"
    )
    return _make_map(
        context,
        data_root,
        config,
        rows,
        lay_out,
        refine,
        "UMAP",
        parameters,
        shaped_by_labels=config.target_weight > 0,
    )


@dg.asset(
    description="t-SNE map, by default of the sample and supervised by label: id, class label, coordinates.",
    kinds={"tsne", "parquet"},
    code_version="4",
    check_specs=[TSNE_QUALITY_CHECK],
    dagster_type=pa.Table,
    **COMMON,
)
@clear_failures()
def tsne_projection(
    context: dg.AssetExecutionContext,
    config: TsneConfig,
    data_root: dg.ResourceParam[DataRoot],
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
) -> dg.MaterializeResult:
    """Lay out the sample, or all rows, by t-SNE."""
    rows = _choose_rows(config.rows, train_df, sampled_train_df, train_vectors, nearest_neighbors)
    shared: dict[str, Any] = {
        **config.model_dump(include={"perplexity", "supervision", "seed"}),
        "learning_rate": None if config.learning_rate == "auto" else float(config.learning_rate),
        "log": context.log,
    }

    def lay_out() -> np.ndarray:
        if not config.supervision:  # then it starts from a UMAP layout
            keep_compiled(compiled_walk(), context.log)
        own = config.model_dump(include={"n_components", "n_iter"})
        return tsne_layout(rows.vectors, rows.neighbors, rows.labels, **own | shared)

    def refine(start: np.ndarray) -> np.ndarray:
        return refine_tsne(start, rows.vectors, rows.neighbors, rows.labels, **shared)

    supervised = f"supervised by label ({config.supervision:g} %)" if config.supervision else "unsupervised"
    n_iter = config.n_iter or default_iterations(config.supervision)
    parameters = f"{supervised}, perplexity {config.perplexity:g}, {n_iter} iterations"
    return _make_map(
        context,
        data_root,
        config,
        rows,
        lay_out,
        refine,
        "t-SNE",
        parameters,
        shaped_by_labels=config.supervision > 0,
    )


def _choose_rows(
    rows: Rows, train_df: pa.Table, sample: pa.Table, vectors: np.ndarray, nearest_neighbors: pa.Table
) -> MappedRows:
    """All rows, or the sample; neighbors within a sample are searched anew."""
    table = train_df
    neighbors = Neighbors.from_table(nearest_neighbors)
    if rows == "sample":
        table = sample
        vectors = vectors[sample["embedding_row"].to_numpy()]
        neighbors = find_neighbors(vectors, neighbors.rows.shape[1])
    return MappedRows(table["id"].to_numpy(), labels_of(table), vectors, neighbors)


def _make_map(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    config: UmapConfig | TsneConfig,
    rows: MappedRows,
    lay_out: Callable[[], np.ndarray],
    refine: Callable[[np.ndarray], np.ndarray],
    method: str,
    parameters: str,
    *,
    shaped_by_labels: bool,
) -> dg.MaterializeResult:
    """Continue the last map or lay out a new one; measure and draw it."""
    asset = context.asset_key.to_user_string()
    settings = config.model_dump(exclude={"align_to_previous"})
    last = _last_map(asset, data_root, config.align_to_previous)
    if isinstance(last, KnownMap):
        refresh = continue_map(last, rows, settings, refine, shaped_by_labels=shaped_by_labels, seed=config.seed)
    else:
        refresh = last
    if isinstance(refresh, Fresh):
        projection = KnownMap.of(rows, lay_out(), settings)
        changes: dict[str, Any] = {"made": f"afresh: {refresh.reason}"}
    else:
        projection = refresh.map
        changes = {
            "made": "the last map, refined" if refresh.refined else "the last map, new rows placed",
            "rows_known": int(refresh.is_known.sum()),
            "rows_new": int((~refresh.is_known).sum()),
            "rows_gone": len(refresh.gone),
            "median_displacement_percent": float(np.median(refresh.displacements)),
            **_changes_picture(asset, method, refresh, data_root),
        }
    context.log.info(f"{method}: {changes['made']}")
    layout = projection.coordinates
    quality = measure_quality(rows.vectors, rows.neighbors, rows.labels, layout, n_sampled=QUALITY_ROWS)
    pictures = draw_map(layout, rows.labels, f"{method} of {len(layout):,} training rows", parameters, today())
    return dg.MaterializeResult(
        value=projection.to_table(),
        metadata={
            "parameters": parameters,
            **changes,
            **dataclasses.asdict(quality),
            **map_metadata(asset, pictures, data_root),
        },
        check_results=[check_quality(quality)],
    )


def _changes_picture(
    asset: str, method: str, refresh: Refresh, data_root: DataRoot
) -> dict[str, dg.MetadataValue]:
    """Metadata that shows what changed since the last map, if anything did."""
    if refresh.is_known.all() and not len(refresh.gone) and not refresh.refined:
        return {}
    moved = refresh.displacements
    pictures = draw_changes(
        refresh.placed,
        refresh.map.coordinates,
        refresh.is_known,
        refresh.gone,
        f"What changed: {method} of {len(refresh.placed):,} training rows",
        f"known rows moved by {np.median(moved):.1f} % of the map (median), 1 % of them by more than "
        f"{np.percentile(moved, 99):.1f} %",
        today(),
    )
    metadata = map_metadata(f"{asset}_changes", pictures, data_root)
    return {"changes_map": metadata["map"], "changes_full_picture": metadata["full_picture"]}


def _last_map(asset: str, data_root: DataRoot, align_to_previous: bool) -> KnownMap | Fresh:
    if not align_to_previous:
        return Fresh("align_to_previous is off")
    try:
        table, _ = read_result(data_root.tables, asset)
    except NotPublished:
        return Fresh("there is no last map")
    except DamagedResult as error:
        return Fresh(f"the last map cannot be read ({error})")
    try:
        return KnownMap.from_table(table)
    except (ValueError, KeyError, TypeError) as error:  # what it says of itself is damaged
        return Fresh(f"the last map cannot be read ({error})")
