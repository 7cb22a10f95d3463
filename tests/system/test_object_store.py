"""DATA_ROOT on an object store: whole results whatever happens to a writer, plain words when the store refuses.

Against a real server that speaks S3, on loopback, with a proxy before it where uploads are to be cut.
"""

import errno
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.support.checkout import PROJECT
from tests.support.graph import FAST
from tests.support.new_rows_samples import write_batch
from tests.support.object_store_server import SECRET, Proxy, environment, only, running_server
from tests.support.synthetic import TrainingSet, make_training_set, write_upstream
from text_classification_viz.assets.batches import BATCHES
from text_classification_viz.automation import reviews_sensor
from text_classification_viz.core.errors import InputError
from text_classification_viz.resources.results_io_manager import (
    NotPublished,
    ResultsIOManager,
    publish_result,
    read_result,
)
from text_classification_viz.sources import incoming_file
from text_classification_viz.sources.incoming_file import read_part
from text_classification_viz.sources.reviews import ignored_files, read_reviews, review_files
from text_classification_viz.storage.publishing import object_store
from text_classification_viz.storage.publishing.data_root import DataRoot
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix
from text_classification_viz.storage.publishing.store import (
    newest_folder,
    open_published,
    published_file,
    published_folder,
    remove_old_folders,
    scratch_folder,
)
from text_classification_viz.views.projector.history import EVENTS as HISTORY
from text_classification_viz.views.projector.history import write_history

pytestmark = pytest.mark.s3

pytest.importorskip("moto.server", reason="the server is in moto[s3,server]")

OLD, NEW = b"the last good result", b"the new result"
MIB = 1 << 20
LINEAGE = {"code_version": "1", "config": {"n": 2}, "upstream_sha256": {"train_set": "1" * 64}}
EVENTS = "events*"
LONGEST_S = 60.0  # for an upload of some MiB; more is a hang
REVIEW = "id,class_label,decision,new_label,reviewer,reviewed_at\n{id},A,keep,,ada,2026-01-31T12:00:00Z\n"

DG = Path(sys.executable).with_name("dg")
LOAD = """
from text_classification_viz import defs
umap, vectors = defs.load_asset_value("umap_projection"), defs.load_asset_value("train_vectors")
print(type(umap).__name__, len(umap), type(vectors).__name__, vectors.shape)
"""

# A writer of as many MiB as it is told, in parts of as many.
WRITER = """
import random, sys
from text_classification_viz.storage.publishing import object_store
from text_classification_viz.storage.publishing import published_file
object_store.PART = int(sys.argv[3]) << 20
with published_file(object_store.bucket_and_prefix(sys.argv[1])) as file:
    file.write(random.Random(1).randbytes(int(sys.argv[2]) << 20))
"""
# A writer of one version after another, each of another byte, until it is killed.
ENDLESS_WRITER = """
import itertools, sys
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix
from text_classification_viz.storage.publishing import published_file
path = bucket_and_prefix(sys.argv[1])
for version in itertools.count(1):
    with published_file(path) as file:
        file.write(bytes([version % 256]) * (500_000 + version))
    print(version, flush=True)
"""
FOLDER_WRITER = """
import random, sys
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix
from text_classification_viz.storage.publishing import published_folder
with published_folder(bucket_and_prefix(sys.argv[1]), last="events*") as folder:
    for name in ("a", "events.1", "z"):
        (folder / name).write_bytes(random.Random(1).randbytes(2_000_000 if name == "z" else 100))
"""
# A writer of the run after the newest, the third of whose events files does not get through.
HISTORY_WRITER = """
import sys
from text_classification_viz.views.projector.history import EVENTS, write_history
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix
from text_classification_viz.storage.publishing import newest_folder, published_folder
run, last = bucket_and_prefix(sys.argv[1]), EVENTS + "*"
with published_folder(run, last=last) as folder, newest_folder(run.parent, "run_?", last) as newest:
    write_history(folder, {"rows": 1}, {}, newest)
    (folder / f"{EVENTS}000003").write_bytes(bytes(2_000_000))
"""


@pytest.fixture(scope="module")
def endpoint():
    with running_server() as address, only(environment(address)):
        yield address


@pytest.fixture
def room(tmp_path, monkeypatch):
    """The folder for temporary files, of this process and of those it starts."""
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    monkeypatch.setenv("TMPDIR", str(room))
    return room


@pytest.fixture
def root(endpoint, room):
    """A prefix, with a blank in it, of a bucket of this test's own."""
    bucket = f"bucket-{uuid4().hex}"
    path = bucket_and_prefix(f"s3://{bucket}/our results")
    path.fs.mkdir(bucket)
    return DataRoot(path)


