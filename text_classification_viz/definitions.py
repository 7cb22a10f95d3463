"""The one Definitions object: every asset, check, job, schedule, sensor and resource.

Nothing else belongs here but how a process that has loaded it ends.
"""

import atexit
import gc
import os
from pathlib import Path

import dagster as dg

from text_classification_viz import automation, checks, crashed_runs, retention
from text_classification_viz.assets import (
    batches,
    class_overlap,
    current_state,
    neighbors,
    outlier_report,
    projections,
    projector_logs,
    review_gain,
    reviews,
    row_changes,
    sample,
    suspect_map,
    training_data,
    triage_page,
    upstream,
    validation,
)
from text_classification_viz.core.errors import InputError
from text_classification_viz.resources import ResultsIOManager, UpstreamIOManager
from text_classification_viz.sources import UPSTREAM_CLASS
from text_classification_viz.storage.publishing import AnyPath, DataRoot, bucket_and_prefix

CHECKOUT = Path(__file__).resolve().parents[1]


def build_definitions(
    data_root: AnyPath, upstream_storage: Path, label_transform_class: str = UPSTREAM_CLASS
) -> dg.Definitions:
    """Make the Definitions that read from `upstream_storage` and publish under `data_root`."""
    root = DataRoot(data_root)
    return dg.Definitions(
        assets=[
            *upstream.upstream_assets,
            training_data.training_data,
            sample.sampled_train_df,
            neighbors.nearest_neighbors,
            projections.umap_projection,
            projections.tsne_projection,
            reviews.reviewed_labels,
            reviews.corrected_train_df,
            outlier_report.outlier_report,
            class_overlap.class_overlap,
            review_gain.review_gain,
            reviews.label_studio_tasks,
            row_changes.row_changes,
            suspect_map.suspect_map,
            triage_page.triage_page,
            projector_logs.projector_logs,
            validation.validation_data,
            validation.validation,
            batches.batch,
            current_state.current_state,
        ],
        asset_checks=checks.asset_checks,
        jobs=[automation.visualization_job, automation.review_job, automation.batch_job, retention.retention_job],
        schedules=[automation.visualization_schedule, retention.retention_schedule],
        sensors=[
            automation.upstream_sensor,
            automation.reviews_sensor,
            automation.incoming_sensor,
            crashed_runs.crashed_runs_sensor,
        ],
        # A process for each step would cost seconds for each; a larger deployment sets its own executor.
        executor=dg.in_process_executor,
        resources={
            "data_root": root,
            "io_manager": ResultsIOManager(root.tables),
            upstream.UPSTREAM_IO_MANAGER: UpstreamIOManager(upstream_storage, label_transform_class),
        },
    )


def data_root_of(setting: str | None) -> AnyPath:
    """DATA_ROOT as it is set: s3://bucket/prefix, or a folder."""
    if setting and "://" in setting:
        return bucket_and_prefix(setting)
    return Path(setting or CHECKOUT / "data").expanduser().absolute()


def upstream_storage_of(setting: str | None, data_root: AnyPath) -> Path:
    """UPSTREAM_STORAGE as it is set, which must be where DATA_ROOT is no folder of this machine."""
    if "://" in (setting or str(data_root)):
        found = "a URL" if setting else f"none set, and DATA_ROOT is {data_root}"
        raise InputError(
            f"UPSTREAM_STORAGE: expected a folder of this machine, found {found}; set it to where the upstream "
            "project keeps its files"
        )
    return Path(setting or str(data_root / "storage")).expanduser().absolute()


DATA_ROOT = data_root_of(os.environ.get("DATA_ROOT"))

defs = build_definitions(
    data_root=DATA_ROOT,
    upstream_storage=upstream_storage_of(os.environ.get("UPSTREAM_STORAGE"), DATA_ROOT),
    label_transform_class=os.environ.get("LABEL_TRANSFORM_CLASS") or UPSTREAM_CLASS,
)

# A run's process is searched for cycles once more at its very end, which takes over a second and frees what ends
# with the process anyway.
atexit.register(gc.freeze)
