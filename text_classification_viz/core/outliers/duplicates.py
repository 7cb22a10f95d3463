"""Rows whose texts say the same, and whether their labels do.

Scope: near-duplicates by the similarity of vectors, except where the numbers in the texts differ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Duplicates:
    """Groups of near-duplicates among n rows.

    Attributes
    ----------
    representatives
        The row that stands for each row's group, its own where it has no duplicate, (n,).
    conflicts
        Whether the labels inside the row's group differ, bool (n,).
    """

    representatives: np.ndarray
    conflicts: np.ndarray


def find_duplicates(
    ids: np.ndarray,
    texts: Sequence[str],
    labels: np.ndarray,
    neighbors: np.ndarray,
    similarities: np.ndarray,
    min_similarity: float,
) -> Duplicates:
    """Group rows that are joined by a chain of near-duplicates; the lowest id of a group represents it.

    Two neighbors are near-duplicates if their cosine similarity reaches `min_similarity` and every number
    stands between the same words in both. Sentence embeddings hardly see numbers: "Report - March 2" and
    "Report - June 7" reach 0.98, and are two texts.

    Parameters
    ----------
    ids, texts, labels
        Of the n rows; labels are integers.
    neighbors, similarities
        Neighbor lists, (n, k) each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_rows = len(ids)
    first, step = np.nonzero(similarities >= min_similarity)
    second = neighbors[first, step]
    numbers = {row: numbers_in_context(texts[row]) for row in np.union1d(first, second).tolist()}
    same = [numbers[a] == numbers[b] for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    first, second = first[same], second[same]

    links = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n_rows, n_rows))
    n_groups, groups = connected_components(links, directed=False)

    lowest_id_first = np.argsort(ids, kind="stable")[::-1]
    representative = np.empty(n_groups, dtype=np.int64)
    representative[groups[lowest_id_first]] = lowest_id_first  # the last write of a group is its lowest id
    differs = labels != labels[representative[groups]]
    conflict = np.bincount(groups, weights=differs, minlength=n_groups) > 0
    return Duplicates(representative[groups], conflict[groups])


def numbers_in_context(text: str) -> list[tuple[str, ...]]:
    """Each word with a digit, with the words beside it, in order: dates differ by month as well as by day."""
    words = _WORD.findall(text.casefold())
    return [tuple(words[max(0, i - 1) : i + 2]) for i, word in enumerate(words) if _DIGIT.search(word)]