@pytest.fixture
def proxy(endpoint):
    proxy = Proxy(endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def path(root):
    """An object that was published before."""
    path = root.tables / "table.parquet"
    publish(path, OLD)
    return path


def publish(path, content=NEW):
    with published_file(path) as file:
        file.write(content)


def put(path, data, ending=""):
    """Put an object there as another program does, whose keys may end as no path does."""
    bucket, _, key = path.path.partition("/")
    path.fs.call_s3("put_object", Bucket=bucket, Key=key + ending, Body=data)


def content(path):
    with open_published(path) as file:
        return file.read()


def names(folder):
    """Of all objects in a folder and in those in it."""
    return sorted(key.removeprefix(f"{folder.path}/") for key in folder.fs.find(folder.path))


def uploads(path):
    """Multipart uploads of the bucket that are neither complete nor aborted."""
    bucket, _, _ = path.path.partition("/")
    return path.fs.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", [])


def anew(path):
    """The same path with a connection of its own, by way of what `only` has set."""
    return bucket_and_prefix(str(path))


# Files


def test_object_is_there_when_the_block_has_ended_and_not_before(root, room):
    path = root.tables / "page.html"
    with published_file(path) as file:
        file.write(NEW)
        file.flush()
        assert names(root.path) == []
    assert content(path) == NEW
    assert names(root.path) == ["visualization/page.html"]
    assert path.fs.info(path.path)["ContentType"] == "text/html"  # a browser shows it
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), KeyboardInterrupt()])
def test_exception_in_the_block_leaves_the_old_object(path, room, error):
    with pytest.raises(type(error)), published_file(path) as file:
        file.write(NEW)
        raise error
    assert content(path) == OLD
    assert list(room.iterdir()) == []


def test_reader_that_has_the_old_object_open_reads_it_to_the_end(path):
    with open_published(path) as reader:
        publish(path)
        assert reader.read() == OLD
    assert content(path) == NEW


@pytest.mark.parametrize("size", [0, 1, 3 * MIB, 24 * MIB])
def test_object_of_any_size_comes_back_byte_for_byte(path, size, monkeypatch):
    monkeypatch.setattr(object_store, "PART", 5 * MIB)  # so that the largest goes in parts
    data = random.Random(size).randbytes(size)
    publish(path, data)
    assert content(path) == data
    assert uploads(path) == []


def test_nothing_published_is_told_apart_from_a_store_that_does_not_answer(root):
    with pytest.raises(FileNotFoundError):
        open_published(root.tables / "table.parquet")
    assert root.read("picture.png") is None
    root.publish("picture.png", NEW)
    assert root.read("picture.png") == NEW


def test_reader_during_overwrites_never_sees_a_part(root, monkeypatch):
    monkeypatch.setattr(object_store, "OVERWRITTEN", 10_000)  # that it gives up is another test's
    publish_result(root.tables, "map", pa.table({"x": np.zeros(50_000)}), {**LINEAGE, "config": {"version": 0}})
    ended, seen = threading.Event(), []

    def overwrite():
        for version in itertools.count(1):
            if ended.is_set():
                return
            table = pa.table({"x": np.full(50_000 + version, float(version))})
            publish_result(root.tables, "map", table, {**LINEAGE, "config": {"version": version}})

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(overwrite)
        try:
            while len(set(seen)) <= 30 and not writer.done():
                table, lineage = read_result(root.tables, "map")
                version = lineage["config"]["version"]
                assert len(table) == 50_000 + version
                assert table["x"].unique().to_pylist() == [version]
                seen.append(version)
        finally:
            ended.set()
        writer.result()
    assert seen == sorted(seen)
    assert len(set(seen)) > 10


def test_object_that_is_overwritten_while_it_is_read_is_read_again_from_the_start(path, monkeypatch):
    monkeypatch.setattr(object_store, "PART", MIB)
    put(path, b"a" * 3 * MIB)
    genuine, left = object_store._parts, [b"b" * 3 * MIB, b"c" * 2 * MIB]

    def overwritten_after_the_first_part(path, size_limit):
        for part in genuine(path, size_limit):
            yield part
            if left:
                put(path, left.pop(0))

    monkeypatch.setattr(object_store, "_parts", overwritten_after_the_first_part)
    assert content(path) == b"c" * 2 * MIB


