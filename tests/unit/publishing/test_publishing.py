"""Publishing: whatever happens to a writer, a reader finds the last good result or the new one, whole."""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.storage.publishing import disk
from text_classification_viz.storage.publishing.disk import STAGING
from text_classification_viz.storage.publishing.store import published_file, published_folder, remove_old_folders

OLD, NEW = b"the last good result", b"the new result"
KILLS = 15
PART, PARTS = 100_000, 20  # bytes at a time, and how many times: a write of some 20 ms that a kill can hit
HOUR = 3_600.0

# Writers that publish one letter over and over, another letter each time, until they are killed.
FILE_WRITER = f"""
import itertools, sys, time
from pathlib import Path
from text_classification_viz.storage.publishing import published_file
for letter in itertools.cycle(b"abcdefg"):
    with published_file(Path(sys.argv[1])) as file:
        for _ in range({PARTS}):
            file.write(bytes([letter]) * {PART})
            time.sleep(0.001)
    print("published", flush=True)
"""
FOLDER_WRITER = f"""
import itertools, sys, time
from pathlib import Path
from text_classification_viz.storage.publishing import published_folder
for number in itertools.count():
    with published_folder(Path(sys.argv[1]) / f"{{sys.argv[2]}}-{{number}}") as folder:
        for part in range({PARTS}):
            (folder / f"{{part}}.bin").write_bytes(b"x" * {PART})
            time.sleep(0.001)
    print("published", flush=True)
"""


@pytest.fixture
def path(tmp_path):
    """A file that was published before."""
    path = tmp_path / "table.parquet"
    with published_file(path) as file:
        file.write(OLD)
    return path


