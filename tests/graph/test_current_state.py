"""Tables of one state are told from a mixture by anybody who reads the files, as docs/consuming.md shows."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.checkout import PROJECT
from tests.support.graph import Graph, make_graph
from text_classification_viz.assets.current_state import TABLES


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Graph:
    graph = make_graph(tmp_path_factory.mktemp("graph"))
    assert graph.run().success
    return graph


def read_as_documented(graph: Graph) -> subprocess.CompletedProcess:
    """Run the example of docs/consuming.md in a process that knows pandas and the folder alone."""
    guide = (PROJECT / "docs" / "consuming.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "current.json" in block
    )
    code = example.replace("DATA_ROOT", str(graph.data_root)) + "\nprint(len(report))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )


def test_every_table_of_one_state_is_named_and_the_example_reads_it(finished):
    current = json.loads((finished.data_root / "visualization" / "current.json").read_text())
    hashes = finished.hashes()
    assert current["tables"] == {file: hashes[file] for file in TABLES.values()}
    read = read_as_documented(finished)
    assert (read.returncode, read.stdout) == (0, "240\n"), read.stderr


def test_a_mixture_is_told(finished):
    """As a run leaves it that ended after the first tables: the rest is of the state before."""
    table = finished.data_root / "visualization" / "train_df.parquet"
    before = table.read_bytes()
    try:
        table.write_bytes(before + b" ")
        read = read_as_documented(finished)
    finally:
        table.write_bytes(before)
    assert read.returncode != 0
    assert "train_df.parquet" in read.stderr


def test_same_tables_same_state(finished):
    path = finished.data_root / "visualization" / "current.json"
    before = path.read_bytes()
    assert finished.run(selection=["current_state"]).success
    assert path.read_bytes() == before
