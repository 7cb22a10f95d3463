"""New rows on an old map: where they go, what is said of their labels, and what placing them costs.

    python -m benchmarks.new_rows [--data news newsgroups reuters] [--seeds 3] [--first-seed 10]

A fifth of each data set is held out, another one for each seed. The joint map knows the held-out rows; all others
are laid out without them. How neighbors decide a place was chosen on news and newsgroups with the seeds 0 to 2,
and the rule that says how many labels are called wrong on the two with seed 0. Reuters was seen by neither.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import DATA_SETS, DataSet, UnavailableError, load
from benchmarks.label_noise import confusable, nearest_classes, uniform
from benchmarks.report import print_environment, print_table
from text_classification_viz.batch_work import Part, PartPlacer, PartSettings, map_with_workers
from text_classification_viz.core.label_model import likeliest_wrong
from text_classification_viz.core.layouts import curve_parameters, umap_layout
from text_classification_viz.core.neighbors import Neighbors, find_neighbors, find_neighbors_of
from text_classification_viz.core.new_rows import LabelModel, Landmarks, place, wrong_probabilities

ON_MAP, KEPT = 10, 15  # neighbors on the map that vote for a label, and those that are to be near
RATES = (0.05, 0.1, 0.2)
EPOCHS = 30
PARTS, ROWS_PER_PART = 8, 20_000


@dataclass(frozen=True)
class Split:
    """A data set without a fifth of its rows, and that fifth."""

    whole: DataSet
    old: np.ndarray
    new: np.ndarray
    codes: np.ndarray
    classes: np.ndarray

    @classmethod
    def draw(cls, data: DataSet, seed: int) -> "Split":
        rows = np.random.default_rng(seed).permutation(len(data.labels))
        n_new = len(rows) // 5
        classes, codes = np.unique(data.labels, return_inverse=True)
        return cls(data, np.sort(rows[n_new:]), np.sort(rows[:n_new]), codes.astype(np.int32), classes)

    def landmarks(self, seed: int) -> Landmarks:
        vectors = np.ascontiguousarray(self.whole.vectors[self.old])
        neighbors = find_neighbors(vectors, 100)
        layout = umap_layout(vectors, neighbors, self.codes[self.old], seed=seed)
        return Landmarks(self.old, self.classes, self.codes[self.old], layout, vectors, neighbors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=list(DATA_SETS), default=["news", "newsgroups", "reuters"])
    parser.add_argument("--seeds", type=int, default=3, help="%(default)s")
    parser.add_argument("--first-seed", type=int, default=10, help="%(default)s")
    arguments = parser.parse_args()
    print_environment()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for name in arguments.data:
        try:
            data = load(name)
        except UnavailableError as reason:
            print(f"{reason}\n")
            continue
        shape = "{:,} x {}".format(*data.vectors.shape)
        print(f"{name}, {shape}, a fifth held out, mean of {len(seeds)} seeds\n")
        compare_places(data, seeds)
        compare_labels(data, seeds)
        measure_throughput(data)


def compare_places(data: DataSet, seeds: range) -> None:
    figures: dict[str, list[tuple[float, ...]]] = {}
    for seed in seeds:
        split = Split.draw(data, seed)
        landmarks = split.landmarks(seed)
        for method, layout, places, cpu in ways_of_placing(split, landmarks, seed):
            figures.setdefault(method, []).append((*quality(split, landmarks, layout, places), cpu))
    print_table(
        ["method", "label accuracy", "neighbors kept", "CPU s for 10,000 rows"],
        [
            [
                method,
                *(
                    f"{np.mean(values):.4f} ± {np.std(values):.4f}"
                    for values in list(zip(*of_seeds, strict=True))[:2]
                ),
                cpu,
            ]
            for method, of_seeds in figures.items()
            for cpu in ["" if np.isnan(of_seeds[0][2]) else f"{np.mean([row[2] for row in of_seeds]):.2f}"]
        ],
    )


def cells(of_seeds: np.ndarray) -> list[str]:
    """Means and deviations of the first two columns of (seeds, 3), the mean of the third if it was measured."""
    mean, deviation = of_seeds.mean(axis=0), of_seeds.std(axis=0)
    cpu = "" if np.isnan(mean[2]) else f"{mean[2]:.2f}"
    return [*(f"{mean[number]:.4f} ± {deviation[number]:.4f}" for number in range(2)), cpu]


def ways_of_placing(
    split: Split, landmarks: Landmarks, seed: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray, float]]:
    """Method, map of the landmarks, places of the new rows, and CPU seconds for 10,000 rows."""
    vectors, per_10_000 = split.whole.vectors[split.new], 10_000 / len(split.new)
    joint = umap_layout(split.whole.vectors, find_neighbors(split.whole.vectors, 20), split.codes, seed=seed)
    yield "joint map", joint[split.old], joint[split.new], np.nan

    def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
        started = time.process_time()
        places = work()
        return places, (time.process_time() - started) * per_10_000

    yield (
        "ours",
        landmarks.coordinates,
        *timed(lambda: place(split.new, vectors, landmarks, seed=seed).coordinates),
    )
    nearest = find_neighbors_of(vectors, landmarks.vectors, 100)
    for k in (5, 10):
        medians = np.median(landmarks.coordinates[nearest.rows[:, :k]], axis=1)
        yield f"median of {k} neighbors", landmarks.coordinates, medians, np.nan
    moved = optimized(medians, nearest, landmarks, seed)
    yield f"median of 10, {EPOCHS} epochs, landmarks fixed", landmarks.coordinates, moved, np.nan
    model, layout = fit_umap_learn(landmarks, seed)
    with redirect_stdout(StringIO()):
        model.transform(vectors[:10])  # which compiles
    yield "umap-learn, transform on its own map", layout, *timed(lambda: model.transform(vectors))


def fit_umap_learn(landmarks: Landmarks, seed: int) -> tuple:
    from umap import UMAP

    model = UMAP(n_neighbors=10, metric="cosine", random_state=seed, n_jobs=1)
    return model, model.fit_transform(landmarks.vectors)


def optimized(places: np.ndarray, nearest: Neighbors, landmarks: Landmarks, seed: int) -> np.ndarray:
    """UMAP's gradient descent on the new rows alone, every neighbor in proportion to its similarity."""
    a, b = curve_parameters(0.1)
    rng, places, n = np.random.default_rng(seed), places.astype(np.float64), len(landmarks.ids)

    def step(to: np.ndarray, attract: bool) -> np.ndarray:
        gap = places - landmarks.coordinates[to]
        squared = np.maximum((gap**2).sum(axis=1, keepdims=True), 1e-9)
        pull = -2 * a * b * squared ** (b - 1) / (1 + a * squared**b)
        push = 2 * b / ((1e-3 + squared) * (1 + a * squared**b))
        return np.clip((pull if attract else push) * gap, -4, 4)

    strengths = np.exp(-(nearest.similarities[:, :1] - nearest.similarities[:, :9]) / 0.1)
    for epoch in range(EPOCHS):
        rate = 0.3 * (1 - epoch / EPOCHS)
        for other, strength in zip(nearest.rows.T[:9], strengths.T, strict=True):
            due = (rng.random(len(places)) < strength)[:, None]
            places = places + rate * due * step(other, attract=True)
            for _ in range(5):
                places = places + rate * due * step(rng.integers(n, size=len(places)), attract=False)
    return places


