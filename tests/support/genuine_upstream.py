"""The genuine files of the upstream project: 16,944 news headlines, beside the checkout where they are at hand."""

from pathlib import Path

import pytest

from text_classification_viz.core.inputs.training_data import TrainingData, join
from text_classification_viz.sources.upstream_files import (
    read_label_transform,
    read_train_embeddings,
    read_train_set,
)

STORAGE = Path(__file__).parents[3] / "shared" / "upstream" / "storage"

needs_genuine_files = pytest.mark.skipif(
    not (STORAGE / "train_set").exists(), reason=f"no genuine upstream files at {STORAGE}"
)


def genuine_training_data() -> TrainingData:
    """The genuine files, read and joined."""
    return join(read_train_set(STORAGE), read_train_embeddings(STORAGE), read_label_transform(STORAGE))