def test_object_that_is_overwritten_time_and_again_is_given_up(path, monkeypatch, room):
    monkeypatch.setattr(object_store, "PART", 10)
    put(path, os.urandom(100))
    genuine = object_store._parts

    def always_overwritten(path, size_limit):
        for part in genuine(path, size_limit):
            yield part
            put(path, os.urandom(100))

    monkeypatch.setattr(object_store, "_parts", always_overwritten)
    with pytest.raises(InputError, match="found one that was overwritten 20 times; see to who writes it"):
        open_published(path)


# Results and their lineage


def test_table_and_array_come_back_with_their_lineage(root, room):
    table = pa.table({"id": [3, 1], "label": ["A", None]})
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    for name, value in (("table", table), ("array", array)):
        _, n_rows = publish_result(root.tables, name, value, LINEAGE)
        assert n_rows == len(value)
    assert names(root.tables) == ["array.npy", "table.parquet"]
    found, lineage = read_result(root.tables, "table")
    assert found.replace_schema_metadata(None).equals(table)
    assert lineage == LINEAGE
    found, lineage = read_result(root.tables, "array")
    assert lineage == LINEAGE
    assert isinstance(found, np.memmap)
    assert list(room.iterdir()) == []  # the mapped file has no name
    assert np.array_equal(found, array)
    publish_result(root.tables, "array", array + 1, LINEAGE)
    assert np.array_equal(found, array)


def test_bytes_are_those_that_a_disk_would_have(root, tmp_path):
    table = pa.table({"id": np.arange(1_000)})
    for value in (table, np.eye(50, dtype=np.float32)):
        stored, _ = publish_result(root.tables, "value", value, LINEAGE)
        on_disk, _ = publish_result(tmp_path, "value", value, LINEAGE)
        assert content(stored) == on_disk.read_bytes()


def test_assets_are_published_and_inherit_what_they_came_from(root):
    @dg.asset(code_version="7")
    def rows(context: dg.AssetExecutionContext) -> pa.Table:
        context.add_output_metadata({"upstream_sha256": dg.MetadataValue.json({"log": "1" * 64})})
        return pa.table({"id": [1, 2]})

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a/b"]))
    def of_rows(rows: pd.DataFrame) -> pa.Table:
        return pa.table({"id": rows["id"]})

    defs = dg.Definitions([rows, of_rows], resources={"io_manager": ResultsIOManager(root.tables)})
    dg.materialize([rows], resources=defs.resources)
    result = dg.materialize([rows, of_rows], selection=[of_rows], resources=defs.resources, partition_key="a/b")
    (event,) = result.asset_materializations_for_node("of_rows")
    assert event.metadata["path"].value == f"{root.tables}/of_rows/a%2Fb.parquet"
    assert event.metadata["upstream_sha256"].value == {"log": "1" * 64}
    assert names(root.tables) == ["of_rows/a%2Fb.parquet", "rows.parquet"]
    assert defs.load_asset_value("of_rows", partition_key="a/b")["id"].tolist() == [1, 2]


def test_result_that_is_not_published_or_damaged_is_named(root):
    with pytest.raises(NotPublished, match=r"table\.parquet: expected the published table, found no file"):
        read_result(root.tables, "table")
    root.publish("table.parquet", b"PAR1 and then nonsense")
    with pytest.raises(InputError, match=r"found what cannot be read .*; materialize table again"):
        read_result(root.tables, "table")


# Writers that are cut off or killed


@pytest.mark.parametrize("let_through", [100, 2_000, 2 * MIB])
def test_upload_that_is_cut_leaves_the_old_object_and_the_next_one_heals(path, proxy, let_through):
    proxy.let_through = let_through
    with only(environment(proxy.address)):
        with pytest.raises(InputError, match=r"expected to write it, found .*What was published is unharmed"):
            publish(anew(path), os.urandom(3 * MIB))
        assert proxy.reached.is_set()
    assert content(path) == OLD
    assert names(path.parent) == [path.name]
    publish(path)
    assert content(path) == NEW


@pytest.mark.parametrize("let_through", [0, MIB])
def test_upload_that_gets_no_answer_is_given_up_and_does_not_end_later(path, proxy, monkeypatch, let_through):
    proxy.let_through, proxy.hold = let_through, True
    with only(environment(proxy.address)):
        with (
            monkeypatch.context() as impatient,
            pytest.raises(
                InputError, match="expected to write it, found 'no answer in time'; see to the store, the"
            ),
        ):
            impatient.setattr(object_store, "PATIENCE_S", 1.0)
            impatient.setattr(object_store, "SLOWEST", 10 * MIB)
            publish(anew(path), os.urandom(3 * MIB))
        proxy.released.set()
        publish(path)
    assert content(path) == NEW


