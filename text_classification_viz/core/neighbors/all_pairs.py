"""All pairs of many rows: coarse products find who may count, float32 scores decide.

1. A sample of the rows gives each row a threshold that about twice as many others as needed will pass.
2. The rows are ordered by threshold. The first of two rows then has the lower one, and one comparison tells
   whether a pair may count for either: each pair is looked at once and serves both.
3. Blocks of pairs are multiplied, and the few pairs above the threshold are scored in float32.
4. The best k of each row are kept. Rows that fewer than k others reached, or too many, as in a crowd of
   duplicates, are left to brute force.

How rows are multiplied stands in `products`.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors.brute_force import Band, gather_bands
from text_classification_viz.core.neighbors.products import int8_codes, int8_serves, multiply
from text_classification_viz.core.neighbors.ranking import nearest_candidates, score_pairs
from text_classification_viz.core.threads import one_thread_each

SAMPLE = 2_048  # rows that thresholds are taken from, or
SAMPLED_SHARE = 1 / 32  # of the rows, if that is more
SIGMAS = 3.0  # of a sampled count by which thresholds are lowered; one row in 300 then falls short
CROWDED = 4  # times as many above its threshold as there should be, and a row is left to brute force
ROW_BLOCK, COLUMN_BLOCK = 512, 1_024  # 2 MB of products, which stay in the cache
BAND = 4_096  # rows finished together; their numbers in it fit 16 bits
FLOAT32_ROUNDING = 1e-6  # of a product of unit vectors

Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # row, other row, similarity


def search_all_pairs(
    vectors: np.ndarray, k: int, *, int8: bool, log: logging.Logger
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities (n, k) of the nearest others of every row of the float32 `vectors` (n, d)."""
    int8 = int8 and int8_serves(vectors, log)
    return gather_bands(vectors, k, _search_bands(vectors, k, int8), log)


def _search_bands(vectors: np.ndarray, k: int, int8: bool) -> Iterator[Band]:
    """What is found of each band once it has been compared with all others, as `gather_bands` takes it."""
    bands = chunks(len(vectors), BAND)
    candidates: list[list[Candidates]] = [[] for _ in bands]
    with one_thread_each() as pool:
        ordered = _OrderedRows.by_threshold(vectors, int8_codes(vectors) if int8 else vectors, k, pool)
        for number, band in enumerate(bands):
            blocks = [
                (block, other_number, others)
                for block in chunks(band.stop, ROW_BLOCK, start=band.start)
                for other_number, other_band in enumerate(bands[number:], start=number)
                for others in chunks(other_band.stop, COLUMN_BLOCK, start=other_band.start)
                if others.stop > block.start
            ]
            pairs = pool.map(lambda block: ordered.candidates(block[0], block[2]), blocks)
            for (_, other_number, _), (for_block, for_others) in zip(blocks, pairs, strict=True):
                candidates[number].append(for_block)
                candidates[other_number].append(for_others)
            done, nearest = ordered.nearest(band, candidates[number], k)
            candidates[number] = []
            yield band.stop, done, nearest


@dataclass(frozen=True)
class _OrderedRows:
    """Rows in ascending order of their thresholds.

    Attributes
    ----------
    numbers
        (n,) their row numbers.
    vectors
        float32 (n, d), in the order of the row numbers: a copy in the other order would cost as much memory again.
    codes
        What is multiplied, (n, d): the vectors in order, or int8 in proportion to them.
    thresholds
        (n,) product of codes that another row must reach to count.
    """

    numbers: np.ndarray
    vectors: np.ndarray
    codes: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def by_threshold(cls, vectors: np.ndarray, codes: np.ndarray, k: int, pool: Executor) -> "_OrderedRows":
        n = len(codes)
        sample = codes[np.random.default_rng(0).permutation(n)[: max(SAMPLE, int(SAMPLED_SHARE * n))]]
        expected = k * len(sample) / n
        rank = min(len(sample), 1 + int(np.ceil(expected + SIGMAS * np.sqrt(expected))))  # 1: the row itself
        blocks = [codes[block] for block in chunks(n, ROW_BLOCK)]
        thresholds = np.concatenate(list(pool.map(partial(_thresholds, sample, rank), blocks)))
        numbers = np.argsort(thresholds, kind="stable")
        codes = codes[numbers]
        return cls(numbers, vectors, codes, thresholds[numbers])

    def candidates(self, block: slice, others: slice) -> tuple[Candidates, Candidates]:
        """What the rows of `block` find among `others`, and the reverse; a pair in both is taken once."""
        products = multiply(self.codes[block], self.codes[others])
        above = np.flatnonzero(products >= self.thresholds[block, None])
        first, second = np.divmod(above, products.shape[1])
        first += block.start
        second += others.start
        if others.start < block.stop:
            once = first < second
            above, first, second = above[once], first[once], second[once]
        scores = score_pairs(self.vectors, self.numbers[first], self.numbers[second])
        back = products.ravel()[above] >= self.thresholds[second]
        first, second = first.astype(np.int32), second.astype(np.int32)
        return (first, second, scores), (second[back], first[back], scores[back])

    def nearest(
        self, band: slice, candidates: list[Candidates], k: int
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Numbers of the rows of `band` that have k candidates, and of each the nearest k, as `nearest_of`."""
        row, other, score = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
        enough, nearest = nearest_candidates(
            row - band.start, self.numbers[other], score, band.stop - band.start, k
        )
        return self.numbers[band][enough], nearest


def _thresholds(sample: np.ndarray, rank: int, codes: np.ndarray) -> np.ndarray:
    """The product that `rank` rows of the sample reach with each of `codes`; out of reach for those in a crowd."""
    products = multiply(codes, sample)
    place = len(sample) - rank
    thresholds = np.partition(products, place, axis=1)[:, place].copy()  # a view would keep all products
    if products.dtype == np.float32:
        thresholds -= FLOAT32_ROUNDING  # so that equal vectors all reach it or none does
    crowded = np.count_nonzero(products >= thresholds[:, None], axis=1) > CROWDED * rank
    thresholds[crowded] = np.inf if products.dtype == np.float32 else np.iinfo(products.dtype).max
    return thresholds
