"""Writers that are killed, or refused by the disk, at any moment: the last good result loads and nothing is left.

Scope: faults from outside, on real files and processes. What publishing does step by step is in
`test_publishing`.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.crash_writers import (
    DEFECT,
    FORKS,
    KINDS,
    REFUSED,
    WHOLE,
    publish_until_killed,
    publish_when_told,
    strays,
)
from text_classification_viz.storage.publishing.data_root import DataRoot

pytestmark = pytest.mark.slow

LONGEST_S = 90.0  # for a publication of some milliseconds; more is a hang
KILL = "signal=SIGKILL"
FAULTS = (KILL, "error=ENOSPC", "error=EIO", "error=EROFS")


@pytest.fixture
def root(tmp_path: Path) -> DataRoot:
    return DataRoot(tmp_path / "data")


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_writer_killed_at_random_moments(root, kind, trials, tell):
    """As often as was asked for, and on until one was hit amid a file, which is a matter of luck."""
    rng, n_wanted, n_kills, n_amid = random.Random(0), trials(10, 100), 0, 0
    while n_kills < n_wanted or (not n_amid and n_kills < 10 * n_wanted):
        n_kills += 1
        receiver, sender = FORKS.Pipe(duplex=False)
        writer = FORKS.Process(target=publish_until_killed, args=(kind, root, sender))
        writer.start()
        sender.close()
        has_begun = receiver.poll(LONGEST_S)
        time.sleep(rng.uniform(0, 0.05))
        writer.kill()
        writer.join()
        assert has_begun, "a hang"
        assert writer.exitcode == -signal.SIGKILL
        last = 0
        while True:
            try:
                last = receiver.recv()
            except EOFError:
                break
        n_amid += bool(strays(root))
        # The number of a publication is sent after it, so the writer may have been one further.
        assert KINDS[kind].version(root) in (last, last + 1)
        # A run is a new folder each time, and their names go on.
        shutil.rmtree(root.projector_runs, ignore_errors=True)
    KINDS[kind].publish(root, n_kills)
    assert KINDS[kind].version(root) == n_kills
    assert strays(root) == []
    assert n_amid
    tell(f"killed at random: {kind}, {n_kills} times, {n_amid} of them with a temporary file; lost: 0")


@dataclass(frozen=True)
class Call:
    """The `number`-th call of a system call in one publication."""

    name: str
    number: int


def publish_under_strace(kind: str, root: DataRoot, version: int, *options: str) -> int:
    """Publish in a child to which strace holds on while it does, and give its exit code."""
    receiver, sender = FORKS.Pipe(duplex=False)
    child = FORKS.Process(target=publish_when_told, args=(kind, root, version, sender), daemon=True)
    child.start()
    assert receiver.poll(LONGEST_S), "a hang"
    command = ["strace", "-f", "-p", str(child.pid), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            first = tracer.stderr.readline()
            if "attached" not in first:
                pytest.skip(f"strace may not trace here: {first.strip()}")
            os.kill(child.pid, signal.SIGUSR1)
            child.join(LONGEST_S)
            assert child.exitcode is not None, "a hang"
            return child.exitcode
        finally:
            child.kill()
            child.join()
            tracer.wait(LONGEST_S)


def calls_of_one_publication(kind: str, root: DataRoot, version: int, log: Path) -> list[Call]:
    """All calls that have to do with files, in the order in which they are first made."""
    assert publish_under_strace(kind, root, version, "-e", "trace=%file,%desc", "-o", str(log)) == WHOLE
    counts: Counter[str] = Counter()
    calls = []
    for line in log.read_text().splitlines():
        if called := re.match(r"\d+ +(\w+)\(", line):
            counts[called[1]] += 1
            calls.append(Call(called[1], counts[called[1]]))
    return calls


@pytest.mark.soak
@pytest.mark.strace
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_fault_at_every_call_that_has_to_do_with_files(root, tmp_path, kind, trials, tell):
    KINDS[kind].publish(root, 1)
    version = 2
    calls = calls_of_one_publication(kind, root, version, tmp_path / "calls.txt")
    assert {"openat", "write", "fsync", "flock"} <= {call.name for call in calls}
    # Of each fault as many, or in the short form there may be none of one.
    rng, n_each = random.Random(0), trials(3, len(calls))
    points = [(call, fault) for fault in FAULTS for call in rng.sample(calls, n_each)]
    ends: Counter[int] = Counter()
    for call, fault in points:
        before, version = version, version + 1
        end = publish_under_strace(
            kind, root, version, "-o", "/dev/null", "-e", f"inject={call.name}:{fault}:when={call.number}"
        )
        ends[end] += 1
        found = KINDS[kind].version(root)
        if end == WHOLE:
            assert found == version, (call, fault)
        else:
            assert end in ((-signal.SIGKILL,) if fault == KILL else (REFUSED,)), (call, fault)
            assert found in (before, version), (call, fault)
        version += 1
        KINDS[kind].publish(root, version)
        assert KINDS[kind].version(root) == version
        assert strays(root) == [], (call, fault)
    assert ends[-signal.SIGKILL]
    assert ends[REFUSED]
    assert not ends[DEFECT]
    tell(
        f"a fault at {len(points)} of {len(FAULTS) * len(calls)} (call, fault) pairs: {kind}, "
        f"{ends[-signal.SIGKILL]} killed, {ends[REFUSED]} refused with a message, {ends[WHOLE]} published all the "
        "same; lost: 0"
    )
