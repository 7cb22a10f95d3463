"""How well wrong labels are found: ours against cleanlab's ways and a plain vote of neighbors.

    python -m benchmarks.outliers [--seeds 3] [--first-seed 100] [--data newsgroups news]

Labels are changed on purpose, in three ways (`label_noise`) and at three rates. The labels that were wrong before
count as right, since nobody knows which they are: whoever finds them loses precision, so that no figure can be 1.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
import pyarrow as pa

from benchmarks.data import UnavailableError, joined_texts, labels_of, news, newsgroups
from benchmarks.label_noise import confusable, instance_dependent, nearest_classes, text_probabilities, uniform
from benchmarks.label_peers import LabelIssues, LabelledRows, label_issues
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.inputs import TrainingData
from text_classification_viz.core.neighbors import Neighbors, find_neighbors

RATES = (0.05, 0.1, 0.2)
TUNING_SEEDS = range(3)  # our settings were chosen on these; figures that are reported come from others
DATA_SETS = {"newsgroups": newsgroups, "news": news}
HEADER = ["method", "average precision", "precision at k", "F1", "label given back", "CPU s"]

# Labels, how many of them to change, and by which draws.
Noise = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Figures:
    """How well one method did; all but the seconds in [0, 1], more is better.

    Attributes
    ----------
    average_precision
        Of the changed rows by suspicion.
    precision_at_k
        Share of changed rows among the k most suspicious, k being the number of changed rows.
    f1
        Of the flagged rows as the changed ones.
    given_back
        Share of the changed rows for which the label from before is suggested.
    cpu_seconds
        Of all threads.
    """

    average_precision: float
    precision_at_k: float
    f1: float
    given_back: float
    cpu_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="draws of each noise and rate (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=100, help="the others follow it (%(default)s)")
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS), help="default: all")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print_environment()
    tuned = f"seeds {TUNING_SEEDS[0]} to {TUNING_SEEDS[-1]}"
    print(f"Our settings were chosen on {tuned}; these are seeds {seeds[0]} to {seeds[-1]}.\n")
    for name in arguments.data:
        try:
            data = DATA_SETS[name]()
        except UnavailableError as reason:
            print(f"{name} skipped: {reason}\n")
        else:
            compare(name, data, seeds)


def compare(name: str, data: TrainingData, seeds: range) -> None:
    """Print a table for each kind of noise, a line for each method, means over the seeds at the three rates."""
    classes, labels = np.unique(labels_of(data), return_inverse=True)
    start = time.process_time()
    neighbors = find_neighbors(data.vectors)
    seconds = time.process_time() - start
    n, d = data.vectors.shape
    print(f"{name}, {n:,} rows x {d}, {len(classes)} classes; neighbors {seconds:.1f} CPU s\n", flush=True)
    for kind, noise in noises(data, labels, len(classes)).items():
        by_method: dict[str, list[Figures]] = defaultdict(list)  # rate by rate
        for rate in RATES:
            for method, figures in measure(data, neighbors, classes, labels, noise, rate, seeds).items():
                by_method[method].append(figures)
        rates = " / ".join(f"{rate:.0%}" for rate in RATES)
        print(f"{name}, {kind} noise, {rates} of the labels changed, mean of {len(seeds)} seeds\n")
        print_table(HEADER, ([method, *cells(of_rates)] for method, of_rates in by_method.items()))


def noises(data: TrainingData, labels: np.ndarray, n_classes: int) -> dict[str, Noise]:
    """The kinds of noise by name, with what each has to know of the data."""
    targets = nearest_classes(data.vectors, labels, n_classes)
    probabilities = text_probabilities(joined_texts(data), labels)
    return {
        "uniform": lambda *draw: uniform(*draw, n_classes=n_classes),
        "confusable": lambda *draw: confusable(*draw, targets=targets),
        "instance-dependent": lambda *draw: instance_dependent(*draw, probabilities=probabilities),
    }


def measure(
    data: TrainingData,
    neighbors: Neighbors,
    classes: np.ndarray,
    labels: np.ndarray,
    noise: Noise,
    rate: float,
    seeds: range,
) -> dict[str, Figures]:
    """Each method's figures, means over the seeds."""
    by_method: dict[str, list[Figures]] = defaultdict(list)
    for seed in seeds:
        noisy = noise(labels, round(rate * len(labels)), np.random.default_rng(seed))
        rows = LabelledRows(with_labels(data.table, classes[noisy]), data.vectors, neighbors, classes, noisy)
        for method, found in label_issues(rows):
            by_method[method].append(figures_of(found, labels, noisy))
    return {
        method: Figures(*map(statistics.mean, zip(*map(astuple, of_seeds), strict=True)))
        for method, of_seeds in by_method.items()
    }


def with_labels(table: pa.Table, class_labels: np.ndarray) -> pa.Table:
    column = table.schema.get_field_index("class_label")
    return table.set_column(column, table.schema.field(column), pa.array(class_labels))


def figures_of(found: LabelIssues, labels: np.ndarray, noisy: np.ndarray) -> Figures:
    """Figures of what was found among `noisy` labels, of which those that differ from `labels` are wrong."""
    from sklearn.metrics import average_precision_score, f1_score

    changed = noisy != labels
    most_suspicious = np.argsort(-found.suspicion, kind="stable")[: changed.sum()]
    return Figures(
        average_precision=float(average_precision_score(changed, found.suspicion)),
        precision_at_k=float(changed[most_suspicious].mean()),
        f1=float(f1_score(changed, found.flagged)),
        given_back=float((found.suggested == labels)[changed].mean()),
        cpu_seconds=found.cpu_seconds,
    )


def cells(of_rates: list[Figures]) -> list[str]:
    """A cell for each figure, rate by rate."""
    *shares, seconds = zip(*map(astuple, of_rates), strict=True)
    columns = [[f"{value:.3f}" for value in share] for share in shares] + [[f"{value:.1f}" for value in seconds]]
    return [" / ".join(column) for column in columns]


if __name__ == "__main__":
    main()
