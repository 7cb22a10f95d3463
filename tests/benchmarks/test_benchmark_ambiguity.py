"""The benchmark of two topics: its samples are what it says, and the figures are known where they can be."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import ambiguity, data
from benchmarks.ambiguity import (
    Figures,
    KindFigures,
    Ranking,
    Sample,
    draw_disjoint_pairs,
    figures_of,
    joined,
    kind_figures,
    likeliest_other,
    places_among_ordinary,
    second_largest,
    wrong_labels,
)
from tests.support.outlier_samples import gaussian_classes, train_table
from text_classification_viz.core.inputs.training_data import TrainingData
from text_classification_viz.core.neighbors import Neighbors, find_neighbors

N_CLASSES = 4


@pytest.fixture(scope="module")
def sample():
    """400 rows of four classes: the last 40 on two topics, 40 before them with a wrong label."""
    vectors, labels = gaussian_classes(400, N_CLASSES)
    rows = np.arange(400)
    return Sample(
        name="gaussian",
        texts=np.array([f"text {row}" for row in rows], object),
        vectors=vectors,
        neighbors=find_neighbors(vectors, 20),
        classes=np.array(["a", "b", "c", "d"]),
        labels=labels,
        other=np.where(rows >= 360, (labels + 1) % N_CLASSES, -1),
        is_wrong=(rows >= 320) & (rows < 360),
    )


@pytest.fixture
def embedded(monkeypatch):
    """Instead of the model: a vector of the text's own."""

    def vectors(texts, folder):
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        rows = np.array([rng.standard_normal(32) for rng in rngs], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    monkeypatch.setattr(ambiguity, "embedded", vectors)


def test_places_average_to_the_auroc_of_each_label(sample):
    from sklearn.metrics import roc_auc_score

    scores = np.random.default_rng(0).integers(20, size=400).astype(float)  # with many ties
    places = places_among_ordinary(scores, sample)
    for label in range(N_CLASSES):
        of_label = (sample.labels == label) & (sample.is_ordinary | sample.has_two)
        expected = roc_auc_score(sample.has_two[of_label], scores[of_label])
        assert places[sample.has_two & (sample.labels == label)].mean() == pytest.approx(expected)


def test_labels_with_few_ordinary_rows_are_not_compared(sample):
    few = replace(sample, labels=np.where((sample.labels == 0) & sample.is_ordinary, 1, sample.labels))
    places = places_among_ordinary(np.arange(400.0), few)
    np.testing.assert_array_equal(np.isnan(places), few.labels == 0)


def test_figures_of_a_perfect_a_useless_and_a_fooled_ranking(sample, monkeypatch):
    monkeypatch.setattr(ambiguity, "FIRST", 40)
    topics = np.column_stack([sample.labels, sample.other])
    perfect = Ranking(sample.has_two.astype(float), topics[:, ::-1])
    assert figures_of(perfect, sample) == Figures(1, 1, 1, 1)
    useless = figures_of(Ranking(np.zeros(400), np.column_stack([sample.labels, sample.labels])), sample)
    assert (useless.above_ordinary, useless.above_wrong, useless.both_named) == (0.5, 0.5, 0)
    fooled = figures_of(Ranking(sample.has_two + 2.0 * sample.is_wrong, topics), sample)
    assert (fooled.above_ordinary, fooled.of_the_first) == (1, 0)
    assert fooled.above_wrong == 0.5  # both exceed all ordinary rows
    graded = Ranking(np.where(sample.is_ordinary, np.arange(400), 150 * sample.has_two + 50), topics)
    assert figures_of(graded, sample).above_wrong == 1


def test_topics_by_size_and_beside_the_label():
    values = np.array([[0.2, 0.9, 0.5], [0.8, 0.1, 0.3]])
    by_size = second_largest(values)
    np.testing.assert_array_equal(by_size.topics, [[1, 2], [0, 2]])
    np.testing.assert_array_equal(by_size.scores, [0.5, 0.3])
    beside = likeliest_other(values, np.array([0, 0]))
    np.testing.assert_array_equal(beside.topics, [[0, 1], [0, 2]])
    np.testing.assert_array_equal(beside.scores, [0.9, 0.3])


def test_figures_of_the_kind(sample, monkeypatch):
    kinds = np.where(np.arange(400) % 2 == 0, "ambiguous", "none")
    kinds[:320] = "none"
    kinds[0] = "ambiguous"
    candidates = [[name, "b"] for name in sample.classes[sample.labels]]
    table = pa.table({"id": np.arange(400), "kind": kinds, "candidate_labels": candidates})
    backwards = table.take(np.arange(400)[::-1])
    monkeypatch.setattr(ambiguity, "outlier_report", lambda *_: SimpleNamespace(table=backwards))
    # Of the 20 rows found, which are labeled a and c by turns, those labeled a have b as their other topic.
    assert kind_figures(sample) == KindFigures(41 / 400, 0.5, 0.5, 20 / 41, 0.5)


def test_pairs_share_no_row_and_no_label():
    labels = np.arange(300) % 3
    usable = np.arange(50, 300)
    pairs = draw_disjoint_pairs(labels, usable, 60, np.random.default_rng(0))
    assert pairs.shape == (60, 2)
    assert len(np.unique(pairs)) == 120
    assert np.isin(pairs, usable).all()
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    np.testing.assert_array_equal(pairs, draw_disjoint_pairs(labels, usable, 60, np.random.default_rng(0)))


def test_wrong_labels_are_others_and_every_second_one_is_near():
    labels = np.array([0, 0, 1, 2, 0, 1])
    neighbors = Neighbors(np.tile([[1, 2, 3]], (6, 1)), np.full((6, 3), 0.5, np.float32))
    rows = np.tile([0, 1], 50)
    wrong = wrong_labels(labels, rows, neighbors, 3, np.random.default_rng(0))
    assert (wrong != 0).all()
    assert set(wrong[::2]) == {1, 2}
    assert set(wrong[1::2]) == {1}  # row 2 is the nearest with another label


def test_joined_rows_replace_those_they_come_from(embedded, monkeypatch):
    monkeypatch.setattr(ambiguity, "N_TWO_TOPICS", 20)
    monkeypatch.setattr(ambiguity, "N_WRONG", 10)
    vectors, labels = gaussian_classes(200, N_CLASSES)
    headlines = np.array([f"headline {row}" for row in range(200)], object)
    rows = TrainingData(train_table(labels, headlines.tolist()), vectors, ())
    usable = np.arange(200) < 150
    made = joined("gaussian", rows, headlines, headlines + " again", usable, seed=0)

    assert len(made.texts) == len(made.vectors) == len(made.labels) == 200 - 40 + 20
    assert (made.has_two == (np.arange(180) >= 160)).all()
    assert made.is_wrong.sum() == 10
    assert not (made.is_wrong & made.has_two).any()
    remaining = {text.strip() for text in made.texts[:160]}
    for row in range(160, 180):
        first, second = made.texts[row].removesuffix(" again").split(" headline ")
        parents = int(first.removeprefix("headline ")), int(second)
        assert max(parents) < 150
        assert {made.labels[row], made.other[row]} == set(labels[list(parents)])
        assert not {f"headline {parent}" for parent in parents} & remaining
    kept = [int(text.split()[1]) for text in made.texts[:160]]
    np.testing.assert_array_equal(made.vectors[:160], vectors[kept])
    np.testing.assert_array_equal(made.labels[:160] != labels[kept], made.is_wrong[:160])
    np.testing.assert_array_equal(
        joined("gaussian", rows, headlines, headlines, usable, seed=0).labels, made.labels
    )


def test_documents_by_the_number_of_their_topics(monkeypatch):
    documents = [
        {"title": "A", "body": "one two", "topics": ["earn"]},
        {"title": "B", "body": "three", "topics": ["grain", "ship"]},
        {"title": "C", "body": "four", "topics": ["cocoa", "crude"]},
        {"title": "D", "topics": ["earn"]},
        {"title": "E", "body": "five"},
        {"title": "F", "body": "six", "topics": ["trade", "trade"]},
    ]
    monkeypatch.setattr(data, "_reuters_documents", lambda: documents)
    texts, topics = data.reuters_texts(1)
    assert texts == ["A one two", "C four"]
    assert topics == [["earn"], ["crude"]]
    texts, topics = data.reuters_texts(2)
    assert texts == ["B three"]
    assert topics == [["grain", "ship"]]