def test_upload_that_is_cut_once_is_tried_again(path, proxy):
    data = os.urandom(3 * MIB)
    proxy.let_through = MIB

    def mend():
        proxy.reached.wait(LONGEST_S)
        proxy.let_through = None

    threading.Thread(target=mend).start()
    with only(environment(proxy.address)):
        publish(anew(path), data)
    assert proxy.reached.is_set()
    assert content(path) == data


def test_upload_in_parts_that_is_cut_leaves_the_old_object_and_no_parts(path, proxy, monkeypatch):
    monkeypatch.setattr(object_store, "PART", 5 * MIB)
    proxy.let_through = 3 * MIB  # all but the parts
    with only(environment(proxy.address)), pytest.raises(InputError, match="expected to write it"):
        publish(anew(path), os.urandom(40 * MIB))
    assert content(path) == OLD
    assert uploads(path) == []
    publish(path)
    assert content(path) == NEW


def kill_while_it_uploads(proxy, program, *arguments):
    """Start a writer whose upload comes to a halt on the way, and kill it there."""
    proxy.hold = True
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], env={**os.environ, **environment(proxy.address)}
    ) as writer:
        assert proxy.reached.wait(LONGEST_S)
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    proxy.released.set()


@pytest.mark.parametrize("let_through", [2_000, MIB])
def test_writer_killed_amid_its_upload_leaves_the_old_object_and_nothing_else(path, proxy, room, let_through):
    proxy.let_through = let_through
    kill_while_it_uploads(proxy, WRITER, path, 3, 32)
    assert content(path) == OLD
    assert names(path.parent) == [path.name]
    assert uploads(path) == []
    assert list(room.iterdir()) == []
    publish(path)
    assert content(path) == NEW


@pytest.mark.soak
def test_writer_killed_at_random_moments_leaves_a_whole_object(root, trials, tell):
    path, rng, n_kills = root.tables / "table.parquet", random.Random(0), trials(8, 200)
    for _ in range(n_kills):
        with subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"1\n"
            time.sleep(rng.uniform(0, 0.1))
            writer.kill()
            last = int((writer.stdout.read().split() or [b"1"])[-1])
        found = content(path)
        # The number of a version is printed after it, so the writer may have been one further.
        assert len(found) - 500_000 in (last, last + 1)
        assert set(found) == {(len(found) - 500_000) % 256}
        assert names(root.path) == ["visualization/table.parquet"]
    tell(f"killed at random on an object store: {n_kills} times; lost or torn: 0")


def test_parts_of_a_writer_that_was_killed_go_when_they_are_a_day_old(path, proxy, room, monkeypatch):
    proxy.let_through = 3 * MIB
    kill_while_it_uploads(proxy, WRITER, path, 24, 5)
    assert content(path) == OLD
    assert list(room.iterdir()) == []
    (abandoned,) = uploads(path)
    monkeypatch.setattr(object_store, "PART", 5 * MIB)
    data = os.urandom(12 * MIB)
    monkeypatch.setattr(
        object_store, "ABANDONED_AFTER", timedelta(days=36_500)
    )  # the server's uploads began in 2010
    publish(path, data)  # its writer may still be at work, for all that is known
    assert [upload["UploadId"] for upload in uploads(path)] == [abandoned["UploadId"]]
    publish(path.parent / "table.parquet.2", data)
    monkeypatch.setattr(object_store, "ABANDONED_AFTER", timedelta(days=1))
    publish(path.parent / "other.parquet", data)  # which are not of that name
    assert len(uploads(path)) == 1
    publish(path, data)
    assert uploads(path) == []
    assert content(path) == data


# Folders


