"""A small training set with known structure, as the three upstream values and as the files that hold them.

Scope: data that more than one test file needs. What a test alone needs stands beside the test.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from text_classification_viz.core.inputs.upstream import (
    TRAIN_SET,
    LabelTransform,
    Source,
    TrainEmbeddings,
    TrainSet,
)

TOPICS = (
    "politics", "sport", "science", "travel", "business", "music", "food", "health", "religion", "crime",
    "weather", "education", "cinema", "fashion", "gardening", "chess", "sailing", "robotics", "history", "law",
)  # fmt: skip
EVENTS = ("surprise", "debate", "record", "delay", "report", "award", "scandal", "festival", "plan", "mistake")
ENDINGS = ("divides the town", "wins over its critics", "ends a long wait", "raises new questions")
FIRST_ID = 1_000
ROWS_WITHOUT_DESCRIPTION = 7  # every seventh


@dataclass(frozen=True)
class TrainingSet:
    """Rows, vectors and labels that belong together.

    Attributes
    ----------
    table
        Schema `TRAIN_SET`. Two rows of one class, the first of all and the last of its class, have equal
        texts and equal vectors.
    vectors
        float32 (n, d), unit length, in one cluster for each class.
    class_labels
        Class id -> label.
    """

    table: pa.Table
    vectors: np.ndarray
    class_labels: dict[str, str]

    @property
    def labels(self) -> np.ndarray:
        """The (n,) label of each row."""
        return np.array([self.class_labels[category] for category in self.table["category"].to_pylist()])

    def upstream(self) -> tuple[TrainSet, TrainEmbeddings, LabelTransform]:
        """The values that the readers would give; each call gives an array of its own."""
        return (
            TrainSet(self.table, Source("storage/train_set", "1" * 64)),
            TrainEmbeddings(self.vectors.copy(), Source("storage/train_embeddings", "2" * 64)),
            LabelTransform(
                "category",
                dict(self.class_labels),
                tuple(self.class_labels),
                Source("storage/label_transform", "3" * 64),
            ),
        )


def make_training_set(
    n_rows: int = 240, n_classes: int = 4, n_dimensions: int = 16, spread: float = 0.5, seed: int = 0
) -> TrainingSet:
    """Draw rows in clusters around orthogonal class centres on the sphere.

    `spread` is the length of the noise that is added to a center of length 1: at 0.5 the classes lie apart,
    from about 2 on they run into each other. Rows stand in random order, classes differ by one row at most,
    and `n_classes` is at most `n_dimensions` and the number of topics.
    """
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n_rows) % n_classes)
    centers = np.linalg.qr(rng.standard_normal((n_dimensions, n_classes)))[0].T
    noise = rng.standard_normal((n_rows, n_dimensions)) * spread / np.sqrt(n_dimensions)
    vectors = centers[classes] + noise
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = [_row(row, TOPICS[class_], str(class_), rng) for row, class_ in enumerate(classes)]

    twin = int(np.flatnonzero(classes == classes[0])[-1])
    rows[twin] = {**rows[0], "id": rows[twin]["id"]}
    vectors[twin] = vectors[0]

    class_labels = {str(class_): TOPICS[class_].upper() for class_ in range(n_classes)}
    return TrainingSet(pa.Table.from_pylist(rows, schema=TRAIN_SET), vectors, class_labels)


def _row(row: int, topic: str, category: str, rng: np.random.Generator) -> dict[str, int | str | None]:
    """One row; its number is in the headline, so that no two texts are the same by chance."""
    event, ending, other = rng.choice(EVENTS), rng.choice(ENDINGS), rng.choice(EVENTS)
    description = f"After last year's {other}, people who follow {topic} had expected another {event} by now."
    return {
        "id": FIRST_ID + row,
        "category": category,
        "headline": f"Number {row}: {topic} {event} {ending}",
        "short_description": None if row % ROWS_WITHOUT_DESCRIPTION == 3 else description,
    }


def write_upstream(folder: Path, training_set: TrainingSet | None = None) -> TrainingSet:
    """Write `train_set.jsonl`, `train_embeddings.npy` and `label_transform.json`, and give what they hold."""
    training_set = training_set or make_training_set()
    with (folder / "train_set.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in training_set.table.to_pylist())
    np.save(folder / "train_embeddings.npy", training_set.vectors)
    label_transform = {
        "class_field": "category",
        "class_labels": training_set.class_labels,
        "classes": list(training_set.class_labels),
    }
    (folder / "label_transform.json").write_text(json.dumps(label_transform), encoding="utf-8")
    return training_set