def publish(path, content=NEW):
    with published_file(path) as file:
        file.write(content)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def kill_in_the_middle(program, *arguments, rng):
    """Start a writer, and kill it at some moment after it has published once."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"published\n"
        time.sleep(rng.uniform(0, 0.08))
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL


# Files


def test_file_is_there_when_the_block_has_ended_and_not_before(tmp_path):
    path = tmp_path / "new folder" / "table.parquet"
    with published_file(path) as file:
        file.write(NEW)
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == NEW
    assert names(path.parent) == [path.name]


def test_file_takes_the_place_of_the_old_one(path):
    with published_file(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert names(path.parent) == [path.name]


def test_reader_that_has_the_old_file_open_reads_it_to_the_end(path):
    with path.open("rb") as reader:
        start = reader.read(4)
        publish(path)
        assert start + reader.read() == OLD


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), KeyboardInterrupt()])
def test_exception_in_the_block_leaves_the_old_file(path, error):
    with pytest.raises(type(error)), published_file(path) as file:
        file.write(NEW)
        raise error
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


def test_exception_in_the_first_block_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), published_file(tmp_path / "table.parquet") as file:
        file.write(NEW)
        raise RuntimeError("a fault of ours")
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_disk_that_fails_to_flush_leaves_the_old_file(path, monkeypatch, code):
    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk.os, "fsync", fail)
    with pytest.raises(InputError, match=os.strerror(code)):
        publish(path)
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


@pytest.mark.parametrize("size", [10_000, 10_000_000], ids=["when it is flushed", "while it is written"])
def test_write_that_the_system_refuses_leaves_the_old_file(path, size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
    try:
        with pytest.raises(InputError, match=os.strerror(errno.EFBIG)):
            publish(path, b"x" * size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


def test_rename_that_fails_leaves_the_old_file(path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk.Path, "replace", fail)
    with pytest.raises(InputError, match=os.strerror(errno.EIO)):
        publish(path)
    assert path.read_bytes() == OLD
    assert names(path.parent) == [path.name]


def test_folder_that_fails_to_flush_is_told_and_leaves_the_new_file_whole(path, monkeypatch):
    flush = os.fsync
    flushed = []

    def fail_the_second_time(descriptor):
        flushed.append(descriptor)
        if len(flushed) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(descriptor)

    monkeypatch.setattr(disk.os, "fsync", fail_the_second_time)
    with pytest.raises(InputError, match=os.strerror(errno.EIO)):
        publish(path)
    assert path.read_bytes() == NEW
    assert names(path.parent) == [path.name]


def test_bytes_are_flushed_before_the_rename_and_the_folder_after_it(path, monkeypatch):
    steps = []
    flush, replace = os.fsync, disk.Path.replace

    def record_flush(descriptor):
        steps.append("flush folder" if os.path.isdir(f"/dev/fd/{descriptor}") else "flush file")  # noqa: PTH112
        flush(descriptor)

    def record_replace(source, target):
        steps.append("rename")
        assert source.read_bytes() == NEW
        return replace(source, target)

    monkeypatch.setattr(disk.os, "fsync", record_flush)
    monkeypatch.setattr(disk.Path, "replace", record_replace)
    publish(path)
    assert steps == ["flush file", "rename", "flush folder"]


def test_killed_writers_leave_a_whole_file_and_the_next_one_cleans_up(tmp_path):
    path, rng, strays = tmp_path / "table.parquet", random.Random(0), 0
    for _ in range(KILLS):
        kill_in_the_middle(FILE_WRITER, path, rng=rng)
        content = path.read_bytes()
        assert len(content) == PART * PARTS
        assert len(set(content)) == 1
        left = len(names(tmp_path)) - 1
        assert left <= 1  # the writer itself has removed what the one before it left
        strays += left
    print(f"\n{strays} of {KILLS} kills left a temporary file")
    assert strays > 0  # some of the kills came in the middle of a write
    publish(path)
    assert names(tmp_path) == [path.name]
    assert path.read_bytes() == NEW


def test_file_of_a_living_writer_is_not_removed(path):
    with published_file(path) as slow:
        slow.write(b"slow")
        publish(path)
        assert path.read_bytes() == NEW
        assert len(names(path.parent)) == 2
    assert path.read_bytes() == b"slow"
    assert names(path.parent) == [path.name]


def test_file_of_a_writer_that_lives_in_another_process_is_not_removed(tmp_path):
    path = tmp_path / "table.parquet"
    program = FILE_WRITER.replace("time.sleep(0.001)", "print('writing', flush=True); sys.stdin.readline()")
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"writing\n"
        publish(path)
        assert len(names(tmp_path)) == 2
        writer.kill()
    publish(path)
    assert names(tmp_path) == [path.name]


def test_files_of_others_are_not_removed(path):
    others = ["notes.tmp", f".{path.name}.swp", ".other.parquet.0.tmp", f"{path.name}.0.tmp"]
    for name in others:
        (path.parent / name).touch()
    publish(path)
    assert names(path.parent) == sorted([*others, path.name])


# Folders


def test_folder_is_there_when_the_block_has_ended_and_not_before(tmp_path):
    path = tmp_path / "runs" / "run"
    with published_folder(path) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_bytes(NEW)
        assert names(tmp_path / "runs") == []
    assert (path / "inner" / "file").read_bytes() == NEW
    assert names(tmp_path / "runs") == ["run"]
    assert names(tmp_path / STAGING) == []


def test_watcher_of_the_parent_never_sees_part_of_a_folder(tmp_path):
    runs, n_files, n_runs = tmp_path / "runs", 40, 25
    runs.mkdir()
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            seen.extend(len(names(run)) for run in runs.iterdir())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(n_runs):
            with published_folder(runs / str(number)) as folder:
                for part in range(n_files):
                    (folder / str(part)).write_bytes(NEW)
    finally:
        stop.set()
        watcher.join()
    assert seen
    assert set(seen) == {n_files}


def test_exception_in_the_block_leaves_no_folder(tmp_path):
    with pytest.raises(RuntimeError), published_folder(tmp_path / "runs" / "run") as folder:
        (folder / "file").write_bytes(NEW)
        raise RuntimeError("a fault of ours")
    assert names(tmp_path / "runs") == []
    assert names(tmp_path / STAGING) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_disk_that_fails_to_flush_leaves_no_folder(tmp_path, monkeypatch, code):
    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk.os, "fsync", fail)
    with pytest.raises(InputError, match=os.strerror(code)), published_folder(tmp_path / "runs" / "run") as folder:
        (folder / "file").write_bytes(NEW)
    assert names(tmp_path / "runs") == []
    assert names(tmp_path / STAGING) == []


@pytest.mark.parametrize("content", [{}, {"file": OLD}], ids=["empty", "full"])
def test_folder_that_exists_is_an_error_and_stays(tmp_path, content):
    path = tmp_path / "runs" / "run"
    path.mkdir(parents=True)
    for name, old in content.items():
        (path / name).write_bytes(old)
    inode, entered = path.stat().st_ino, []
    with pytest.raises(InputError, match=r"run: .*'File exists'"), published_folder(path):
        entered.append(True)
    assert not entered
    assert path.stat().st_ino == inode
    assert {file.name: file.read_bytes() for file in path.iterdir()} == content


def test_folder_that_appears_meanwhile_is_an_error_and_stays(tmp_path):
    path = tmp_path / "runs" / "run"
    with pytest.raises(InputError, match="run"), published_folder(path) as folder:
        (folder / "file").write_bytes(NEW)
        path.mkdir()
        (path / "file").write_bytes(OLD)
    assert (path / "file").read_bytes() == OLD
    assert names(tmp_path / STAGING) == []


def test_killed_writers_leave_whole_folders_and_the_next_one_cleans_up(tmp_path):
    runs, rng, strays = tmp_path / "runs", random.Random(1), 0
    for kill in range(KILLS // 3):
        kill_in_the_middle(FOLDER_WRITER, runs, kill, rng=rng)
        left = len(names(tmp_path / STAGING))
        assert left <= 1
        strays += left
    assert len(names(runs)) >= KILLS // 3
    for run in runs.iterdir():
        assert len(names(run)) == PARTS
        assert {file.stat().st_size for file in run.iterdir()} == {PART}
    print(f"\n{strays} of {KILLS // 3} kills left a temporary folder")
    assert strays > 0
    with published_folder(runs / "last"):
        pass
    assert names(tmp_path / STAGING) == []


def test_folder_of_a_living_writer_is_not_removed(tmp_path):
    with published_folder(tmp_path / "runs" / "slow") as slow:
        (slow / "file").write_bytes(OLD)
        with published_folder(tmp_path / "runs" / "fast") as fast:
            (fast / "file").write_bytes(NEW)
    assert (tmp_path / "runs" / "slow" / "file").read_bytes() == OLD
    assert (tmp_path / "runs" / "fast" / "file").read_bytes() == NEW


# Old folders


def make_folders(parent, **hours):
    """A folder of each name, last written so many hours ago."""
    for name, age in hours.items():
        (parent / name).mkdir()
        (parent / name / "file").write_bytes(OLD)
        written = time.time() - age * HOUR
        os.utime(parent / name, (written, written))


def test_old_folders_are_removed_and_young_ones_kept(tmp_path):
    make_folders(tmp_path, ancient=100, old=49, recent=47, new=0)
    assert remove_old_folders(tmp_path, "*", keep_hours=48) == (["ancient", "old"], [])
    assert names(tmp_path) == ["new", "recent"]
    assert (tmp_path / "recent" / "file").read_bytes() == OLD


def test_newest_folder_is_kept_however_old(tmp_path):
    make_folders(tmp_path, a=300, b=200, c=250)
    assert remove_old_folders(tmp_path, "*", keep_hours=0) == (["a", "c"], [])
    assert names(tmp_path) == ["b"]
    assert remove_old_folders(tmp_path, "*", keep_hours=0) == ([], [])
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("hours_ahead", [10 * 365 * 24, -10 * 365 * 24])
def test_a_clock_that_is_wrong_once_removes_two_at_most(tmp_path, monkeypatch, hours_ahead):
    make_folders(tmp_path, a=5, b=4, c=3, d=2, e=1)
    with monkeypatch.context() as patched:
        wrong = time.time() + hours_ahead * HOUR
        patched.setattr(time, "time", lambda: wrong)
        make_folders(tmp_path, under_the_wrong_clock=0)
        remove_old_folders(tmp_path, "*", keep_hours=48)
    assert {"c", "d", "e", "under_the_wrong_clock"} <= set(names(tmp_path))
    make_folders(tmp_path, f=0)
    remove_old_folders(tmp_path, "*", keep_hours=48)
    assert {"c", "d", "e", "f"} <= set(names(tmp_path))


def test_files_beside_old_folders_stay(tmp_path):
    make_folders(tmp_path, old=100, new=0)
    (tmp_path / "notes.txt").write_text("not a folder")
    os.utime(tmp_path / "notes.txt", (0, 0))
    assert remove_old_folders(tmp_path, "*", keep_hours=1) == (["old"], [])
    assert names(tmp_path) == ["new", "notes.txt"]


def test_parent_without_folders_has_nothing_to_remove(tmp_path):
    assert remove_old_folders(tmp_path, "*", keep_hours=1) == ([], [])


def test_folders_of_other_names_and_those_that_cannot_be_moved_stay(tmp_path, monkeypatch):
    make_folders(tmp_path, run_1=100, run_2=90, run_3=0, baseline=500)
    genuine = Path.rename

    def refuse(path, target):
        if path.name == "run_1":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return genuine(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert remove_old_folders(tmp_path, "run_?", keep_hours=1) == (["run_2"], ["run_1"])
    assert names(tmp_path) == ["baseline", "run_1", "run_3"]


@pytest.mark.parametrize("code", [errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_nothing_can_be_locked_results_are_published_and_nothing_is_taken_for_abandoned(
    tmp_path, monkeypatch, code
):
    """As on some network file systems."""

    def refuse(*_args):
        raise OSError(code, os.strerror(code))

    (tmp_path / ".file.0.tmp").write_bytes(OLD)
    monkeypatch.setattr(disk.fcntl, "flock", refuse)
    with published_file(tmp_path / "file") as file:
        file.write(NEW)
    with published_folder(tmp_path / "runs" / "run") as folder:
        (folder / "file").write_bytes(NEW)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "runs" / "run" / "file").read_bytes() == NEW
    assert names(tmp_path) == [".file.0.tmp", ".staging", "file", "runs"]
    assert names(tmp_path / ".staging") == []


def test_writer_that_gets_no_lock_for_another_reason_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk.fcntl, "flock", refuse)
    with pytest.raises(InputError, match=os.strerror(errno.EIO)), published_file(tmp_path / "file"):
        pytest.fail("entered")
    assert names(tmp_path) == []


def test_folder_of_folders_may_be_a_link_to_another_disk(tmp_path):
    (tmp_path / "disk" / "runs").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "runs").symlink_to(tmp_path / "disk" / "runs")
    with published_folder(tmp_path / "here" / "runs" / "run") as folder:
        assert folder.parent == tmp_path / "disk" / STAGING
    assert names(tmp_path / "disk" / "runs") == ["run"]