def fill(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_folder_is_sent_when_the_block_has_ended_and_nothing_stays_here(root, room):
    run = root.projector_runs / "run"
    with published_folder(run, last=EVENTS) as folder:
        fill(folder, "a", "events.1", "inner/z")
        assert folder.stat().st_mode & 0o077 == 0
        assert names(root.path) == []
    assert names(run) == ["a", "events.1", "inner/z"]
    assert content(run / "inner" / "z") == b"inner/z"
    assert list(room.iterdir()) == []


def test_reader_who_sees_the_last_files_sees_all(root):
    run, files = root.projector_runs / "run", [f"{number:02}" for number in range(25)]
    seen, ended = [], threading.Event()

    def watch():
        while not ended.is_set():
            seen.append(set(names(run)))

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            with published_folder(run, last="0*") as folder:
                fill(folder, *files)
        finally:
            ended.set()
        watcher.result()
    first, last = {name for name in files if name[0] != "0"}, {name for name in files if name[0] == "0"}
    assert any(0 < len(some) < 25 for some in seen)  # it is not there at once
    assert all(some >= first for some in seen if some & last)


def test_exception_in_the_block_or_in_the_upload_leaves_no_folder(root, proxy, room):
    run = root.projector_runs / "run"
    with pytest.raises(RuntimeError), published_folder(run, last=EVENTS) as folder:
        fill(folder, "a")
        raise RuntimeError("a fault of ours")
    assert names(root.path) == []
    proxy.let_through = MIB
    with (
        only(environment(proxy.address)),
        pytest.raises(InputError, match="expected to write it"),
        published_folder(anew(run), last=EVENTS) as folder,
    ):
        fill(folder, "a", "b")
        (folder / "c").write_bytes(os.urandom(2 * MIB))
    assert names(root.path) == []
    assert list(room.iterdir()) == []


def test_folder_that_exists_is_an_error_and_stays(root):
    publish(root.projector_runs / "run" / "file", OLD)
    with (
        pytest.raises(InputError, match="run: expected nothing there yet, found objects; move them away"),
        published_folder(root.projector_runs / "run"),
    ):
        pytest.fail("entered")
    assert content(root.projector_runs / "run" / "file") == OLD


def test_writer_killed_amid_a_folder_leaves_a_part_that_is_no_run_and_goes_with_age(root, proxy, room):
    runs = root.projector_runs
    with published_folder(runs / "run_1", last=EVENTS) as folder:
        fill(folder, "a", "events.1", "z")
    proxy.let_through = MIB
    kill_while_it_uploads(proxy, FOLDER_WRITER, runs / "run_2")
    assert names(runs / "run_2") == ["a"]
    (left_here,) = room.iterdir()
    with newest_folder(runs, "run_?", EVENTS) as newest:
        assert sorted(file.name for file in newest.iterdir()) == ["events.1"]
    assert not left_here.exists()  # the next writer sees to that
    with published_folder(runs / "run_3", last=EVENTS) as folder:
        fill(folder, "events.2")
    assert remove_old_folders(runs, "run_?", keep_hours=1) == ([], [])
    assert remove_old_folders(runs, "run_?", keep_hours=0) == (["run_1", "run_2"], [])
    assert names(runs) == ["run_3/events.2"]


def test_history_loses_no_step_where_a_writer_was_killed_between_two_events_files(root, proxy):
    runs, last = root.projector_runs, f"{HISTORY}*"

    def publish_run(name):
        with published_folder(runs / name, last=last) as folder, newest_folder(runs, "run_?", last) as newest:
            return write_history(folder, {"rows": 1}, {}, newest)

    assert [publish_run(f"run_{number}") for number in range(1, 5)] == [1, 2, 3, 4]
    proxy.let_through = MIB
    kill_while_it_uploads(proxy, HISTORY_WRITER, runs / "run_5")
    assert names(runs / "run_5") == [f"{HISTORY}{step:06}" for step in (1, 2)]
    assert publish_run("run_6") == 5
    assert names(runs / "run_6") == [f"{HISTORY}{step:06}" for step in range(1, 6)]
    for step in range(1, 5):
        name = f"{HISTORY}{step:06}"
        assert content(runs / "run_6" / name) == content(runs / "run_4" / name)


def test_folder_that_lacks_none_of_the_files_of_the_one_before_it_is_the_newest(root):
    """Its writer was killed before the last of all, or it is whole."""
    runs = root.projector_runs
    for name in ("run_1/events.1", "run_1/events.2", "run_2/events.1", "run_2/events.2"):
        publish(runs / name, name.encode())
    with newest_folder(runs, "run_?", EVENTS) as newest:
        assert (newest / "events.2").read_bytes() == b"run_2/events.2"


def test_newest_folder_is_a_copy_of_its_last_files(root, room):
    runs = root.projector_runs
    with newest_folder(runs, "run_?", EVENTS) as newest:
        assert newest is None
    for number in (2, 10, 1):
        publish(runs / f"run_{number}" / f"events.{number}", str(number).encode())
        publish(runs / f"run_{number}" / "vectors", OLD)
    with newest_folder(runs, "run_?", EVENTS) as newest:
        assert {file.name: file.read_bytes() for file in newest.iterdir()} == {"events.2": b"2"}
    assert list(room.iterdir()) == []


def test_newest_folder_stays_and_so_do_those_of_other_people(root):
    runs = root.projector_runs
    for name in ("run_1/file", "run_2/file", "baseline/file", "run_0"):
        publish(runs / name)
    assert remove_old_folders(runs, "run_?", keep_hours=0) == (["run_1"], [])
    assert names(runs) == ["baseline/file", "run_0", "run_2/file"]
    assert remove_old_folders(runs, "run_?", keep_hours=0) == ([], [])


def test_scratch_of_the_last_writer_that_was_killed_goes_when_it_is_a_day_old(root, monkeypatch):
    publish(root.scratch / "killed" / "000000.parquet", OLD)
    with scratch_folder(root.scratch) as folder:
        publish(folder / "000000.parquet")
        assert len(names(root.scratch)) == 2
    assert names(root.scratch) == ["killed/000000.parquet"]
    monkeypatch.setattr(object_store, "ABANDONED_AFTER", timedelta(0))
    with scratch_folder(root.scratch):
        assert names(root.scratch) == []


# Batches of new rows


def test_part_of_a_batch_is_read_and_nothing_of_it_stays_here(root, room, tmp_path):
    new = make_training_set()
    write_batch(tmp_path / "a.parquet", new)
    put(root.incoming, (tmp_path / "a.parquet").read_bytes(), "/a.parquet")
    rows, embeddings = read_part(root.incoming / "a.parquet")
    assert rows.table.to_pylist() == new.table.to_pylist()
    np.testing.assert_array_equal(embeddings.array, new.vectors)
    assert list(room.iterdir()) == []


def test_part_of_a_batch_above_the_limit_is_refused_before_anything_of_it_is_copied(root, monkeypatch):
    monkeypatch.setattr(incoming_file, "SIZE_LIMIT", 100)
    put(root.incoming, bytes(101), "/a.parquet")
    genuine, copied = object_store._parts, []

    def recorded(path, size_limit):
        for part in genuine(path, size_limit):
            copied.append(len(part))
            yield part

    monkeypatch.setattr(object_store, "_parts", recorded)
    with pytest.raises(
        InputError, match=r"a\.parquet: expected at most 100 bytes, found 101; make it smaller, or move it away"
    ):
        read_part(root.incoming / "a.parquet")
    assert copied == []


def test_part_of_a_batch_for_which_this_machine_has_no_room_says_so(root, room, monkeypatch):
    put(root.incoming, bytes(101), "/a.parquet")

    def fill_up(source, target):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(object_store.shutil, "copyfileobj", fill_up)
        with pytest.raises(
            InputError, match=rf"^{room}: expected to write it, found 'No space left on device'; see to the disk"
        ):
            read_part(root.incoming / "a.parquet")
    assert list(room.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", "/dev/null")
    with pytest.raises(InputError, match=r"^/dev/null: expected to write it, found 'Not a directory'"):
        read_part(root.incoming / "a.parquet")


# Reviews


def test_reviews_are_read_from_objects(root):
    assert review_files(root.reviews) == []
    assert not root.reviews.exists()
    for name, text in {
        "": "",  # which a console makes of a new folder
        "b.csv": REVIEW.format(id=2),
        "a 1?#%.csv": REVIEW.format(id=1),
        ".hidden.csv": "nonsense",
        "notes.txt": "not read",
        "deeper/c.csv": "not read",
        "/d.csv": "not read",
    }.items():
        put(root.reviews, text.encode(), f"/{name}")
    assert root.reviews.exists()
    assert [path.name for path in review_files(root.reviews)] == ["a 1?#%.csv", "b.csv"]
    assert [path.name for path in ignored_files(root.reviews)] == ["deeper", "notes.txt"]
    decisions = read_reviews(root.reviews)
    assert [(decision.id, decision.place.file) for decision in decisions] == [
        (1, f"{root.reviews}/a 1?#%.csv"), (2, f"{root.reviews}/b.csv")
    ]  # fmt: skip


def test_review_object_that_cannot_be_read_is_named(root, monkeypatch):
    monkeypatch.setattr("text_classification_viz.sources.reviews.SIZE_LIMIT", 200)
    publish(root.reviews / "a.csv", b"")
    publish(root.reviews / "b.csv", b"x" * 201)
    publish(root.reviews / "c.csv" / "inner", b"x")
    publish(root.reviews / "d.csv", REVIEW.format(id=1).encode() + b"\xff")
    publish(root.reviews / "e.csv", REVIEW.format(id=1).replace("keep", "maybe").encode())
    with pytest.raises(InputError) as caught:
        read_reviews(root.reviews)
    lines = str(caught.value).splitlines()
    for name, found in {
        "a.csv": "expected a value, found a folder or nothing; move it away",
        "b.csv": "expected at most 200 bytes, found 201; make it smaller, or move it away",
        "c.csv": "expected a value, found a folder or nothing; move it away",
        "d.csv, line 3": "expected UTF-8, found the byte 0xff",
        "e.csv, line 2, decision": "expected one of keep, relabel, drop",
    }.items():
        assert any(f"{root.reviews}/{name}: {found}" in line for line in lines), (name, lines)


def test_sensor_sees_reviews_come_change_and_go(root):
    cursor = None

    def tick():
        nonlocal cursor
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"data_root": root}, sensor_name="reviews_sensor"
        )
        found = reviews_sensor.evaluate_tick(context)
        cursor = found.cursor
        return bool(found.run_requests)

    with dg.DagsterInstance.ephemeral() as instance:
        assert not tick()
        publish(root.reviews / "a.csv", REVIEW.format(id=1).encode())
        assert tick()
        assert not tick()
        publish(root.reviews / "a.csv", REVIEW.format(id=10).encode())
        assert tick()
        root.path.fs.rm((root.reviews / "a.csv").path)
        assert tick()
        assert not tick()


