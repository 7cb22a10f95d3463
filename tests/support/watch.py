"""Sees what a reader of files does, by Python's audit events: nothing may be imported, compiled, run or loaded."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

NOT_FOR_A_READER = ("exec", "compile", "import", "os.", "subprocess.", "ctypes.", "socket.", "pickle.", "code.")

_events: list[str] | None = None


def _watch(event: str, _args: tuple) -> None:
    if _events is not None and event.startswith(NOT_FOR_A_READER) and event not in ("os.listdir", "os.scandir"):
        _events.append(event)


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Give the list in which the events are put down that no reader causes."""
    global _events
    _events = found = []
    try:
        yield found
    finally:
        _events = None
