"""The gate: rows, vectors and labels checked, joined and aligned before anything is computed from them."""

from text_classification_viz.core.inputs.alignment import Alignment, check_alignment
from text_classification_viz.core.inputs.training_data import MAX_DIMENSIONS, TrainingData, join, join_new_rows
from text_classification_viz.core.inputs.upstream import (
    MAX_LABEL,
    TRAIN_SET,
    LabelTransform,
    Source,
    TrainEmbeddings,
    TrainSet,
)

__all__ = [
    "MAX_DIMENSIONS",
    "MAX_LABEL",
    "TRAIN_SET",
    "Alignment",
    "LabelTransform",
    "Source",
    "TrainEmbeddings",
    "TrainSet",
    "TrainingData",
    "check_alignment",
    "join",
    "join_new_rows",
]