# A store that refuses


def test_bucket_that_is_missing_is_named(endpoint, room):
    root = DataRoot(bucket_and_prefix("s3://no-such-bucket/prefix"))
    missing = r"found no bucket no-such-bucket; create it, or set DATA_ROOT to another"
    with pytest.raises(InputError, match=rf"table\.parquet: expected to write it, {missing}"):
        publish(root.tables / "table.parquet")
    with pytest.raises(InputError, match=rf"table\.parquet: expected to read it, {missing}"):
        read_result(root.tables, "table")
    with pytest.raises(InputError, match=rf"reviews: expected to list it, {missing}"):
        review_files(root.reviews)
    with pytest.raises(InputError, match=missing), published_folder(root.projector_runs / "run"):
        pytest.fail("entered")
    with pytest.raises(InputError, match=missing):
        remove_old_folders(root.projector_runs, "*", 1)


ALL = {
    "write": lambda root: publish(root.tables / "table.parquet"),
    "read": lambda root: read_result(root.tables, "table"),
    "list": lambda root: review_files(root.reviews),
}


@pytest.mark.parametrize("wish", ALL)
@pytest.mark.parametrize(
    ("variables", "found"),
    [
        (
            environment("http://127.0.0.1:9"),
            "Could not connect to the endpoint URL: .*see to the store, the network and AWS_",
        ),
        (
            environment("127.0.0.1:9"),
            "Invalid endpoint: 127.0.0.1:9'; see to the store, the network and AWS_ENDPOINT_URL",
        ),
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nobody"}, r"The config profile \(nobody\) could not be found"),
    ],
    ids=["refused", "no URL", "no credentials", "no profile"],
)
def test_store_that_cannot_be_reached_says_what_to_do(
    endpoint, room, tmp_path, monkeypatch, wish, variables, found
):
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        only(variables),
        pytest.raises(InputError, match=f"^s3://bucket/prefix/.*: expected to {wish} it, found .*{found}"),
    ):
        ALL[wish](DataRoot(bucket_and_prefix("s3://bucket/prefix")))
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("wish", ALL)
def test_key_that_may_not_says_what_it_needs(endpoint, path, root, wish):
    def ask_for_permission(after: str) -> None:
        plain = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset-auth", after.encode(), plain))

    ask_for_permission("0")
    try:
        with pytest.raises(InputError) as caught:
            ALL[wish](root)
    finally:
        ask_for_permission("1000000")
    assert f"expected to {wish} it" in str(caught.value)
    assert "see to the keys in the environment (AWS_ACCESS_KEY_ID and others), and to their right" in str(
        caught.value
    )
    assert SECRET not in str(caught.value)
    assert content(path) == OLD


