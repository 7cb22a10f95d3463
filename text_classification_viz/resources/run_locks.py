"""Whether the process of a run lives: it holds a lock that the system releases with the process, however it ends.

Scope: locks in DAGSTER_HOME. Where there is none, or no lock can be had, nothing is known of a run.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

FOLDER = "run_locks"
_held: dict[str, int] = {}  # by run id: the open file, which holds the lock until the process ends


def hold_run_lock(run_id: str) -> None:
    """Hold the lock of a run until this process ends; processes of one run hold it together."""
    home = os.environ.get("DAGSTER_HOME")
    if not home or run_id in _held:
        return
    with suppress(OSError):  # a read-only home, or a file system without locks
        folder = Path(home) / FOLDER
        folder.mkdir(exist_ok=True)
        file = os.open(folder / run_id, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _held[run_id] = file
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


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


def remove_other_locks(home: Path, run_ids: set[str]) -> None:
    """Remove the locks of all runs but these."""
    for file in (home / FOLDER).glob("*"):
        if file.name not in run_ids:
            file.unlink(missing_ok=True)
