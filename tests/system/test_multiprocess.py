"""The graph under the multiprocess executor, where no step shares memory with another."""

import os
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from tests.support.checkout import PROJECT
from tests.support.synthetic import write_upstream
from text_classification_viz.definitions import build_definitions

pytestmark = pytest.mark.slow


def multiprocess_job() -> dg.JobDefinition:
    """Our job with the other executor; each step's process makes it anew from the environment."""
    defs = build_definitions(Path(os.environ["DATA_ROOT"]), Path(os.environ["UPSTREAM_STORAGE"]))
    other = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=defs.jobs,
        resources=defs.resources,
        executor=dg.multiprocess_executor,
    )
    return other.resolve_job_def("visualization_job")


def test_every_step_finds_its_inputs_in_a_process_of_its_own(tmp_path, monkeypatch):
    write_upstream(tmp_path)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("UPSTREAM_STORAGE", str(tmp_path))
    monkeypatch.chdir(PROJECT)  # where the processes find this module
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.execute_job(
            dg.reconstructable(multiprocess_job),
            instance=instance,
            run_config={"ops": {"umap_projection": {"config": {"n_epochs": 20}}}},
        )
        pids = {event.message for event in result.all_events if "Launching subprocess" in (event.message or "")}
    assert result.success
    assert len(pids) > 1
    folder = tmp_path / "data" / "visualization"
    assert pq.read_table(folder / "umap_projection.parquet").num_rows == 240
    # The lineage that the gate states must reach the last stage through the files alone.
    assert (
        pq.read_schema(folder / "outlier_report.parquet").metadata[b"upstream_sha256"]
        == pq.read_schema(folder / "train_df.parquet").metadata[b"upstream_sha256"]
    )
