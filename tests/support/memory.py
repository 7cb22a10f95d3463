"""How much memory this process takes, as Linux tells it.

`ru_maxrss` is no measure of a process that another has started: it begins with the peak of the one that did.
"""

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
IS_TOLD = _STATUS.exists() and "VmHWM" in _STATUS.read_text()


def resident(field: str) -> int:
    """Bytes in memory: now (VmRSS), or at most since the process began or its peak was cleared (VmHWM)."""
    return int(re.search(rf"{field}:\s+(\d+) kB", _STATUS.read_text())[1]) << 10
