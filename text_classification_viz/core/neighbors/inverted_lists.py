"""Very many rows, each compared with those of the cells nearest to it: an inverted file, searched in batches.

1. k-means on a sample cuts the space into cells, and the rows are ordered by cell (the inverted file of Jégou,
   Douze and Schmid, "Product quantization for nearest neighbor search", 2011, with no quantisation but int8).
2. Some rows are searched among all others. How many cells hold their true neighbors says how many each row must
   look into (`TARGET_RECALL`).
3. Each row gets a threshold: about the k-th largest product with rows of its own cell and those beside it, which
   is at most that of its k-th nearest row.
4. Band by band, the rows that look into a cell are multiplied with the rows of that cell, the nearest cells first.
   What they find raises the threshold; the pairs that stay above it are scored in float32.
5. Rows for which fewer than k were found, or too many, as in a crowd of duplicates, are left to brute force.

How rows are multiplied stands in `products`.
"""

import logging
import math
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors.brute_force import Band, gather_bands, search_brute_force
from text_classification_viz.core.neighbors.products import int8_codes, int8_serves, multiply
from text_classification_viz.core.neighbors.ranking import nearest_candidates, score_pairs
from text_classification_viz.core.threads import one_thread_each

CELLS_PER_ROOT = 2  # cells for the square root of n: more cost as much to find as they save
ROWS_PER_CELL = 50  # of the sample that k-means sees
ITERATIONS = 8
TARGET_RECALL = 0.986  # of the rows searched twice; those measured later differ by some thousandths
PROBED_ROWS = 512  # searched twice
REFERENCE_ROWS, REFERENCE_PER_NEIGHBOR = 2_048, 8  # rows that thresholds are taken from, the larger of the two
CROWDED = 4  # times as many above its threshold as there should be, and a row is left to brute force
KEPT, SURPLUS = 1.1, 8  # times as many as needed, and so many more, are scored in float32
STEPS = (1 / 8, 1)  # of the cells that a row looks into, after each of which its threshold is raised
LEAST_LENGTH = 1e-6  # of a center: that of zero vectors stays where it is
OUT_OF_REACH = 2**30  # of all products, and as exact in float32 as in int32
BAND = 4_096  # rows finished together, by one thread, in 60 MB; their numbers in it fit 16 bits
ROW_BLOCK, COLUMN_BLOCK = 512, 1_024  # 2 MB of products, which stay in the cache

Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # row in its band, other row, product


