"""The benchmark of junk and copies: what it makes is what it says, and the figures are known where they can be."""

import random

import numpy as np
import pytest

from benchmarks.kinds import EDITS, JUNK, figures, local_outlier_factor, near_duplicates
from tests.support.outlier_samples import gaussian_classes, unit
from text_classification_viz.core.neighbors import find_neighbors

TEXTS = [f"{number} things to know about the {animal}, explained." for number in range(40) for animal in "abcde"]


def test_figures_of_a_ranking_that_is_known():
    is_junk = np.arange(200) >= 196
    scores = np.arange(200.0)
    scores[196] = -1  # one that looks like no junk at all
    assert figures(scores, is_junk) == "0.75 / 0.50 / 0.75"


def test_junk_that_looks_like_everything_else_is_not_found():
    assert figures(np.zeros(200), np.arange(200) >= 196) == "0.50 / 0.00 / 0.00"


def test_the_local_outlier_factor_is_scikit_learns():
    from sklearn.neighbors import LocalOutlierFactor

    vectors, _ = gaussian_classes(300, 3)
    expected = -LocalOutlierFactor(n_neighbors=20).fit(vectors).negative_outlier_factor_
    np.testing.assert_allclose(local_outlier_factor(find_neighbors(vectors, 100)), expected, rtol=1e-4)


def test_pairs_are_near_duplicates_by_similarity_and_numbers():
    pairs = [("a text", "A text!"), ("Part 1", "Part 2"), ("a text", "an essay")]
    vectors = np.array([[[1, 0], [1, 0]], [[1, 0], [1, 0]], [[1, 0], [1, 1]]])
    vectors = np.stack([unit(pair) for pair in vectors])
    assert near_duplicates(pairs, vectors, 0.9).tolist() == [True, False, False]
    assert near_duplicates(pairs, vectors, 0.7).tolist() == [True, False, True]


@pytest.mark.parametrize("sort", JUNK)
def test_junk_is_as_much_as_asked_and_the_same_with_the_same_seed(sort):
    first, again, other = (JUNK[sort](TEXTS, 70, random.Random(seed)) for seed in (3, 3, 4))
    assert len(first) == 70
    assert all(first)
    assert not set(first) & set(TEXTS)
    assert first == again != other


def test_boilerplate_is_repeated_with_small_changes():
    junk = JUNK["boilerplate, 30 times each"](TEXTS, 70, random.Random(0))
    starts = [text.split()[0] for text in junk]
    assert [starts.count(start) for start in dict.fromkeys(starts)] == [30, 30, 10]
    assert len(set(junk)) > 60


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_a_text_and_leaves_most_of_it(edit):
    text = "Nine things to know about cats, dogs and mice"
    edited = EDITS[edit](text.split(), ["birds"], random.Random(0))
    assert (edited == text) == (edit == "none")
    assert len(set(edited.casefold().split()) & set(text.casefold().split())) >= 4
