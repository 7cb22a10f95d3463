"""IO managers and resources as Dagster shows them, and errors as Dagster failures."""

from text_classification_viz.resources.failures import clear_failures
from text_classification_viz.resources.results_io_manager import (
    UPSTREAM_SHA256,
    DamagedResult,
    NotPublished,
    ResultsIOManager,
    read_result,
)
from text_classification_viz.resources.run_locks import is_abandoned, remove_locks
from text_classification_viz.resources.upstream_io_manager import VALIDATION_KEYS, UpstreamIOManager

__all__ = [
    "UPSTREAM_SHA256",
    "VALIDATION_KEYS",
    "DamagedResult",
    "NotPublished",
    "ResultsIOManager",
    "UpstreamIOManager",
    "clear_failures",
    "is_abandoned",
    "read_result",
    "remove_locks",
]