def quality(split: Split, landmarks: Landmarks, layout: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    from scipy.spatial import KDTree

    near = KDTree(layout).query(places, KEPT)[1]
    votes = np.zeros((len(places), len(split.classes)), int)
    np.add.at(votes, (np.arange(len(places))[:, None], landmarks.labels[near[:, :ON_MAP]]), 1)
    true = find_neighbors_of(split.whole.vectors[split.new], landmarks.vectors, KEPT).rows
    kept = (true[:, :, None] == near[:, None]).any(axis=2).mean()
    return float((votes.argmax(axis=1) == split.codes[split.new]).mean()), float(kept)


def compare_labels(data: DataSet, seeds: range) -> None:
    """Average precision and F1 on labels of new rows that were changed on purpose."""
    figures: dict[tuple[str, str], dict[float, list[tuple[float, float]]]] = {}
    for seed in seeds:
        split = Split.draw(data, seed)
        vectors = np.ascontiguousarray(data.vectors[split.old])
        landmarks = Landmarks(
            split.old, split.classes, split.codes[split.old], vectors[:, :2], vectors, find_neighbors(vectors, 100)
        )
        model, new = LabelModel.fit(landmarks), data.vectors[split.new]
        nearest = find_neighbors_of(new, vectors, 100)
        logistic = logistic_probabilities(landmarks, new)
        targets = nearest_classes(vectors, landmarks.labels, len(split.classes))
        given = split.codes[split.new]
        for rate in RATES:
            rng = np.random.default_rng(seed)
            n_changed = round(rate * len(given))
            kinds = {
                "uniform": uniform(given, n_changed, rng, n_classes=len(split.classes)),
                "confusable": confusable(given, n_changed, rng, targets=targets),
            }
            for kind, labels in kinds.items():
                for method, found in label_methods(model, new, nearest, logistic, labels).items():
                    of_method = figures.setdefault((kind, method), {})
                    of_method.setdefault(rate, []).append(precision_and_f1(*found, labels != given))
    print_table(
        ["noise, method", "average precision at 5 / 10 / 20 %", "F1"],
        [
            [
                f"{kind}, {method}",
                *(
                    " / ".join(f"{statistics.mean(row[number] for row in of_rate[rate]):.3f}" for rate in RATES)
                    for number in range(2)
                ),
            ]
            for (kind, method), of_rate in sorted(figures.items(), reverse=True)
        ],
    )


def logistic_probabilities(landmarks: Landmarks, vectors: np.ndarray) -> np.ndarray:
    """What the recipe would do: a classifier of the training rows, and its probabilities for the new ones."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=400).fit(landmarks.vectors, landmarks.labels)
    probabilities = np.zeros((len(vectors), len(landmarks.classes)))
    probabilities[:, model.classes_] = model.predict_proba(vectors)  # a class of one row may be held out
    return probabilities


def label_methods(
    model: LabelModel, vectors: np.ndarray, nearest: Neighbors, logistic: np.ndarray, labels: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Suspicion of each label, and whether it is called wrong."""
    from cleanlab.filter import find_label_issues

    verdicts, rows = model.judge(vectors, nearest, labels), np.arange(len(labels))
    wrong = wrong_probabilities(verdicts.wrong_log_odds, model.usual_wrong_share)
    votes = (model.landmarks.labels[nearest.rows[:, :50]] == labels[:, None]).mean(axis=1)
    return {
        "ours": (wrong, likeliest_wrong(wrong, wrong.sum()) & verdicts.suggestion_wins),
        "cleanlab, self_confidence": (1 - logistic[rows, labels], find_label_issues(labels, logistic)),
        "vote of 50 neighbors": (1 - votes, votes < 0.5),
    }


def precision_and_f1(suspicion: np.ndarray, called: np.ndarray, noisy: np.ndarray) -> tuple[float, float]:
    from sklearn.metrics import average_precision_score, f1_score

    return float(average_precision_score(noisy, suspicion)), float(f1_score(noisy, called))


def measure_throughput(data: DataSet) -> None:
    """Rows per second of whole parts, from Parquet to Parquet, in this process and by two actors of Ray."""
    split = Split.draw(data, 0)
    model = LabelModel.fit(split.landmarks(0))
    classes = pa.table({"category": split.classes, "class_label": split.classes})
    settings = PartSettings(model, classes, 0.95, 99.0, 0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        for number in range(PARTS):
            rows = rng.choice(split.new, ROWS_PER_PART)
            noise = rng.standard_normal((ROWS_PER_PART, data.vectors.shape[1]), dtype=np.float32)
            vectors = data.vectors[rows] + np.float32(0.3 / np.sqrt(data.vectors.shape[1])) * noise
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
            ids = np.arange(ROWS_PER_PART) + number * ROWS_PER_PART
            table = {"id": ids, "embedding": column, "category": split.classes[split.codes[rows]]}
            pq.write_table(pa.table(table), folder / f"{number}.parquet")
        sources = sorted(folder.glob("*.parquet"))

        def run(n_workers: int) -> tuple[float, float]:
            (results := folder / f"results-{n_workers}").mkdir(exist_ok=True)
            parts = [Part(source, results / source.name) for source in sources]
            wall, cpu = time.perf_counter(), time.process_time()
            list(map_with_workers(PartPlacer, settings, parts, n_workers=n_workers))
            return time.perf_counter() - wall, time.process_time() - cpu

        here, there = run(1), run(2)
        same = all(
            (folder / "results-1" / source.name).read_bytes() == (folder / "results-2" / source.name).read_bytes()
            for source in sources
        )
    total = PARTS * ROWS_PER_PART
    print(f"{total:,} rows in {PARTS} files on {len(split.old):,} landmarks; results the same bytes: {same}\n")
    print_table(
        ["way", "wall s", "rows per second", "rows per second and core"],
        [
            ["in process", f"{here[0]:.1f}", f"{total / here[0]:,.0f}", f"{total / here[1]:,.0f}"],
            ["2 actors of Ray, their start included", f"{there[0]:.1f}", f"{total / there[0]:,.0f}", ""],
        ],
    )


if __name__ == "__main__":
    main()
