"""Partitions of an asset as files of their own, and tables that are written batch by batch."""

import json
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.checkout import PROJECT
from tests.support.memory import IS_TOLD
from text_classification_viz.resources.results_io_manager import (
    NotPublished,
    ResultsIOManager,
    publish_result,
    read_result,
)

MONTHS = dg.StaticPartitionsDefinition(["2026-01", "2026-02"])
ROWS = {"2026-01": 3, "2026-02": 5}
ANY_NAMES = dg.DynamicPartitionsDefinition(name="any_names")
SCHEMA = pa.schema({"id": pa.int64(), "text": pa.string()}, metadata={"maker": "upstream"})
LINEAGE = {"code_version": "1", "config": {}, "upstream_sha256": {}}


@dg.asset(partitions_def=MONTHS, code_version="7")
def rows(context: dg.AssetExecutionContext) -> pa.Table:
    context.add_output_metadata({"upstream_sha256": dg.MetadataValue.json({"log": context.partition_key})})
    return pa.table({"id": np.arange(ROWS[context.partition_key])})


@dg.asset(partitions_def=MONTHS)
def vectors(rows: pa.Table) -> np.ndarray:
    return np.full((len(rows), 2), len(rows), np.float32)


@dg.asset(partitions_def=ANY_NAMES)
def named() -> pa.Table:
    return pa.table({"id": [1]})


@pytest.fixture
def defs(tmp_path):
    return dg.Definitions(
        assets=[rows, vectors, named], resources={"io_manager": ResultsIOManager(tmp_path / "tables")}
    )


def materialize(defs, *assets, partition, instance=None):
    return dg.materialize(
        list(assets), resources=defs.resources, partition_key=partition, instance=instance
    ).asset_materializations_for_node(assets[-1].op.name)[0]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_partition_is_a_file_of_its_own_with_its_own_rows_and_lineage(defs, tmp_path):
    folder = tmp_path / "tables"
    for month, n_rows in ROWS.items():
        event = materialize(defs, rows, vectors, partition=month)
        assert event.metadata["dagster/row_count"].value == n_rows
        assert event.metadata["path"].value == str(folder / "vectors" / f"{month}.npy")
    assert files(folder) == [
        "rows/2026-01.parquet", "rows/2026-02.parquet", "vectors/2026-01.npy", "vectors/2026-02.npy"
    ]  # fmt: skip
    for month, n_rows in ROWS.items():
        table, lineage = read_result(folder, f"rows/{month}")
        assert table["id"].to_pylist() == list(range(n_rows))
        assert (lineage["code_version"], lineage["upstream_sha256"]) == ("7", {"log": month})
        array, lineage = read_result(folder, f"vectors/{month}")
        assert array.tolist() == [[n_rows, n_rows]] * n_rows
        assert lineage["upstream_sha256"] == {"log": month}


def test_partition_is_loaded_by_its_key(defs, tmp_path):
    for month in ROWS:
        materialize(defs, rows, vectors, partition=month)
    frame = defs.load_asset_value("rows", partition_key="2026-02")
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == ROWS["2026-02"]
    assert defs.load_asset_value("vectors", partition_key="2026-01").shape == (ROWS["2026-01"], 2)


