"""Whether the process of a run lives: it holds a lock that the system releases with the process, however it ends.

Scope: locks in DAGSTER_HOME of runs that are one process, as under our own executor. Where there is no such
folder, or no lock can be had, nothing is known of a run.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dagster as dg

FOLDER = "run_locks"
_held: dict[str, int] = {}  # by run id: the open file, which holds the lock until the process ends


def hold_run_lock(context: dg.InputContext) -> None:
    """Hold the lock of the run whose step reads this input until its process ends.

    Under an executor with a process for each step none is held: between two steps it would be free.
    """
    if context.step_context.job_def.executor_def.name == dg.in_process_executor.name:
        hold(context.step_context.run_id)


def hold(run_id: str) -> None:
    """Hold the lock of a run until this process ends; where that cannot be, go on without."""
    home = os.environ.get("DAGSTER_HOME")
    if not home or run_id in _held:
        return
    with suppress(OSError):  # a read-only home, or a file system without locks
        folder = Path(home) / FOLDER
        folder.mkdir(exist_ok=True)
        file = os.open(folder / run_id, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_SH)  # waits out `is_abandoned`, which asks for a moment
        except OSError:
            os.close(file)
            raise
        _held[run_id] = file


def is_abandoned(home: Path, run_id: str) -> bool:
    """Whether a process held the lock of that run, and none does now."""
    try:
        file = os.open(home / FOLDER / run_id, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def remove_locks(home: Path, is_over: Callable[[str], bool]) -> None:
    """Remove the locks of runs that are over."""
    for file in (home / FOLDER).glob("*"):
        if is_over(file.name):
            file.unlink(missing_ok=True)
