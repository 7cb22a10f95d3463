"""A map over time: continued from the last one, measured, and compared with it."""

from text_classification_viz.core.maps.continuation import (
    PLACING_NOISE,
    Fresh,
    KnownMap,
    MappedRows,
    Refresh,
    align,
    continue_map,
    diameter,
    displacements,
    weighted_medoids,
)
from text_classification_viz.core.maps.quality import MapQuality, measure_quality, nearest_on_map
from text_classification_viz.core.maps.row_changes import compare_rows, count_changes, describe_rows, ids_with

__all__ = [
    "PLACING_NOISE",
    "Fresh",
    "KnownMap",
    "MapQuality",
    "MappedRows",
    "Refresh",
    "align",
    "compare_rows",
    "continue_map",
    "count_changes",
    "describe_rows",
    "diameter",
    "displacements",
    "ids_with",
    "measure_quality",
    "nearest_on_map",
    "weighted_medoids",
]
