"""The sample of each class: how many, which, the same again, and nearly the same of rows that changed."""

import numpy as np
import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.sampling import sample_per_class

LABELS = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [300, 100, 7]))
IDS = np.random.default_rng(1).choice(2**40, len(LABELS), replace=False)


def counts(rows):
    return dict(zip(*np.unique(LABELS[rows], return_counts=True), strict=True))


def test_each_class_gives_the_same_number_and_a_small_one_all_it_has():
    rows = sample_per_class(LABELS, IDS, 50)
    assert counts(rows) == {"a": 50, "b": 50, "c": 7}
    assert set(np.flatnonzero(LABELS == "c")) <= set(rows)


def test_rows_ascend_and_none_is_drawn_twice():
    assert (np.diff(sample_per_class(LABELS, IDS, 50)) > 0).all()


def test_default_is_a_hundred_of_each_class():
    assert counts(sample_per_class(LABELS, IDS)) == {"a": 100, "b": 100, "c": 7}


def test_more_than_there_are_gives_every_row():
    np.testing.assert_array_equal(sample_per_class(LABELS, IDS, 1_000), np.arange(len(LABELS)))


def test_same_seed_same_rows_and_another_seed_others():
    first = sample_per_class(LABELS, IDS, 50, seed=1)
    np.testing.assert_array_equal(first, sample_per_class(LABELS, IDS, 50, seed=1))
    assert not np.array_equal(first, sample_per_class(LABELS, IDS, 50, seed=2))


def test_every_row_of_a_class_is_drawn_equally_often():
    n_draws, size = 400, 50
    drawn = np.concatenate([sample_per_class(LABELS, IDS, size, seed=seed) for seed in range(n_draws)])
    times = np.bincount(drawn, minlength=len(LABELS))[LABELS == "a"]
    share = size / 300
    sd = np.sqrt(n_draws * share * (1 - share))
    assert np.abs(times - n_draws * share).max() < 4.5 * sd


def test_labels_of_python_strings_are_as_good():
    np.testing.assert_array_equal(
        sample_per_class(LABELS.astype(object), IDS, 50), sample_per_class(LABELS, IDS, 50)
    )


def test_order_of_the_rows_does_not_matter():
    order = np.random.default_rng(2).permutation(len(LABELS))
    shuffled = sample_per_class(LABELS[order], IDS[order], 50)
    assert set(IDS[order][shuffled]) == set(IDS[sample_per_class(LABELS, IDS, 50)])


def test_rows_that_go_are_replaced_and_all_others_stay():
    sampled = sample_per_class(LABELS, IDS, 50)
    gone = sampled[LABELS[sampled] == "a"][:5]
    left = np.setdiff1d(np.arange(len(LABELS)), gone)
    ids = set(IDS[left][sample_per_class(LABELS[left], IDS[left], 50)])
    assert len(ids) == len(sampled)
    assert set(IDS[sampled]) - ids == set(IDS[gone])


def test_new_rows_take_their_share_and_no_more():
    new_ids = np.arange(2**41, 2**41 + 100)
    sampled = sample_per_class(LABELS, IDS, 50)
    labels, ids = np.append(LABELS, np.repeat("b", 100)), np.append(IDS, new_ids)
    again = set(ids[sample_per_class(labels, ids, 50)])
    new = again & set(new_ids)
    assert 15 <= len(new) <= 35  # a half of b is new
    assert len(set(IDS[sampled]) - again) == len(new)


@pytest.mark.parametrize("samples_per_class", [0, -1])
def test_less_than_one_is_refused(samples_per_class):
    with pytest.raises(InputError, match=f"samples_per_class: expected at least 1, found {samples_per_class}"):
        sample_per_class(LABELS, IDS, samples_per_class)
