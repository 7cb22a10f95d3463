"""Every fault of upstream's files, seen from Dagster: its message first, and the last good result untouched.

What each message says in detail is tested with the readers and the gate.
"""

import hashlib
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder

from tests.support.genuine_pickles import fitted_encoder, label_transform
from tests.support.synthetic import make_training_set
from text_classification_viz.assets import gate
from text_classification_viz.definitions import build_definitions
from text_classification_viz.sources import train_set_file, upstream_files
from text_classification_viz.storage.reading import stable_read

TRAINING_SET = make_training_set()
ROWS: list[dict[str, Any]] = TRAINING_SET.table.to_pylist()
LABELS = TRAINING_SET.class_labels
SETTLED = -10.0  # seconds: files that were written that long ago are no longer waited for


def labels(classes: list[str] | None = None, **attributes: object) -> bytes:
    """The pickle of `label_transform`, with other classes or attributes than the sound ones."""
    encoder = fitted_encoder(np.array(list(LABELS) if classes is None else classes))
    return label_transform(**{"class_labels": LABELS, "label_encoder": encoder, **attributes})


def rows_with(row: int, **fields: object) -> bytes:
    """The pickle of `train_set` with fields of one row replaced; `...` leaves one out."""
    changed = {name: value for name, value in {**ROWS[row], **fields}.items() if value is not ...}
    return pickle.dumps([*ROWS[:row], changed, *ROWS[row + 1 :]], 4)


def vectors_with(row: int, value: float) -> bytes:
    vectors = TRAINING_SET.vectors.copy()
    vectors[row] = value
    return pickle.dumps(vectors, 4)


SOUND = {
    "train_set": pickle.dumps(ROWS, 4),
    "train_embeddings": pickle.dumps(TRAINING_SET.vectors, 4),
    "label_transform": labels(),
}


def write(storage: Path, key: str, content: bytes) -> None:
    path = storage / key
    path.write_bytes(content)
    settled = time.time() + SETTLED
    os.utime(path, (settled, settled))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Upstream's storage and a DATA_ROOT with the tables of one good run."""
    folder = tmp_path_factory.mktemp("faults")
    storage, data_root = folder / "storage", folder / "data"
    storage.mkdir()
    for key, content in SOUND.items():
        write(storage, key, content)
    assert run(storage, data_root).success
    return storage, data_root


@pytest.fixture
def storage(finished: tuple[Path, Path]):
    """The storage of the good run, to spoil; put right afterwards."""
    yield finished[0]
    for key, content in SOUND.items():
        path = finished[0] / key
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        write(finished[0], key, content)


def run(storage: Path, data_root: Path) -> dg.ExecuteInProcessResult:
    job = build_definitions(data_root, storage).resolve_job_def("visualization_job")
    selection = [dg.AssetKey("train_df"), dg.AssetKey("train_vectors")]
    return job.execute_in_process(asset_selection=selection, raise_on_error=False)