def test_disk_of_this_machine_that_is_full_is_told_apart_from_the_store(path, room, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/dev/null")
    with pytest.raises(
        InputError, match=r"^/dev/null: expected to write it, found 'Not a directory'; see to the disk"
    ):
        publish(path)
    with pytest.raises(InputError, match=r"^/dev/null: expected to write it"):
        open_published(path)
    monkeypatch.setattr("tempfile.tempdir", str(room))
    assert content(path) == OLD


# The whole graph


@dataclass
class Deployment:
    """Upstream's files and a DAGSTER_HOME on this machine, and a DATA_ROOT that is a prefix of a bucket."""

    folder: Path
    root: DataRoot
    endpoint: str
    short: str  # name of a folder, short enough for that of a socket in it

    def __post_init__(self) -> None:
        for name in ("home", "upstream"):
            (self.folder / name).mkdir()
        (self.folder / "home" / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
        write_upstream(self.folder / "upstream")

    def call(self, *command: str) -> str:
        """Run it to its good end, and give all that it printed."""
        run = subprocess.run(
            command,
            cwd=PROJECT,
            env={
                **os.environ,
                **environment(self.endpoint),
                "DAGSTER_HOME": str(self.folder / "home"),
                "UPSTREAM_STORAGE": str(self.folder / "upstream"),
                "DATA_ROOT": str(self.root.path),
                "RAY_TMPDIR": self.short,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-3_000:]
        return run.stdout

    def launch(self) -> str:
        return self.call(
            str(DG), "launch", "--job", "visualization_job", "--config-json", json.dumps({"ops": FAST})
        )

    def place_batch(self, name: str, **config: Any) -> str:
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            instance.add_dynamic_partitions(BATCHES.name, [name])
        settings = json.dumps({"ops": {"batch": {"config": config}}})
        job = ["--job", "batch_job", "--partition", name, "--config-json", settings]
        return self.call(str(DG), "launch", *job)

    def metadata(self, asset: str) -> dict[str, Any]:
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(asset))
            return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.fixture
def short():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


@pytest.mark.skipif(not DG.exists(), reason="dg is not installed; run make install")
def test_two_runs_on_an_object_store(endpoint, root, room, tmp_path, short):
    deployment = Deployment(tmp_path, root, endpoint, short)
    printed = deployment.launch()
    assert deployment.metadata("umap_projection")["made"] == "afresh: there is no last map"
    first, _ = read_result(root.tables, "umap_projection")
    id_, label = first["id"][0].as_py(), first["class_label"][0].as_py()
    put(root.reviews, REVIEW.format(id=id_).replace(",A,", f",{label},").encode(), "/ada.csv")
    printed += deployment.launch()

    map_metadata = deployment.metadata("umap_projection")
    assert (map_metadata["made"], map_metadata["rows_known"]) == ("the last map, new rows placed", 240)
    assert map_metadata["path"] == f"{root.path}/visualization/umap_projection.parquet"
    second, _ = read_result(root.tables, "umap_projection")
    assert second.equals(first)
    assert deployment.metadata("reviewed_labels")["rows_keep"] == 1
    assert deployment.metadata("row_changes")["compared_with"] == "the last run"

    logs = deployment.metadata("projector_logs")
    assert logs["step_in_history"] == 2
    name = logs["run"].removeprefix(f"{root.projector_runs}/")
    copy = f"aws s3 cp --recursive '{root.projector_runs}/{name}' {name}"
    assert logs["open_with"] == f"{copy} && tensorboard --logdir {name} --host 127.0.0.1"
    files = {"bookmarks.json", "metadata.tsv", "projector_config.pbtxt", "train.bytes"}
    events = {f"events.out.tfevents.{step:06}" for step in (1, 2)}
    assert set(names(root.projector_runs / name)) == files | events
    assert content(root.tables / "projector.html").rstrip().endswith(b"</html>")

    new = make_training_set()
    new = TrainingSet(new.table.slice(0, 60), new.vectors[:60], new.class_labels)
    for part, rows in enumerate((slice(0, 40), slice(40, 60))):
        file = tmp_path / f"{part}.parquet"
        write_batch(file, TrainingSet(new.table.slice(rows.start, rows.stop - rows.start), new.vectors[rows], {}))
        put(root.incoming, file.read_bytes(), f"/many.parquet/{part}.parquet")
    write_batch(tmp_path / "one.parquet", new)
    put(root.incoming, (tmp_path / "one.parquet").read_bytes(), "/one.parquet")
    printed += deployment.place_batch("one") + deployment.place_batch("many", workers=2)
    one, many = (read_result(root.tables, f"batch_projection/{name}")[0] for name in ("one", "many"))
    assert one["id"].to_pylist() == new.table["id"].to_pylist()
    assert one.replace_schema_metadata().equals(many.replace_schema_metadata())
    assert names(root.scratch) == []

    loaded = deployment.call(sys.executable, "-c", LOAD)
    assert loaded.split() == ["DataFrame", "240", "memmap", "(240,", "16)"]
    assert list(room.iterdir()) == []
    assert SECRET not in printed
    assert [file for file in tmp_path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()] == []
    assert [name for name in names(root.path) if SECRET.encode() in content(root.path / name)] == []


def test_path_of_the_store_holds_no_secret(root):
    assert SECRET not in repr((root, root.path.storage_options))
