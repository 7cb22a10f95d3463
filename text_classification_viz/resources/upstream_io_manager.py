"""The input IO manager through which the assets of the upstream project are read, and never written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from text_classification_viz.resources.failures import clear_failures
from text_classification_viz.resources.run_locks import hold_run_lock
from text_classification_viz.sources import (
    UPSTREAM_CLASS,
    has_upstream_file,
    read_label_transform,
    read_train_embeddings,
    read_train_set,
)

VALIDATION_KEYS = ("validation_set", "validation_embeddings")  # which upstream need not have


class UpstreamIOManager(dg.IOManager):
    """Reads upstream's values as data; a pickle is never unpickled.

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
        """Read the file of the asset key into its type in `core.upstream`; None of validation files not there."""
        if context.has_input_name:  # load_asset_value, outside a step, has none
            hold_run_lock(context)
        key = context.asset_key.to_user_string()
        readers: dict[str, Callable[[], Any]] = {
            "train_set": lambda: read_train_set(self.storage),
            "train_embeddings": lambda: read_train_embeddings(self.storage),
            "label_transform": lambda: read_label_transform(self.storage, self._label_transform_class),
            "validation_set": lambda: read_train_set(self.storage, key="validation_set"),
            "validation_embeddings": lambda: read_train_embeddings(self.storage, key="validation_embeddings"),
        }
        with clear_failures():
            if key in VALIDATION_KEYS and not self.has_validation_files:
                return None
            return readers[key]()

    @property
    def has_validation_files(self) -> bool:
        """Whether there is any: a set without its vectors, or the reverse, is a fault that reading tells."""
        return any(has_upstream_file(self.storage, key) for key in VALIDATION_KEYS)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Refuse: upstream's files are upstream's."""
        raise NotImplementedError(f"{context.asset_key.to_user_string()} is read only; upstream writes it")
