"""`current.json`: which tables belong together, published after all of them."""

import hashlib
import json

import dagster as dg

from text_classification_viz.assets.common import COMMON
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import DataRoot

NAME = "current.json"
# What one run of visualization_job or review_job makes of one state of upstream's files and reviews. New rows have
# states of their own, and review_gain needs more rows than a map does.
TABLES = {
    "train_df": "train_df.parquet",
    "train_vectors": "train_vectors.npy",
    "sampled_train_df": "sampled_train_df.parquet",
    "nearest_neighbors": "nearest_neighbors.parquet",
    "umap_projection": "umap_projection.parquet",
    "tsne_projection": "tsne_projection.parquet",
    "reviewed_labels": "reviewed_labels.parquet",
    "corrected_train_df": "corrected_train_df.parquet",
    "outlier_report": "outlier_report.parquet",
    "class_overlap": "class_overlap.parquet",
    "row_changes": "row_changes.parquet",
}


@dg.asset(
    description="The SHA-256 of each table, published after all of them. Where a table's hash differs, a run is "
    "under way or was cut off, and the tables are of different states.",
    kinds={"json"},
    code_version="1",
    deps=list(TABLES),
    **COMMON,
)
@clear_failures()
def current_state(data_root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    """Hash the tables as they are."""
    hashes = {
        file: hashlib.sha256(content).hexdigest()
        for file in TABLES.values()
        if (content := data_root.read(file)) is not None
    }
    tables = json.dumps(hashes, indent=1, sort_keys=True)
    state = hashlib.sha256(tables.encode()).hexdigest()
    path = data_root.publish(NAME, json.dumps({"state": state, "tables": hashes}, indent=1).encode())
    return dg.MaterializeResult(metadata={"state": state, "path": dg.MetadataValue.path(str(path))})
