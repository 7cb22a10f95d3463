"""The whole graph over a temporary DATA_ROOT, as the tests run it, and how they read what it tells."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from tests.support.synthetic import TrainingSet, write_upstream
from text_classification_viz.definitions import build_definitions

FAST = {
    "umap_projection": {"config": {"n_epochs": 30}},
    "sampled_train_df": {"config": {"samples_per_class": 20}},
}


@dataclass
class Graph:
    """A temporary DATA_ROOT and upstream storage, and the definitions over them."""

    data_root: Path
    storage: Path
    defs: dg.Definitions

    def run(
        self, selection: list[str] | None = None, raise_on_error: bool = True, **config: Any
    ) -> dg.ExecuteInProcessResult:
        """Run the job, or the selected assets of it with their default settings."""
        return self.defs.resolve_job_def("visualization_job").execute_in_process(
            run_config={} if selection else {"ops": {**FAST, **config}},
            asset_selection=selection and [dg.AssetKey(name) for name in selection],
            raise_on_error=raise_on_error,
        )

    def hashes(self) -> dict[str, str]:
        folder = self.data_root / "visualization"
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def make_graph(folder: Path, training_set: TrainingSet | None = None) -> Graph:
    data_root, storage = folder / "data", folder / "upstream"
    storage.mkdir()
    write_upstream(storage, training_set)
    return Graph(data_root, storage, build_definitions(data_root, storage))


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    (event,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(asset)
    ]
    return dict(event.metadata)


def failure_of(result: dg.ExecuteInProcessResult, step: str) -> str:
    """The message of a failed step, as Dagster records it."""
    (event,) = [event for event in result.all_events if event.is_step_failure and event.step_key == step]
    return event.step_failure_data.user_failure_data.description