def search_inverted_lists(
    vectors: np.ndarray, k: int, *, int8: bool, log: logging.Logger
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities (n, k) of the nearest others of every row of the float32 `vectors` (n, d)."""
    int8 = int8 and int8_serves(vectors, log)
    return gather_bands(vectors, k, _search_bands(vectors, k, int8, log), log)


def _search_bands(vectors: np.ndarray, k: int, int8: bool, log: logging.Logger) -> Iterator[Band]:
    """What is found of each band in the cells nearest to its rows, as `gather_bands` takes it."""
    with one_thread_each() as pool:
        cells = _Cells.of(int8_codes(vectors) if int8 else vectors, pool)
        n_probes = cells.probes_needed(vectors, k, log)
        log.info(f"nearest neighbors: each row looks into {n_probes:,} of {cells.n_cells:,} cells")
        bands = chunks(len(vectors), BAND)
        results = pool.map(partial(cells.nearest, vectors, k, n_probes), bands)
        for band, (done, nearest) in zip(bands, results, strict=True):
            yield band.stop, done, nearest


@dataclass(frozen=True)
class _Cells:
    """Rows ordered by cell.

    Attributes
    ----------
    numbers
        (n,) their row numbers.
    codes
        What is multiplied, (n, d), in this order.
    centroids
        Codes of the centres of the c cells, (c, d).
    starts
        Where each cell begins among the ordered rows, and the end of the last, (c + 1,).
    """

    numbers: np.ndarray
    codes: np.ndarray
    centroids: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, pool: Executor) -> "_Cells":
        n = len(codes)
        n_cells = max(1, int(CELLS_PER_ROOT * np.sqrt(n)))
        drawn = np.random.default_rng(0).permutation(n)[: ROWS_PER_CELL * n_cells]
        centroids = _k_means(codes[np.sort(drawn)], codes[drawn[:n_cells]], pool)
        cell_of = _nearest_centroids(codes, centroids, pool)
        numbers = np.argsort(cell_of, kind="stable")
        codes = codes[numbers]
        starts = np.concatenate([[0], np.cumsum(np.bincount(cell_of, minlength=n_cells))])
        return cls(numbers, codes, centroids, starts)

    @property
    def n_cells(self) -> int:
        return len(self.centroids)

    def probes_needed(self, vectors: np.ndarray, k: int, log: logging.Logger) -> int:
        """The fewest cells among which, in the mean, `TARGET_RECALL` of a row's nearest k rows are."""
        n = len(vectors)
        places = np.sort(np.random.default_rng(1).permutation(n)[:PROBED_ROWS])
        nearest, _ = search_brute_force(vectors, self.numbers[places], k, log)
        cell_of = np.empty(n, np.int32)
        cell_of[self.numbers] = np.repeat(np.arange(self.n_cells, dtype=np.int32), np.diff(self.starts))
        order = np.argsort(-multiply(self.codes[places], self.centroids), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(self.n_cells)[None], axis=1)
        ranks = np.take_along_axis(rank, cell_of[nearest].astype(np.int64), axis=1)
        recall = np.cumsum(np.bincount(ranks.ravel(), minlength=self.n_cells)) / ranks.size
        return int(np.searchsorted(recall, TARGET_RECALL)) + 1

    def nearest(
        self, vectors: np.ndarray, k: int, n_probes: int, band: slice
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Numbers of the rows of `band` for which enough was found, and of each the nearest k."""
        n_rows = band.stop - band.start
        n_kept = math.ceil(KEPT * k) + SURPLUS
        thresholds = self._thresholds(band, n_kept)
        cells = self._nearest_cells(band, [math.ceil(share * n_probes) for share in STEPS])
        row, other, product = np.empty(0, np.uint16), np.empty(0, np.int32), np.empty(0, thresholds.dtype)
        for some_cells in cells:
            found = [self._candidates(band, thresholds, *visit) for visit in self._visits(some_cells)]
            parts = zip((row, other, product), *found, strict=True)
            row, other, product = (np.concatenate(of_all) for of_all in parts)
            thresholds = _raise_thresholds(thresholds, row, product, n_kept)
            near = product >= thresholds[row]
            row, other, product = row[near], other[near], product[near]
        numbers = self.numbers[other]
        scores = score_pairs(vectors, self.numbers[band][row], numbers)
        enough, nearest = nearest_candidates(row, numbers, scores, n_rows, k)
        return self.numbers[band][enough], nearest

    def _thresholds(self, band: slice, k: int) -> np.ndarray:
        """For each row of `band` the k-th largest product with other rows of its own cell and those beside it."""
        first, last = np.searchsorted(self.starts, [band.start, band.stop - 1], side="right") - 1
        beside = np.argsort(-multiply(self.centroids[first : last + 1], self.centroids), axis=1, kind="stable")
        size = max(REFERENCE_ROWS, REFERENCE_PER_NEIGHBOR * k)
        thresholds: list[np.ndarray] = []
        for cell in range(first, last + 1):
            places: list[np.ndarray] = []
            for near in beside[cell - first]:
                places.append(np.arange(self.starts[near], self.starts[near + 1])[:size])
                if sum(map(len, places)) >= size:
                    break
            reference = np.concatenate(places)[:size]
            codes, place = self.codes[reference], max(len(reference) - k - 1, 0)  # 1: the row itself
            start, stop = max(band.start, self.starts[cell]), min(band.stop, self.starts[cell + 1])
            thresholds += [
                _threshold_of(multiply(self.codes[block], codes), place, k)
                for block in chunks(stop, ROW_BLOCK, start=start)
            ]
        return np.concatenate(thresholds)

    def _nearest_cells(self, band: slice, ends: list[int]) -> list[np.ndarray]:
        """The cells that each row of `band` looks into, step by step: up to each of the ascending `ends`."""
        places = [end - 1 for end in ends]
        cells = [
            np.argpartition(-multiply(self.codes[block], self.centroids), places, axis=1)[:, : ends[-1]]
            for block in chunks(band.stop, ROW_BLOCK, start=band.start)
        ]
        return np.split(np.concatenate(cells).astype(np.uint16), ends[:-1], axis=1)

    def _visits(self, cells: np.ndarray) -> list[tuple[np.ndarray, slice]]:
        """Blocks of the rows that look into a cell, and of those in it, from the `cells` (m, p) of each row."""
        by_cell = np.argsort(cells, axis=None, kind="stable")  # NumPy sorts 16 bits by radix
        rows = by_cell // cells.shape[1]
        ends = np.concatenate([[0], np.cumsum(np.bincount(cells.ravel(), minlength=self.n_cells))])
        return [
            (rows[part], others)
            for cell in range(self.n_cells)
            for part in chunks(ends[cell + 1], ROW_BLOCK, start=ends[cell])
            for others in chunks(self.starts[cell + 1], COLUMN_BLOCK, start=self.starts[cell])
        ]

    def _candidates(self, band: slice, thresholds: np.ndarray, rows: np.ndarray, others: slice) -> Candidates:
        """What the `rows` of a band find among `others`."""
        products = multiply(self.codes[band.start + rows], self.codes[others])
        above = np.flatnonzero(products >= thresholds[rows, None])
        first, second = np.divmod(above, products.shape[1])
        row, other, product = rows[first], second + others.start, products.ravel()[above]
        is_other = other != row + band.start
        return row[is_other].astype(np.uint16), other[is_other].astype(np.int32), product[is_other]


def _k_means(codes: np.ndarray, centroids: np.ndarray, pool: Executor) -> np.ndarray:
    """Codes of the centres of cells, (c, d), by Lloyd's iterations on the sphere from the codes of c rows."""
    length = np.linalg.norm(codes.astype(np.float32), axis=1).max()
    for _ in range(ITERATIONS):
        cell_of = _nearest_centroids(codes, centroids, pool)
        by_cell = np.argsort(cell_of, kind="stable")
        sums = centroids.astype(np.float32)  # where no row is near, a center stays
        filled, starts = np.unique(cell_of[by_cell], return_index=True)
        sums[filled] = np.add.reduceat(codes[by_cell].astype(np.float32), starts, axis=0)
        sums *= length / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), LEAST_LENGTH)
        centroids = np.rint(sums).clip(-127, 127).astype(np.int8) if codes.dtype == np.int8 else sums
    return centroids


