"""What the three upstream files hold once they are parsed, before anything is joined or checked.

Scope: the types that the readers of upstream files give and the gate takes. Reading stands in
`storage.upstream_files`, joining and checking in `core.training_data`.
"""

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pyarrow as pa

MAX_LABEL = 1_000  # characters of a class or a label, each of which all rows of the class will have
TRAIN_SET = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("headline", pa.string()),
        pa.field("short_description", pa.string()),
    ]
)


@dataclass(frozen=True)
class Source:
    """The file that a value was read from.

    Attributes
    ----------
    path
        The file as it was opened, for messages.
    sha256
        Hexadecimal SHA-256 of all its bytes, as read.
    again
        What brings a better one, where that is no asset of upstream's, for messages.
    """

    path: str
    sha256: str
    again: str | None = None

    @property
    def key(self) -> str:
        """Upstream's asset key, which names the file."""
        return PurePath(self.path).name.partition(".")[0]

    @property
    def remedy(self) -> str:
        """What to do about a broken file, for messages."""
        return self.again or f"materialize {self.key} upstream again"


@dataclass(frozen=True)
class TrainSet:
    """`train_set`, or `validation_set`: one row per text, in file order, with the schema `TRAIN_SET`."""

    table: pa.Table
    source: Source


@dataclass(frozen=True)
class TrainEmbeddings:
    """`train_embeddings`, or `validation_embeddings`: float32 (n, d), C order, aligned, in the set's order."""

    array: np.ndarray
    source: Source


@dataclass(frozen=True)
class LabelTransform:
    """`label_transform`: which field holds the class, and what each class is called.

    Attributes
    ----------
    class_field
        The field of `train_set` that holds the class id ("category").
    class_labels
        Class id -> label for people; None where upstream has none at all, and a value may be None.
    classes
        The encoder's classes, in its order.
    """

    class_field: str
    class_labels: dict[str, str | None] | None
    classes: tuple[str, ...]
    source: Source
