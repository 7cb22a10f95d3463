"""Does vector i belong to row i? The one fault that no count and no type gives away.

Upstream shuffles its rows without a seed, so a new `train_set` beside the vectors of an older one passes
every check of lengths and types, and every later result is nonsense. Scope: the two tests that find
it. What is done about a misaligned pair is the gate's business.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from text_classification_viz.core.neighbors import leave_out_self
from text_classification_viz.core.sampling import sample_per_class

EQUAL_VECTORS_TOLERANCE = 1e-3  # the same text embedded in another batch differs by about 1e-7
MIN_EQUAL_SHARE = 0.95
AGREEMENT_ROWS = 1_000  # as many of each class
AGREEMENT_NEIGHBORS = 10
PERMUTATIONS = 50
MIN_SIGMAS = 4.0  # of the agreement under shuffled labels; aligned news text reaches over 100
MIN_ROWS = 50  # below it, shuffled labels agree too often by chance for the test to mean anything
NOT_TESTED = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Alignment:
    """What the two tests saw.

    Attributes
    ----------
    equal_text_pairs, equal_vector_pairs
        Pairs of rows with equal text, and how many of them have equal vectors.
    label_agreement
        Mean share of a row's nearest neighbors that have its label, each class counting alike; NaN where it was
        not tested.
    chance_agreement, chance_sd
        Mean and standard deviation of the same with the neighbors' labels shuffled.
    """

    equal_text_pairs: int
    equal_vector_pairs: int
    label_agreement: float
    chance_agreement: float
    chance_sd: float

    @property
    def texts_match(self) -> bool:
        """Rows with equal text have equal vectors, or there are no such rows."""
        return self.equal_vector_pairs >= MIN_EQUAL_SHARE * self.equal_text_pairs

    @property
    def labels_match(self) -> bool:
        """Neighbors share labels more often than chance has it, or there was too little to tell."""
        if np.isnan(self.label_agreement):
            return True
        return self.label_agreement > self.chance_agreement + MIN_SIGMAS * self.chance_sd

    @property
    def passed(self) -> bool:
        """Both tests passed."""
        return self.texts_match and self.labels_match

    def __str__(self) -> str:
        pairs = f"{self.equal_vector_pairs} of {self.equal_text_pairs} pairs with equal text have equal vectors"
        if np.isnan(self.label_agreement):
            untested = f"fewer than {MIN_ROWS} rows, or too few in all classes but one"
            return f"{pairs}; label agreement not tested ({untested})"
        return (
            f"{pairs}; nearest neighbors agree on the label in {self.label_agreement:.1%} of cases, "
            f"with shuffled labels in {self.chance_agreement:.1%} ± {self.chance_sd:.1%}"
        )


def check_alignment(train_df: pa.Table, vectors: np.ndarray, *, seed: int = 0) -> Alignment:
    """Test whether row i of `train_df` (schema `tables.TRAIN`) belongs to vector i of `vectors` (n, d).

    The label test cannot see rows that moved within a run of one class, as in a file sorted by class; the
    text test can.
    """
    pairs = _equal_text_pairs(train_df)
    differences = np.abs(vectors[pairs[:, 0]] - vectors[pairs[:, 1]]).max(axis=1, initial=0)
    agreement, chance, chance_sd = _label_agreement(train_df, vectors, seed)
    return Alignment(
        equal_text_pairs=len(pairs),
        equal_vector_pairs=int((differences <= EQUAL_VECTORS_TOLERANCE).sum()),
        label_agreement=agreement,
        chance_agreement=chance,
        chance_sd=chance_sd,
    )


def _equal_text_pairs(train_df: pa.Table) -> np.ndarray:
    """Rows (p, 2): the first row with a text, and each later row with the same text."""
    first_row: dict[tuple[str | None, str | None], int] = {}
    pairs = []
    texts = zip(train_df["headline"].to_pylist(), train_df["short_description"].to_pylist(), strict=True)
    for row, text in enumerate(texts):
        first = first_row.setdefault(text, row)
        if first != row:
            pairs.append((first, row))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _label_agreement(train_df: pa.Table, vectors: np.ndarray, seed: int) -> tuple[float, float, float]:
    import faiss

    labels = train_df["class_label"].combine_chunks().dictionary_encode().indices.to_numpy()
    sizes = np.bincount(labels)
    if len(labels) < MIN_ROWS or len(sizes) == 1:
        return NOT_TESTED
    # Where nine rows in ten are of one class, neighbors agree whatever belongs to what: the others must be heard.
    rows = sample_per_class(labels, train_df["id"].to_numpy(), max(1, AGREEMENT_ROWS // len(sizes)), seed)
    _, nearest = faiss.knn(vectors[rows], vectors, AGREEMENT_NEIGHBORS + 1, metric=faiss.METRIC_INNER_PRODUCT)
    neighbors, own = leave_out_self(nearest, rows), labels[rows]
    weights = 1 / (len(sizes) * np.bincount(own)[own])

    def agreement(labels: np.ndarray) -> float:
        return float(weights @ (labels[neighbors] == own[:, None]).mean(axis=1))

    rng = np.random.default_rng(seed)
    shuffled = [agreement(rng.permutation(labels)) for _ in range(PERMUTATIONS)]
    chance, chance_sd = float(np.mean(shuffled)), float(np.std(shuffled))
    at_best = float(np.minimum(1, (sizes - 1) / AGREEMENT_NEIGHBORS).mean())
    if at_best - chance <= 2 * MIN_SIGMAS * chance_sd:  # half of what is possible would not be told from chance
        return NOT_TESTED
    return agreement(labels), chance, chance_sd
