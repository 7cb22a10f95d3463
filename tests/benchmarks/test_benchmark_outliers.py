"""The benchmark of wrong labels: the noise is what it says, and the figures are known where they can be."""

import numpy as np
import pytest

from benchmarks.label_noise import confusable, instance_dependent, nearest_classes, text_probabilities, uniform
from benchmarks.label_peers import LabelIssues, LabelledRows, label_issues, vote
from benchmarks.outliers import Figures, cells, figures_of, with_labels
from tests.support.outlier_samples import gaussian_classes, train_table
from text_classification_viz.core.neighbors import find_neighbors

N_CLASSES = 5
TARGETS = np.array([1, 2, 3, 4, 0])


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).integers(N_CLASSES, size=1000)


@pytest.fixture(scope="module")
def probabilities(labels):
    """Half of the rows are beyond doubt, the others are taken for the class after the next as well."""
    given = np.eye(N_CLASSES)
    doubtful = (np.arange(len(labels)) % 2)[:, None]
    return (1 - 0.4 * doubtful) * given[labels] + 0.4 * doubtful * given[(labels + 2) % N_CLASSES]


@pytest.fixture(scope="module")
def noises(probabilities):
    return {
        "uniform": lambda *draw: uniform(*draw, n_classes=N_CLASSES),
        "confusable": lambda *draw: confusable(*draw, targets=TARGETS),
        "instance-dependent": lambda *draw: instance_dependent(*draw, probabilities=probabilities),
    }


@pytest.mark.parametrize("kind", ["uniform", "confusable", "instance-dependent"])
def test_noise_changes_as_many_labels_as_asked_and_the_same_with_the_same_seed(noises, labels, kind):
    before = labels.copy()
    first, again, other = (noises[kind](labels, 200, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first != labels).sum() == 200
    assert ((first >= 0) & (first < N_CLASSES)).all()
    np.testing.assert_array_equal(again, first)
    assert (other != first).any()
    np.testing.assert_array_equal(labels, before)


def test_uniform_noise_gives_every_other_label_alike(noises, labels):
    noisy = noises["uniform"](labels, 1000, np.random.default_rng(0))
    steps = np.bincount((noisy - labels) % N_CLASSES, minlength=N_CLASSES)
    assert steps[0] == 0
    assert steps[1:] == pytest.approx(250, abs=60)


def test_confusable_noise_gives_a_class_one_other_label(noises, labels):
    noisy = noises["confusable"](labels, 400, np.random.default_rng(0))
    changed = noisy != labels
    np.testing.assert_array_equal(noisy[changed], TARGETS[labels[changed]])


def test_instance_dependent_noise_gives_what_the_row_may_be_taken_for(noises, labels):
    noisy = noises["instance-dependent"](labels, 300, np.random.default_rng(0))
    changed = noisy != labels
    assert (np.flatnonzero(changed) % 2 == 1).all()
    np.testing.assert_array_equal(noisy[changed], (labels[changed] + 2) % N_CLASSES)


def test_instance_dependent_noise_follows_the_probabilities():
    labels = np.zeros(20_000, int)
    probabilities = np.tile([0.5, 0.1, 0.4], (len(labels), 1))
    probabilities[::2] = [0.9, 0.02, 0.08]
    noisy = instance_dependent(labels, 1000, np.random.default_rng(0), probabilities=probabilities)
    assert (noisy == 2).sum() / 1000 == pytest.approx(0.8, abs=0.05)
    assert (noisy[::2] != 0).sum() / 1000 == pytest.approx(0.1 / 0.6, abs=0.05)


def test_nearest_class_is_by_the_direction_of_the_means():
    vectors = np.array([[1, 0], [1, 0.2], [0.8, 0.6], [0, 1], [0.1, 1]])
    labels = np.array([0, 0, 1, 2, 2])
    np.testing.assert_array_equal(nearest_classes(vectors, labels, 3), [1, 0, 1])


def test_words_tell_the_class_of_rows_they_were_not_learned_from():
    labels = np.arange(60) % 2
    texts = [f"{('ball goal', 'court judge')[label]} day{row % 7}" for row, label in enumerate(labels)]
    labels[0] = 1  # the only wrong one: a classifier that had seen the row would know
    probabilities = text_probabilities(texts, labels)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), np.arange(60) % 2)


def test_figures_are_known_where_the_issues_are():
    labels = np.array([0, 0, 0, 0, 1, 1])
    noisy = np.array([1, 0, 0, 2, 1, 1])
    found = LabelIssues(
        suspicion=np.array([0.9, 0.8, 0.1, 0.7, 0.2, 0.3]),
        flagged=np.array([True, True, False, False, False, False]),
        suggested=np.array([0, 1, 0, 1, 1, -1]),
        cpu_seconds=1.5,
    )
    figures = figures_of(found, labels, noisy)
    # Changed are rows 0 and 3, on the first and third place.
    assert figures == Figures(pytest.approx((1 + 2 / 3) / 2), 0.5, pytest.approx(0.5), 0.5, 1.5)


def test_cells_list_the_rates_figure_by_figure():
    of_rates = [Figures(0.1, 0.2, 0.3, 0.4, 5), Figures(0.5, 0.6, 0.7, 0.8, 9)]
    assert cells(of_rates) == ["0.100 / 0.500", "0.200 / 0.600", "0.300 / 0.700", "0.400 / 0.800", "5.0 / 9.0"]


@pytest.fixture(scope="module")
def rows():
    """2,000 rows of classes that lie well apart, 100 of them with another label, and the labels from before."""
    vectors, labels = gaussian_classes(2000, N_CLASSES, noise=0.8)
    noisy = uniform(labels, 100, np.random.default_rng(0), n_classes=N_CLASSES)
    classes = np.array([f"class {label}" for label in range(N_CLASSES)])
    table = with_labels(train_table(labels), classes[noisy])
    return LabelledRows(table, vectors, find_neighbors(vectors), classes, noisy), labels


def test_changed_labels_replace_those_of_the_table_and_nothing_else(rows):
    rows, labels = rows
    before = train_table(labels)
    assert rows.table.schema == before.schema
    assert rows.table["class_label"].to_pylist() == [f"class {label}" for label in rows.labels]
    assert rows.table.drop(["class_label"]) == before.drop(["class_label"])


def test_the_vote_is_that_of_the_nearest(rows):
    rows, _ = rows
    found = vote(rows)
    for row in range(0, 2000, 100):
        voters = rows.labels[rows.neighbors.rows[row, :50]].tolist()
        assert found.suspicion[row] == pytest.approx(1 - voters.count(rows.labels[row]) / 50)
        assert voters.count(found.suggested[row]) == max(map(voters.count, voters))
        assert found.flagged[row] == (found.suggested[row] != rows.labels[row])


def test_every_method_finds_wrong_labels_where_classes_lie_apart(rows):
    pytest.importorskip("cleanlab")
    rows, labels = rows
    for method, found in label_issues(rows):
        figures = figures_of(found, labels, rows.labels)
        assert figures.average_precision > 0.9, method
        assert figures.f1 > 0.7, method
        assert figures.given_back > 0.9, method
