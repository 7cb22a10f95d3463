"""Processes that publish and are killed, or refused by the system, on the way; and how to tell what they left.

Scope: what each kind of result is published with and read by, and the children that do it, forked from a
server that has imported everything. Where they are hit is the business of the tests.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.resources.results_io_manager import publish_result, read_result
from text_classification_viz.storage.publishing.data_root import DataRoot
from text_classification_viz.storage.publishing.disk import STAGING
from text_classification_viz.storage.publishing.store import published_folder, remove_old_folders
from text_classification_viz.views.projector.history import write_history
from text_classification_viz.views.projector.run import Layout, write_run

FORKS = multiprocessing.get_context("forkserver")
# By name, and not this module, which a server started by Python 3.11 does not find.
FORKS.set_forkserver_preload(
    [
        "pytest",
        "PIL.Image",
        "pandas",
        "pyarrow.vendored.version",
        "tensorboard.compat.proto.event_pb2",
        "tensorboard.compat.proto.summary_pb2",
        "tensorboard.plugins.projector.projector_config_pb2",
        "tensorboard.summary.writer.record_writer",
        "text_classification_viz.views.projector.run",
        "text_classification_viz.views.projector.history",
        "text_classification_viz.resources.results_io_manager",
    ]
)

N_ROWS = 40_000  # enough for a file to be written in several calls
N_LOGGED = 50
WHOLE, REFUSED, DEFECT = 0, 1, 2  # how a child ends


@dataclass(frozen=True)
class Kind:
    """A kind of result: how a version of it is published, and which one is there, whole."""

    publish: Callable[[DataRoot, int], None]
    version: Callable[[DataRoot], int]


def _publish_table(root: DataRoot, version: int) -> None:
    table = pa.table({"id": np.arange(N_ROWS), "x": np.full(N_ROWS, version, np.float32)})
    publish_result(root.tables, "umap_projection", table, _lineage(version))


def _table_version(root: DataRoot) -> int:
    table, lineage = read_result(root.tables, "umap_projection")
    assert table["id"].to_pylist() == list(range(N_ROWS))
    return _the_one([*table["x"].unique().to_pylist(), lineage["config"]["version"]])


def _publish_array(root: DataRoot, version: int) -> None:
    publish_result(root.tables, "train_vectors", np.full((N_ROWS, 2), version, np.float32), _lineage(version))


def _array_version(root: DataRoot) -> int:
    array, lineage = read_result(root.tables, "train_vectors")
    assert array.shape == (N_ROWS, 2)
    return _the_one([*np.unique(array), lineage["config"]["version"]])


def _publish_page(root: DataRoot, version: int) -> None:
    root.publish("triage_page.html", np.full(N_ROWS, version, np.int64).tobytes())


def _page_version(root: DataRoot) -> int:
    content = np.frombuffer((root.tables / "triage_page.html").read_bytes(), np.int64)
    assert content.shape == (N_ROWS,)
    return _the_one(content)


def _publish_run(root: DataRoot, version: int) -> None:
    vectors = np.random.default_rng(version).normal(size=(N_LOGGED, 8)).astype(np.float32)
    vectors[:, 0] = version
    metadata = pa.table({"headline": [f"version {version}"] * N_LOGGED, "class_label": ["A"] * N_LOGGED})
    with published_folder(root.projector_runs / f"{version:06}") as folder:
        previous = max(root.projector_runs.glob("*"), default=None)
        write_run(folder, vectors, metadata, [Layout("UMAP 2D", vectors[:, :2])])
        write_history(folder, {"version": float(version)}, {}, previous)
    remove_old_folders(root.projector_runs, "*", keep_hours=0)


def _run_version(root: DataRoot) -> int:
    """The newest of the runs, each of which is whole."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    versions = []
    for run in sorted(root.projector_runs.iterdir()):
        (tensors,), (texts,) = run.rglob("*.bytes"), run.rglob("*.tsv")
        vectors = np.fromfile(tensors, np.float32).reshape(N_LOGGED, -1)
        rows = texts.read_text().splitlines()[1:]
        assert len(rows) == N_LOGGED
        events = EventAccumulator(str(run))
        events.Reload()
        last = events.Scalars("version")[-1].value
        versions.append(_the_one([*vectors[:, 0], *{int(row.split("\t")[0].split()[1]) for row in rows}, last]))
    return max(versions)


def _lineage(version: int) -> dict:
    return {"code_version": "1", "config": {"version": version}, "upstream_sha256": {}}


def _the_one(versions: list) -> int:
    (version,) = {int(version) for version in versions}
    return version


KINDS = {
    "table": Kind(_publish_table, _table_version),
    "array": Kind(_publish_array, _array_version),
    "page or picture": Kind(_publish_page, _page_version),
    "TensorBoard run": Kind(_publish_run, _run_version),
}


def strays(root: DataRoot) -> list[str]:
    """Temporary files and folders that are there."""
    hidden = [path for path in root.path.rglob(".*") if path.name != STAGING]
    return sorted(map(str, hidden + list((root.path / "embeddings" / STAGING).glob("*"))))


def publish_until_killed(kind: str, root: DataRoot, done: Connection) -> None:
    """Publish version after version, from 1 on, and send the number of each when it is there."""
    version = 0
    while True:
        version += 1
        KINDS[kind].publish(root, version)
        done.send(version)


def publish_when_told(kind: str, root: DataRoot, version: int, ready: Connection) -> None:
    """Say that all is ready, wait for SIGUSR1, publish, and end with WHOLE, REFUSED or DEFECT as exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    ready.send(None)
    signal.sigwait([signal.SIGUSR1])
    try:
        KINDS[kind].publish(root, version)
    except InputError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(REFUSED)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(DEFECT)
    os._exit(WHOLE)
