"""The one Definitions object: every asset, check, job, schedule, sensor and resource.

Nothing else belongs here.
"""

from pathlib import Path

import dagster as dg

from text_classification_viz import automation, checks, crashed_runs, retention, settings
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
from text_classification_viz.resources import ResultsIOManager, UpstreamIOManager
from text_classification_viz.sources import UPSTREAM_CLASS
from text_classification_viz.storage.publishing import AnyPath, DataRoot


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


DATA_ROOT = settings.data_root()

defs = build_definitions(
    data_root=DATA_ROOT,
    upstream_storage=settings.upstream_storage(DATA_ROOT),
    label_transform_class=settings.label_transform_class(),
)
