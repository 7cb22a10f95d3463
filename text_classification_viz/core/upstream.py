"""What the three upstream files hold once they are parsed, before anything is joined or checked.

Belongs here: the types that the readers of upstream files give and the gate takes. Reading stands in
`storage.upstream_files`, joining and checking in `core.training_data`.
"""

from dataclasses import dataclass

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
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class TrainSet:
    """`train_set`: one row per training text, in file order, with the schema `TRAIN_SET`."""

    table: pa.Table
    source: Source


@dataclass(frozen=True)
class TrainEmbeddings:
    """`train_embeddings`: float32 array (n, d), C order, aligned; row i belongs to row i of `train_set`."""

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
