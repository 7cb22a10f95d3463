"""One large batch of new rows, divided into parts that workers process in this process or by Ray."""

from text_classification_viz.batch_work.parts import (
    DonePart,
    Part,
    PartPlacer,
    PartSettings,
    check_parts,
    classes_of,
    described_rows,
    placed_rows,
    sha256_of,
)
from text_classification_viz.batch_work.workers import map_with_workers

__all__ = [
    "DonePart",
    "Part",
    "PartPlacer",
    "PartSettings",
    "check_parts",
    "classes_of",
    "described_rows",
    "map_with_workers",
    "placed_rows",
    "sha256_of",
]
