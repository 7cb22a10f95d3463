import numpy as np
import pytest

from tests.support.outlier_samples import unit
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers.duplicates import find_duplicates


def duplicates_among(texts, vectors, labels=None, ids=None, n_neighbors=5, min_similarity=0.95):
    found = find_neighbors(vectors, n_neighbors)
    n_rows = len(texts)
    labels = np.zeros(n_rows, dtype=np.int32) if labels is None else np.array(labels)
    ids = np.arange(n_rows) if ids is None else np.array(ids)
    return find_duplicates(ids, texts, labels, found.rows, found.similarities, min_similarity)


def same_vectors(n_rows):
    return unit(np.ones((n_rows, 4)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("'Green News Report' - January 6, 2015", "'Green News Report' - January 8, 2015"),
        ("What You Need To Know On March 2", "What You Need To Know On August 2"),
        ("Der Tag, 14. März", "Der Tag, 14. Juli"),
        ("Report - 2012-01-02", "Report - 2012-01-03"),
        ("報告 2012年1月2日", "報告 2012年1月3日"),
        ("Episode 96: Summer", "Episode Summer"),
    ],
)
def test_texts_with_other_numbers_or_dates_are_no_duplicates(first, second):
    result = duplicates_among([first, second], same_vectors(2))
    assert result.representatives.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Trump's Convention Strategy", "Trump’s convention strategy"),
        ("10 Ways To Wear White (PHOTOS)", "10 ways to wear white"),
        ("Oscars 2012", "Oscars, 2012"),
    ],
)
def test_texts_with_the_same_numbers_are_duplicates(first, second):
    assert duplicates_among([first, second], same_vectors(2)).representatives.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Dry skin: my skin is very dry", "Dry skin: in article 'a@b.edu' alex writes: my skin is very dry"),
        ("Anne Hathaway's suit, and how she got fit", "Anne Hathaway's suit"),
        ("A headline", "Another one over the same article, which is what the vectors are of"),
        ("", "a text"),
    ],
)
def test_what_the_vectors_see_counts_where_the_texts_have_no_numbers(first, second):
    assert duplicates_among([first, second], same_vectors(2)).representatives.tolist() == [0, 0]


def test_equal_texts_with_unlike_vectors_are_no_duplicates():
    vectors = unit(np.array([[1, 0], [1, 1]]))
    assert duplicates_among(["Weekly roundup"] * 2, vectors).representatives.tolist() == [0, 1]


def test_one_text_under_two_labels_is_a_conflict():
    texts = ["same text", "same text", "another text", "another text", "alone"]
    vectors = unit(np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]))
    result = duplicates_among(texts, vectors, labels=[0, 1, 2, 2, 3])
    assert result.representatives.tolist() == [0, 0, 2, 2, 4]
    assert result.conflicts.tolist() == [True, True, False, False, False]


def test_a_group_is_represented_by_its_lowest_id():
    result = duplicates_among(["a text"] * 4, same_vectors(4), ids=[40, 30, 10, 20])
    assert result.representatives.tolist() == [2, 2, 2, 2]


def test_a_chain_is_one_group_and_the_threshold_counts():
    angles = np.array([0.0, 0.3, 0.6, 1.5])  # neighbors in the chain: cosine 0.955; its ends: 0.825
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    texts = ["one", "two", "three", "four"]
    assert duplicates_among(texts, vectors, n_neighbors=3).representatives.tolist() == [0, 0, 0, 3]
    strict = duplicates_among(texts, vectors, n_neighbors=3, min_similarity=0.96)
    assert strict.representatives.tolist() == [0, 1, 2, 3]


def test_more_copies_than_neighbors_are_still_one_group():
    assert set(duplicates_among(["copy"] * 30, same_vectors(30), n_neighbors=5).representatives) == {0}