def _nearest_centroids(codes: np.ndarray, centroids: np.ndarray, pool: Executor) -> np.ndarray:
    """The cell of each row, (n,)."""
    blocks = [codes[block] for block in chunks(len(codes), ROW_BLOCK)]
    return np.concatenate(list(pool.map(lambda block: multiply(block, centroids).argmax(axis=1), blocks)))


def _threshold_of(products: np.ndarray, place: int, k: int) -> np.ndarray:
    """The product at `place` of each row in ascending order; out of reach for a row in a crowd."""
    thresholds = np.partition(products, place, axis=1)[:, place].copy()  # a view would keep all products
    crowded = np.count_nonzero(products >= thresholds[:, None], axis=1) > CROWDED * (k + 1)
    thresholds[crowded] = OUT_OF_REACH
    return thresholds


def _raise_thresholds(thresholds: np.ndarray, row: np.ndarray, product: np.ndarray, k: int) -> np.ndarray:
    """The k-th largest product of each row; what it was where there are not so many."""
    ascending = np.argsort(product)
    by_row = ascending[np.argsort(row[ascending], kind="stable")]  # NumPy sorts 16 bits by radix
    counts = np.bincount(row, minlength=len(thresholds))
    enough = counts >= k
    raised = thresholds.copy()
    raised[enough] = product[by_row[np.cumsum(counts)[enough] - k]]
    return np.maximum(thresholds, raised)
