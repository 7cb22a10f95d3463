"""The sample of each class: how many, which, and the same again."""

import numpy as np
import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.sampling import sample_per_class

LABELS = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [300, 100, 7]))


def counts(rows):
    return dict(zip(*np.unique(LABELS[rows], return_counts=True), strict=True))


def test_each_class_gives_the_same_number_and_a_small_one_all_it_has():
    rows = sample_per_class(LABELS, 50)
    assert counts(rows) == {"a": 50, "b": 50, "c": 7}
    assert set(np.flatnonzero(LABELS == "c")) <= set(rows)


def test_rows_ascend_and_none_is_drawn_twice():
    assert (np.diff(sample_per_class(LABELS, 50)) > 0).all()


def test_default_is_a_hundred_of_each_class():
    assert counts(sample_per_class(LABELS)) == {"a": 100, "b": 100, "c": 7}


def test_more_than_there_are_gives_every_row():
    np.testing.assert_array_equal(sample_per_class(LABELS, 1_000), np.arange(len(LABELS)))


def test_same_seed_same_rows_and_another_seed_others():
    first = sample_per_class(LABELS, 50, seed=1)
    np.testing.assert_array_equal(first, sample_per_class(LABELS, 50, seed=1))
    assert not np.array_equal(first, sample_per_class(LABELS, 50, seed=2))


def test_every_row_of_a_class_is_drawn_equally_often():
    n_draws, size = 400, 50
    drawn = np.concatenate([sample_per_class(LABELS, size, seed=seed) for seed in range(n_draws)])
    times = np.bincount(drawn, minlength=len(LABELS))[LABELS == "a"]
    share = size / 300
    sd = np.sqrt(n_draws * share * (1 - share))
    assert np.abs(times - n_draws * share).max() < 4.5 * sd


def test_labels_of_python_strings_are_as_good():
    np.testing.assert_array_equal(sample_per_class(LABELS.astype(object), 50), sample_per_class(LABELS, 50))


@pytest.mark.parametrize("samples_per_class", [0, -1])
def test_less_than_one_is_refused(samples_per_class):
    with pytest.raises(InputError, match=f"samples_per_class: expected at least 1, found {samples_per_class}"):
        sample_per_class(LABELS, samples_per_class)
