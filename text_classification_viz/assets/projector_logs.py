"""`projector_logs`: a TensorBoard run with our maps and the figures of all runs, and a page that opens on one."""

import shlex
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from text_classification_viz.assets.common import COMMON, config_of
from text_classification_viz.assets.projections import ROWS, Rows
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import (
    AnyPath,
    DataRoot,
    list_folder,
    newest_folder,
    published_folder,
    remove_old_folders,
)
from text_classification_viz.views.projector import EVENTS, Layout, projector_page, write_history, write_run

MAPS = {"umap_projection": "UMAP", "tsne_projection": "t-SNE"}
PAGE = "projector.html"
RUNS = "????-??-??_??-??-??_????????"  # how our runs are named; others in the folder are other people's
NAME_TIME = "%Y-%m-%d_%H-%M-%S"  # with which the name of a run begins
LAST = f"{EVENTS}*"  # without these a run is none for TensorBoard


class ProjectorConfig(dg.Config):
    """Settings of the TensorBoard run."""

    rows: Rows = Field(default="sample", description=ROWS)
    keep_hours: float = Field(
        default=14 * 24.0,
        gt=0,
        description="Older runs are removed, at most two at a time, and never the newest one. In hours.",
    )


@dg.asset(
    description="A TensorBoard run: in the Embedding Projector vectors, metadata, and the maps as bookmarks to "
    "click; in the other tabs figures and pictures of this run and those before it. Each materialization makes a "
    "new run, since TensorBoard does not notice one that changes. And a page, one file for any browser: the "
    "projector, open on the first map.",
    kinds={"tensorboard"},
    code_version="2",
    **COMMON,
)
@clear_failures()
def projector_logs(
    context: dg.AssetExecutionContext,
    config: ProjectorConfig,
    data_root: dg.ResourceParam[DataRoot],
    train_df: pa.Table,
    sampled_train_df: pa.Table,
    train_vectors: np.ndarray,
    umap_projection: pa.Table,
    tsne_projection: pa.Table,
    outlier_report: pa.Table,
) -> dg.MaterializeResult:
    """Write the run and the page, and remove old runs."""
    table = train_df if config.rows == "all" else sampled_train_df
    layouts, left_out = [], []
    for name, projection in zip(MAPS.values(), (umap_projection, tsne_projection), strict=True):
        layout = _layout_of(name, projection, table["id"])
        if layout is None:
            left_out.append(name)
            context.log.warning(f"The {name} map lacks some of the rows logged, so it is no bookmark")
        else:
            layouts.append(layout)
    vectors = train_vectors[table["embedding_row"].to_numpy()]
    run = (
        data_root.projector_runs
        / f"{time_of_new_run(data_root.projector_runs):{NAME_TIME}}_{context.run.run_id[:8]}"
    )
    with (
        published_folder(run, last=LAST) as folder,
        newest_folder(data_root.projector_runs, RUNS, LAST) as previous,  # their names begin with their time
    ):
        write_run(folder, vectors, _metadata_of(table, outlier_report), layouts, log=context.log)
        figures, pictures = _figures(context.instance), _pictures(data_root)
        step = write_history(folder, {"rows_shown": table.num_rows, **figures}, pictures, previous)
        page = projector_page(folder) if layouts else None
    page_path = "none, for there is no bookmark" if page is None else str(data_root.publish(PAGE, page))
    removed, left = remove_old_folders(data_root.projector_runs, RUNS, config.keep_hours)
    for name in left:
        context.log.warning(f"The old run {name} could not be removed; see to its permissions")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": table.num_rows,
            "page": dg.MetadataValue.path(page_path),
            "run": dg.MetadataValue.path(str(run)),
            "open_with": _how_to_open(run),
            "bookmarks": "; ".join(layout.label for layout in layouts) or "none",
            "maps_left_out": ", ".join(left_out) or "none",
            "step_in_history": step,
            "old_runs_removed": len(removed),
        }
    )


def time_of_new_run(runs: AnyPath) -> datetime:
    """Now, or a second after the newest run there.

    The last by name is the run that is served. Without this, a run made under a clock that was ahead would stay
    the last until that time has come.
    """
    times = [datetime.now(UTC)]
    for run in list_folder(runs):
        written, _, _ = run.name.rpartition("_")
        with suppress(ValueError, OverflowError):  # other people's names, and the end of the year 9999
            times.append(datetime.strptime(written, NAME_TIME).replace(tzinfo=UTC) + timedelta(seconds=1))
    return max(times)


def _how_to_open(run: AnyPath) -> str:
    """For the run and not for the folder of all runs, of which the projector would open the oldest."""
    if isinstance(run, Path):
        return f"tensorboard --logdir {shlex.quote(str(run))} --host 127.0.0.1"
    # The projector reads files of this machine only.
    copy = f"aws s3 cp --recursive {shlex.quote(str(run))} {run.name}"
    return f"{copy} && tensorboard --logdir {run.name} --host 127.0.0.1"


def _figures(instance: dg.DagsterInstance) -> dict[str, float]:
    """All numbers that Dagster keeps of the maps and the report as they are now, by `<asset>/<name>`."""
    figures = {}
    for asset in (*MAPS, "outlier_report"):
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        if event and event.asset_materialization:  # none where the tables were made with another instance
            for name, value in event.asset_materialization.metadata.items():
                if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) and value.value is not None:
                    figures[f"{asset}/{name.removeprefix('dagster/')}"] = float(value.value)
    return figures


def _pictures(data_root: DataRoot) -> dict[str, bytes]:
    """The published pictures of the maps."""
    pictures = {f"map/{name}": data_root.read(f"{asset}.png") for asset, name in MAPS.items()}
    return {tag: picture for tag, picture in pictures.items() if picture is not None}


def _layout_of(name: str, projection: pa.Table, ids: pa.ChunkedArray) -> Layout | None:
    """The coordinates of `ids`, in their order; None where the map lacks any of them."""
    rows = pc.index_in(ids, projection["id"])
    if rows.null_count:
        return None
    axes = [projection[axis].to_numpy() for axis in projection.column_names if axis in ("x", "y", "z")]
    _, supervision = config_of(projection)
    return Layout(f"{name} {len(axes)}D, {supervision}", np.column_stack(axes)[rows.to_numpy()])


def _metadata_of(table: pa.Table, outlier_report: pa.Table) -> pa.Table:
    """The columns that the projector shows; it labels points by the first."""
    outliers = outlier_report.take(pc.index_in(table["id"], outlier_report["id"]).combine_chunks())
    columns = ["headline", "class_label", "id", "category", "short_description"]
    return (
        table.select(columns)
        .append_column("outlier_kind", outliers["kind"])
        .append_column("outlier_score", outliers["score"])
    )
