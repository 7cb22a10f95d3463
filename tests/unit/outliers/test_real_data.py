import numpy as np
import pytest

from tests.support.genuine_upstream import genuine_training_data, needs_genuine_files
from tests.support.outlier_samples import average_precision, flip_confusable, flip_uniform
from text_classification_viz.core.label_model.blocks import Blocks
from text_classification_viz.core.label_model.noise_model import fit_noise_model
from text_classification_viz.core.label_model.votes import neighbor_votes
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers import outlier_report
from text_classification_viz.core.outliers.conformal import candidate_sets, candidate_threshold

pytestmark = [pytest.mark.slow, needs_genuine_files]


@pytest.fixture(scope="module")
def training_data():
    return genuine_training_data()


@pytest.fixture(scope="module")
def neighbors(training_data):
    return find_neighbors(training_data.vectors, 100)


@pytest.fixture(scope="module")
def labels(training_data):
    return np.unique(training_data.table["class_label"].to_pylist(), return_inverse=True)[1].astype(np.int32)


@pytest.fixture(scope="module")
def report(training_data, neighbors):
    return outlier_report(training_data.table, training_data.vectors, neighbors.rows, neighbors.similarities)


@pytest.fixture(scope="module")
def by_id(report):
    return {row["id"]: row for row in report.table.to_pylist()}


def test_a_row_about_clothes_is_not_about_diversity(by_id):
    row = by_id[8063]  # "Closet Confidential: 10 Ways To Wear White After Labor Day"
    assert row["class_label"].startswith("D")
    assert row["kind"] in {"mislabelled", "contested"}
    assert row["suggested_label"] == "F: Fashion"


def test_a_row_about_marriage_and_children_keeps_its_topics(by_id):
    row = by_id[11520]  # "Here's A Brilliant Way You Can Explain Marriage Equality To Kids"
    assert row["kind"] == "ambiguous"
    assert {"D: Diversity", "E: Relationship", "J: Parenting"} <= set(row["candidate_labels"])


def test_a_row_about_lgbt_rights_is_contested(by_id):
    row = by_id[51394]  # "LGBT Rights -- Modernity vs. Forces of Yesteryear"
    assert row["class_label"].startswith("H")
    assert row["kind"] in {"mislabelled", "contested"}
    assert row["suggested_label"] == "D: Diversity"


def test_few_of_the_labels_are_called_wrong(report):
    assert 50 < report.kind_counts["mislabelled"] < 500
    assert report.n_wrong_expected == pytest.approx(report.kind_counts["mislabelled"], abs=1)
    assert (np.diag(report.label_counts) / report.label_counts.sum(axis=1)).min() > 0.85


def test_dated_templates_are_no_duplicates_and_copies_are(report):
    rows = [row for row in report.table.to_pylist() if row["duplicate_of"] is not None]
    assert 30 <= len(rows) <= 60
    assert not any("HuffPost Rise" in row["headline"] for row in rows)
    assert sum("Funniest Tweets From Parents" in row["headline"] for row in rows) >= 7


def test_texts_of_one_or_two_words_are_uninformative(report):
    short = [row["headline"] for row in report.table.to_pylist() if row["kind"] == "uninformative"]
    assert "IGNORE." in short
    assert len(short) < 30


@pytest.mark.parametrize("kind", ["uniform", "confusable"])
def test_wrong_labels_are_found_better_than_by_a_neighbor_vote(training_data, neighbors, labels, kind):
    vectors, n_classes = training_data.vectors, 10
    if kind == "uniform":
        given, wrong = flip_uniform(labels, n_classes, 0.1)
    else:
        centers = np.array([vectors[labels == c].mean(axis=0) for c in range(n_classes)])
        similar = centers @ centers.T / np.linalg.norm(centers, axis=1)
        np.fill_diagonal(similar, -1)
        given, wrong = flip_confusable(labels, similar.argmax(axis=1), 0.1)
    blocks = Blocks.fit(vectors, given, n_classes, neighbors.rows, neighbors.similarities)
    noise = fit_noise_model(blocks.features, given, n_classes)
    votes = neighbor_votes(given[neighbors.rows], neighbors.similarities, n_classes)[:, :n_classes]
    rows = np.arange(len(given))
    found = average_precision(noise.wrong_log_odds, wrong)
    by_vote = average_precision(1 - votes[rows, given], wrong)
    assert found > by_vote + {"uniform": 0.04, "confusable": 0.25}[kind]
    assert found > {"uniform": 0.87, "confusable": 0.8}[kind]
    assert noise.wrong_probabilities.sum() == pytest.approx(wrong.sum(), rel=0.3)
    others = noise.true_probabilities.copy()
    others[rows, given] = -1
    assert (others.argmax(axis=1) == labels)[wrong].mean() > 0.8


def test_candidates_cover_rows_that_the_threshold_has_not_seen(training_data, neighbors, labels):
    blocks = Blocks.fit(training_data.vectors, labels, 10, neighbors.rows, neighbors.similarities)
    probabilities = fit_noise_model(blocks.features, labels, 10).given_probabilities
    rows = np.random.default_rng(0).permutation(len(labels))
    seen, new = np.array_split(rows, 2)
    threshold = candidate_threshold(probabilities[seen, labels[seen]], 0.95)
    candidates = candidate_sets(probabilities[new], threshold)
    assert candidates[np.arange(len(new)), labels[new]].mean() == pytest.approx(0.95, abs=0.01)
    assert candidates.sum(axis=1).mean() < 2
