"""How every benchmark prints its figures: Markdown tables, and the machine and versions that they hold for."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "faiss-cpu",
    "umap-learn",
    "pynndescent",
    "opentsne",
    "cleanlab",
    "torch",
    "dagster",
)


def print_environment() -> None:
    """Date, processor, Python and the versions of all packages that matter to the figures."""
    date = datetime.now(UTC).date().isoformat()
    print(f"{date}, {os.cpu_count()} x {_processor()}, Python {platform.python_version()}")
    print(", ".join(f"{package} {_version(package)}" for package in PACKAGES), end="\n\n")


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table, the first column text and the others figures."""
    print(_line(header), _line(["---", *["---:"] * (len(header) - 1)]), sep="\n")
    for row in rows:
        print(_line(row))
    print(flush=True)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _processor() -> str:
    """The processor's model, which Python's own `platform.processor` does not tell on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())