def hashes(data_root: Path) -> dict[str, str]:
    files = [file for file in data_root.rglob("*") if file.is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def message_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data.description


def assert_refused(finished: tuple[Path, Path], *parts: str) -> None:
    """A run fails, says all `parts` at once, publishes nothing and leaves what was there."""
    storage, data_root = finished
    before = hashes(data_root)
    result = run(storage, data_root)
    assert not result.success
    message = message_of(result)
    first_line = message.splitlines()[0]
    for part in (*parts, "expected", "found"):
        assert part in first_line, message
    assert "Traceback" not in message
    assert not result.get_asset_materialization_events()
    assert hashes(data_root) == before


SPOILED: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "03 empty": ("train_set", b"", ("an empty file",)),
    "04 truncated": ("train_set", SOUND["train_set"][:-100], (f"{len(SOUND['train_set']) - 100:,}", "truncated")),
    "05 bytes after the end": ("train_embeddings", SOUND["train_embeddings"] + b"xyz", ("3 bytes after its end",)),
    "06 foreign global": ("label_transform", b"\x80\x04cos\nsystem\n.", ("foreign global 'os.system'",)),
    "07 forbidden opcode": ("train_set", b"\x80\x04Pid\n.", ("forbidden opcode",)),
    "08 protocol 0": ("train_set", pickle.dumps(ROWS, 0), ("protocol 2 to 5",)),
    "12 not a list": ("train_set", pickle.dumps({"id": 1}, 4), ("list",)),
    "13 zero rows": ("train_set", pickle.dumps([], 4), ("at least one row",)),
    "14 a row is no dict": ("train_set", pickle.dumps([*ROWS[:5], "row", *ROWS[6:]], 4), ("row 5",)),
    "15 field missing": ("train_set", rows_with(7, headline=...), ("row 7", "headline")),
    "16 field of a wrong type": ("train_set", rows_with(7, category=3), ("row 7", "category", "int")),
    "17 invalid UTF-8": ("train_set", SOUND["train_set"].replace(b"Number 9:", b"N\xffmber 9:"), ("UTF-8",)),
    "18 id None": ("train_set", rows_with(7, id=None), ("row 7", "id", "None")),
    "19 duplicate id": (
        "train_set",
        rows_with(7, id=ROWS[3]["id"]),
        ("unique ids", f"id {ROWS[3]['id']}", "[3, 7]"),
    ),
    "20 no text at all": (
        "train_set",
        pickle.dumps([{**row, "headline": None, "short_description": None} for row in ROWS], 4),
        ("None in both", "240 rows"),
    ),
    "21 not 2-D": ("train_embeddings", pickle.dumps(TRAINING_SET.vectors.ravel(), 4), ("2",)),
    "22 wrong dtype": ("train_embeddings", pickle.dumps(TRAINING_SET.vectors.astype(float), 4), ("float32",)),
    "23 NaN": ("train_embeddings", vectors_with(7, np.nan), ("NaN or infinity in 1 rows", "[7]")),
    "25 rows and vectors differ": ("train_embeddings", pickle.dumps(TRAINING_SET.vectors[:-1], 4), ("240", "239")),
    "27 category is no class": ("train_set", rows_with(7, category="Z"), ("'Z'", "[7]", "label_transform")),
    "28 class without a label": ("label_transform", labels(class_labels={**LABELS, "2": None}), ("'2'", "label")),
    "29 duplicate classes": ("label_transform", labels(classes=[*LABELS, "0"]), ("distinct classes", "'0'")),
    "29 encoder not fitted": ("label_transform", labels(label_encoder=LabelEncoder()), ("classes_", "fit")),
    "30 misaligned": (
        "train_embeddings",
        pickle.dumps(np.roll(TRAINING_SET.vectors, 1, axis=0), 4),
        ("vector i to belong to row i", "materialize train_embeddings upstream again"),
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_spoiled_file(finished, storage, fault):
    key, content, parts = SPOILED[fault]
    assert content != SOUND[key]
    write(storage, key, content)
    assert_refused(finished, key, *parts)


def test_01_missing(finished, storage):
    (storage / "train_embeddings").unlink()
    assert_refused(finished, "train_embeddings", "materialize train_embeddings upstream first")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "FIFO"])
def test_02_directory_or_fifo(finished, storage, make: Callable[[Path], None]):
    (storage / "train_set").unlink()
    make(storage / "train_set")
    assert_refused(finished, "train_set")


def test_09_above_the_size_limit(finished, storage, monkeypatch):
    monkeypatch.setitem(upstream_files.read_train_set.__kwdefaults__, "size_limit", 1_000)
    assert_refused(finished, "train_set", "at most 1,000 bytes")


def test_10_no_permission(finished, storage, monkeypatch):
    """Simulated, for the tests may run as root, whom nothing is forbidden."""
    genuine_open = os.open

    def refuse(path, *args, **kwargs):
        if Path(os.fsdecode(path)) == storage / "train_set":
            raise PermissionError(13, "Permission denied", str(path))
        return genuine_open(path, *args, **kwargs)

    monkeypatch.setattr(stable_read.os, "open", refuse)
    assert_refused(finished, "train_set", "permission")


def test_11_changed_while_read(finished, storage, monkeypatch):
    """Each time it is read, somebody writes to the file before it has been read to its end."""
    genuine_parse = train_set_file.parse_pickle

    def parse_while_it_changes(file):
        write(storage, "train_set", SOUND["train_set"])
        return genuine_parse(file)

    monkeypatch.setattr(train_set_file, "parse_pickle", parse_while_it_changes)
    monkeypatch.setitem(upstream_files.read_train_set.__kwdefaults__, "retry_for_s", 0.3)
    assert_refused(finished, "train_set", "went on changing")


def test_upstream_replaced_before_all_files_were_read_is_no_mixture(finished, storage, monkeypatch):
    """The old rows would fit the vectors that are read next, in number and, but for one row, in their texts."""

    def check_after_upstream_has_moved_on(sources):
        write(storage, "train_set", rows_with(7, headline="another text"))
        upstream_files.check_unchanged(sources)

    monkeypatch.setattr(gate, "check_unchanged", check_after_upstream_has_moved_on)
    assert_refused(finished, "train_set", "written meanwhile", "run this again")


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        pytest.param(vectors_with(7, 0.0), "1 vectors are all zero, first rows [7]", id="24 all-zero row"),
        pytest.param(
            vectors_with(7, 2.0), "1 vectors are not of unit length, first rows [7]", id="24 other length"
        ),
        pytest.param(SOUND["train_embeddings"], "16 dimensions where 384 were expected", id="26 other width"),
    ],
)
def test_odd_but_usable_is_a_warning_in_the_catalog(storage, tmp_path, content, warning):
    write(storage, "train_embeddings", content)
    result = run(storage, tmp_path)
    assert result.success
    for event in result.get_asset_materialization_events():
        assert warning in event.materialization.metadata["warnings"].value
