"""The example of a consumer: another code location whose asset takes our map as a DataFrame."""

import os
import subprocess
import sys

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from tests.support.checkout import PROJECT
from text_classification_viz.core import tables
from text_classification_viz.resources.results_io_manager import ResultsIOManager


@dg.asset
def umap_projection() -> pa.Table:
    """Two classes at known places."""
    columns = [[1, 2, 3, 4], ["A", "A", "A", "B"], [0.0, 1.0, 5.0, -1.0], [0.0, 1.0, 1.0, 2.0]]
    return pa.table([pa.array(column) for column in columns], names=["id", "class_label", "x", "y"]).cast(
        tables.projection_schema(2)
    )


def test_consumer_in_another_location_materializes_from_our_published_table(tmp_path):
    folder = tmp_path / "visualization"
    dg.materialize([umap_projection], resources={"io_manager": ResultsIOManager(folder)})
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('downstream', 'examples/downstream.py')\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "job = module.defs.resolve_implicit_global_asset_job_def()\n"
        "print(job.execute_in_process().output_for_node('class_positions').to_csv(index=False))"
    )
    environment = {**os.environ, "DATA_ROOT": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    lines = [line.split(",") for line in run.stdout.strip().splitlines()]
    assert lines[0] == ["class_label", "x", "y", "spread", "rows"]
    assert [line[0] for line in lines[1:]] == ["A", "B"]
    # The medians of (0, 1, 5) and (0, 1, 1) are 1 and 1; the distances from there sqrt(2), 0 and 4.
    assert np.array(lines[1][1:], float) == pytest.approx([1, 1, 2**0.5, 3])
    assert np.array(lines[2][1:], float) == pytest.approx([-1, 2, 0, 1])
