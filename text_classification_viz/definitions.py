"""The one Definitions object: every asset, check, job, schedule, sensor and resource, and nothing else."""

import os
from pathlib import Path

import dagster as dg

from text_classification_viz import automation, checks, retention
from text_classification_viz.assets import (
    class_overlap,
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
)
from text_classification_viz.storage.data_root import DataRoot
from text_classification_viz.storage.results_io_manager import ResultsIOManager
from text_classification_viz.storage.upstream_files import UPSTREAM_CLASS
from text_classification_viz.storage.upstream_io_manager import UpstreamIOManager

CHECKOUT = Path(__file__).resolve().parents[1]


def build_definitions(
    data_root: Path, upstream_storage: Path, label_transform_class: str = UPSTREAM_CLASS
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
        ],
        asset_checks=checks.asset_checks,
        jobs=[automation.visualization_job, automation.review_job, retention.retention_job],
        schedules=[automation.visualization_schedule, retention.retention_schedule],
        sensors=[automation.upstream_sensor, automation.reviews_sensor],
        # A process for each step would cost seconds for each; a larger deployment sets its own executor.
        executor=dg.in_process_executor,
        resources={
            "data_root": root,
            "io_manager": ResultsIOManager(root.tables),
            upstream.UPSTREAM_IO_MANAGER: UpstreamIOManager(upstream_storage, label_transform_class),
        },
    )


DATA_ROOT = Path(os.environ.get("DATA_ROOT") or CHECKOUT / "data").expanduser().absolute()

defs = build_definitions(
    data_root=DATA_ROOT,
    upstream_storage=Path(os.environ.get("UPSTREAM_STORAGE") or DATA_ROOT / "storage").expanduser().absolute(),
    label_transform_class=os.environ.get("LABEL_TRANSFORM_CLASS") or UPSTREAM_CLASS,
)
