"""The input IO manager through which the assets of the upstream project are read, and never written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from text_classification_viz.storage.failures import clear_failures
from text_classification_viz.storage.upstream_files import (
    UPSTREAM_CLASS,
    read_label_transform,
    read_train_embeddings,
    read_train_set,
)


class UpstreamIOManager(dg.IOManager):
    """Reads `train_set`, `train_embeddings` and `label_transform` as data; a pickle is never unpickled.

    Parameters
    ----------
    storage
        Folder that holds upstream's files, one per asset key.
    label_transform_class
        Dotted name that the pickle of label_transform gives its class.
    """

    def __init__(self, storage: Path, label_transform_class: str = UPSTREAM_CLASS) -> None:
        self.storage = storage
        self._label_transform_class = label_transform_class

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the file of the asset key into the type of the same name in `core.upstream`."""
        readers: dict[str, Callable[[], Any]] = {
            "train_set": lambda: read_train_set(self.storage),
            "train_embeddings": lambda: read_train_embeddings(self.storage),
            "label_transform": lambda: read_label_transform(self.storage, self._label_transform_class),
        }
        with clear_failures():
            return readers[context.asset_key.to_user_string()]()

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Refuse: upstream's files are upstream's."""
        raise NotImplementedError(f"{context.asset_key.to_user_string()} is read only; upstream writes it")
