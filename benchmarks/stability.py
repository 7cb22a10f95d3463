"""Does a map stay recognizable when rows are replaced, and is it still a good map?

    python -m benchmarks.stability [--seed 0]

A tenth of the rows is held out at first. A refresh drops rows at random and takes as many from those that are out,
which the dropped ones join at the end of the queue. Three ways to the next map are compared:

- continued: as `umap_projection` does it, kept rows where they were, new ones beside their neighbors, refined
  once enough has changed;
- aligned: laid out afresh, then turned, reflected and shifted onto the last aligned map;
- afresh: laid out afresh and left as it comes.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import astuple

import numpy as np

from benchmarks.data import labels_of, training_data
from benchmarks.map_quality import FIGURES, map_qualities
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.layouts import refine_umap, umap_layout
from text_classification_viz.core.maps import KnownMap, MappedRows, Refresh, align, continue_map, displacements
from text_classification_viz.core.neighbors import find_neighbors

HELD_OUT = 0.1  # of the rows: the first that come
SCENARIOS = {"1 % once": [0.01], "10 % once": [0.1], "3 % ten times": [0.03] * 10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the rows that come and go (%(default)s)")
    arguments = parser.parse_args()
    name, data = training_data()
    vectors, labels = data.vectors, labels_of(data)
    print_environment()
    for title, shares in SCENARIOS.items():
        print(f"{name}, {len(vectors):,} rows, a tenth held out; {title}, seed {arguments.seed}\n")
        print_table(
            ["refresh", "way", "moved, median %", "moved, 99th percentile %", *FIGURES],
            refreshes(vectors, labels, shares, arguments.seed),
        )


def refreshes(vectors: np.ndarray, labels: np.ndarray, shares: list[float], seed: int) -> Iterator[list[str]]:
    """A line for each refresh and way: how far kept rows moved in percent of the diameter, and the quality."""
    last: dict[str, KnownMap] = {}
    for number, ids in enumerate(changing_ids(len(vectors), shares, seed)):
        rows = MappedRows(ids, labels[ids], vectors[ids], find_neighbors(vectors[ids]))
        fresh = umap_layout(rows.vectors, rows.neighbors, rows.labels)
        if not last:
            last = dict.fromkeys(WAYS, KnownMap.of(rows, fresh, {}))
            continue
        maps = {way: next_map(last[way], rows, fresh) for way, next_map in WAYS.items()}
        qualities = map_qualities(rows.vectors, [new.coordinates for new in maps.values()], rows.labels)
        for (way, new), quality in zip(maps.items(), qualities, strict=True):
            before, now = kept_rows(last[way].ids, ids)
            moved = displacements(last[way].coordinates[before], new.coordinates[now])
            figures = [f"{figure:.4f}" for figure in astuple(quality)]
            yield [str(number), way, f"{np.median(moved):.2f}", f"{np.percentile(moved, 99):.2f}", *figures]
        last = maps


def changing_ids(n: int, shares: list[float], seed: int) -> Iterator[np.ndarray]:
    """The row numbers at first and after each refresh, ascending."""
    rng = np.random.default_rng(seed)
    queue, present = np.split(rng.permutation(n), [int(HELD_OUT * n)])
    yield np.sort(present)
    for share in shares:
        present = rng.permutation(present)
        dropped, kept = np.split(present, [round(share * len(present))])
        come, waiting = np.split(queue, [len(dropped)])
        present, queue = np.concatenate([kept, come]), np.concatenate([waiting, dropped])
        yield np.sort(present)


def kept_rows(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the rows that both hold stand in each."""
    _, in_before, in_now = np.intersect1d(before, now, assume_unique=True, return_indices=True)
    return in_before, in_now


def continued(last: KnownMap, rows: MappedRows, _: np.ndarray) -> KnownMap:
    def refine(placed: np.ndarray) -> np.ndarray:
        return refine_umap(placed, rows.vectors, rows.neighbors, rows.labels)

    refresh = continue_map(last, rows, {}, refine)
    assert isinstance(refresh, Refresh)
    return refresh.map


def aligned(last: KnownMap, rows: MappedRows, fresh: np.ndarray) -> KnownMap:
    before, now = kept_rows(last.ids, rows.ids)
    reference, shared = fresh.copy(), np.zeros(len(fresh), bool)
    reference[now], shared[now] = last.coordinates[before], True
    return KnownMap.of(rows, align(fresh, reference, shared), {})


def afresh(_: KnownMap, rows: MappedRows, fresh: np.ndarray) -> KnownMap:
    return KnownMap.of(rows, fresh, {})


WAYS: dict[str, Callable[[KnownMap, MappedRows, np.ndarray], KnownMap]] = {
    "continued": continued,
    "aligned": aligned,
    "afresh": afresh,
}


if __name__ == "__main__":
    main()
