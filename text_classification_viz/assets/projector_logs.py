"""`projector_logs`: a TensorBoard run whose Embedding Projector opens with our maps as bookmarks."""

import json
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from text_classification_viz.assets.common import COMMON
from text_classification_viz.assets.projections import ROWS, Rows
from text_classification_viz.core.projector import Layout, write_run
from text_classification_viz.storage.data_root import DataRoot
from text_classification_viz.storage.failures import clear_failures
from text_classification_viz.storage.publishing import published_folder, remove_old_folders


class ProjectorConfig(dg.Config):
    """Settings of the TensorBoard run."""

    rows: Rows = Field(default="sample", description=ROWS)
    keep_hours: float = Field(
        default=14 * 24.0, gt=0, description="Older runs are removed, but never the newest one. In hours."
    )


@dg.asset(
    description="A TensorBoard Embedding Projector run: vectors, metadata, and the maps as bookmarks to click. "
    "Each materialization makes a new run, since TensorBoard does not notice one that changes.",
    kinds={"tensorboard"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def projector_logs(
    context: dg.AssetExecutionContext,
    config: ProjectorConfig,
    data_root: DataRoot,
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    umap_projection: pa.Table,
    tsne_projection: pa.Table,
    outlier_report: pa.Table,
) -> dg.MaterializeResult:
    """Write the run and remove old ones."""
    table = train_df if config.rows == "all" else sampled_train_df
    layouts, left_out = [], []
    for name, projection in {"UMAP": umap_projection, "t-SNE": tsne_projection}.items():
        layout = _layout_of(name, projection, table["id"])
        if layout is None:
            left_out.append(name)
            context.log.warning(f"The {name} map lacks some of the rows logged, so it is no bookmark")
        else:
            layouts.append(layout)
    vectors = train_vectors[table["embedding_row"].to_numpy()]
    run = data_root.projector_runs / f"{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}_{context.run.run_id[:8]}"
    with published_folder(run) as folder:
        write_run(folder, vectors, _metadata_of(table, outlier_report), layouts, log=context.log)
    removed = remove_old_folders(data_root.projector_runs, config.keep_hours)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": table.num_rows,
            "run": dg.MetadataValue.path(str(run)),
            # The run and not the folder of all runs, of which the projector would open the oldest.
            "open_with": f"tensorboard --logdir {run} --host 127.0.0.1",
            "bookmarks": "; ".join(layout.label for layout in layouts) or "none",
            "maps_left_out": ", ".join(left_out) or "none",
            "old_runs_removed": len(removed),
        }
    )


def _layout_of(name: str, projection: pa.Table, ids: pa.ChunkedArray) -> Layout | None:
    """The coordinates of `ids`, in their order; None where the map lacks any of them."""
    rows = pc.index_in(ids, projection["id"])
    if rows.null_count:
        return None
    axes = [projection[axis].to_numpy() for axis in projection.column_names if axis in ("x", "y", "z")]
    config = json.loads(projection.schema.metadata[b"config"])
    supervised = config.get("target_weight") or config.get("supervision")
    label = f"{name} {len(axes)}D, {'supervised by label' if supervised else 'unsupervised'}"
    return Layout(label, np.column_stack(axes)[rows.to_numpy()])


def _metadata_of(table: pa.Table, outlier_report: pa.Table) -> pa.Table:
    """The columns that the projector shows; it labels points by the first."""
    outliers = outlier_report.take(pc.index_in(table["id"], outlier_report["id"]).combine_chunks())
    columns = ["headline", "class_label", "id", "category", "short_description"]
    return (
        table.select(columns)
        .append_column("outlier_kind", outliers["kind"])
        .append_column("outlier_score", outliers["score"])
    )