def test_partition_that_is_made_again_leaves_the_others_as_they_were(defs, tmp_path):
    for month in ROWS:
        materialize(defs, rows, partition=month)
    other = tmp_path / "tables" / "rows" / "2026-01.parquet"
    before = other.stat()
    materialize(defs, rows, partition="2026-02")
    assert (other.stat().st_ino, other.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_partition_that_is_not_made_yet_is_named(defs, tmp_path):
    with pytest.raises(dg.Failure, match=r"rows/2026-02\.parquet: expected the published rows/2026-02, found no"):
        defs.load_asset_value("rows", partition_key="2026-02")
    with pytest.raises(NotPublished):
        read_result(tmp_path / "tables", "rows/2026-02")


def test_key_of_a_partition_cannot_lead_out_of_its_folder(defs, tmp_path):
    """Keys of dynamic partitions are typed by whoever adds them."""
    keys = ["../../elsewhere", "/etc/passwd", "..", "a|b", "20% Rabatt"]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("any_names", keys)
        for key in keys:
            materialize(defs, named, partition=key, instance=instance)
    assert files(tmp_path) == sorted(
        f"tables/named/{name}.parquet"
        for name in ("..%2F..%2Felsewhere", "%2Fetc%2Fpasswd", "..", "a%7Cb", "20%25%20Rabatt")
    )


# Batch by batch


def batches(n_batches: int, n_rows: int) -> Iterator[pa.RecordBatch]:
    for number in range(n_batches):
        ids = np.arange(number * n_rows, (number + 1) * n_rows)
        yield pa.record_batch([ids, pa.array(map(str, ids))], schema=SCHEMA)


def test_reader_is_written_batch_by_batch_and_its_rows_are_counted(tmp_path):
    @dg.asset
    def large() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(SCHEMA, batches(4, 10))

    result = dg.materialize([large], resources={"io_manager": ResultsIOManager(tmp_path)})
    (event,) = result.asset_materializations_for_node("large")
    assert event.metadata["dagster/row_count"].value == 40
    assert [column.name for column in event.metadata["dagster/column_schema"].schema.columns] == ["id", "text"]
    file = pq.ParquetFile(tmp_path / "large.parquet")
    assert file.metadata.num_row_groups == 4
    stored = file.schema_arrow.metadata
    assert stored[b"maker"] == b"upstream"
    assert json.loads(stored[b"upstream_sha256"]) == {}
    table, _ = read_result(tmp_path, "large")
    assert table["id"].to_pylist() == list(range(40))
    assert table["text"].to_pylist() == [str(number) for number in range(40)]


def test_table_has_the_bytes_that_pyarrow_gives_it(tmp_path):
    table = pa.Table.from_batches(batches(2, 10))
    path, n_rows = publish_result(tmp_path, "table", table, LINEAGE)
    stored = {key: json.dumps(value) for key, value in LINEAGE.items()}
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **stored}), tmp_path / "expected")
    assert path.read_bytes() == (tmp_path / "expected").read_bytes()
    assert n_rows == 20


def test_reader_that_fails_midway_leaves_the_last_good_result(tmp_path):
    def failing() -> Iterator[pa.RecordBatch]:
        yield from batches(3, 10)
        raise RuntimeError("a fault of whoever makes the batches")

    path, _ = publish_result(tmp_path, "large", pa.Table.from_batches(batches(1, 5)), LINEAGE)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="a fault of whoever"):
        publish_result(tmp_path, "large", pa.RecordBatchReader.from_batches(SCHEMA, failing()), LINEAGE)
    assert path.read_bytes() == before
    assert files(tmp_path) == ["large.parquet"]


WRITER = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa
from tests.support.memory import resident
from text_classification_viz.resources.results_io_manager import publish_result

def batches(n):
    rng = np.random.default_rng(0)
    for _ in range(n):
        yield pa.record_batch([rng.random(1 << 17)], names=["x"])  # 1 MiB that does not compress

def publish(n):
    reader = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.float64()}), batches(n))
    lineage = {"code_version": "1", "config": {}, "upstream_sha256": {}}
    _, rows = publish_result(Path(sys.argv[1]), "large", reader, lineage)
    assert rows == n << 17

publish(8)
before = resident("VmHWM")
publish(256)
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(not IS_TOLD, reason="memory is measured through /proc")
@pytest.mark.slow
def test_memory_is_that_of_some_batches_and_not_of_the_table(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    grown = int(subprocess.check_output(command, cwd=PROJECT))
    assert (tmp_path / "large.parquet").stat().st_size > 256 << 20
    assert grown < 32 << 20
