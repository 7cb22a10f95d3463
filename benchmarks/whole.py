"""Whole processes: the recipe against the asset graph, from upstream's three files to the last result.

    python -m benchmarks.whole [--runs 3] [--rows 34000 65536]

Every process is fresh, and so are its DATA_ROOT and DAGSTER_HOME, except where it is to follow an earlier run.
One round runs each of them once and the next starts over, so that whatever else the machine does meets all of
them alike; the tables give medians over the rounds. A first round on few rows is not counted: it fills the
disk's caches of files and of compiled code.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks.data import SIZES, WARM_UP_ROWS, resized, training_data, write_storage
from benchmarks.report import print_environment, print_table

CHECKOUT = Path(__file__).resolve().parents[1]

RECIPE, RECIPE_TSNE = "recipe without t-SNE", "recipe"
GRAPH, GRAPH_AGAIN, GRAPH_TSNE = "graph", "graph, second run on the same rows", "graph, t-SNE of all rows"
LIKE, LIKE_TSNE = "graph, what the recipe makes", "graph, what the recipe makes, t-SNE of all rows"
ORDER = (RECIPE, GRAPH, GRAPH_AGAIN, LIKE, RECIPE_TSNE, GRAPH_TSNE, LIKE_TSNE)
AGAINST = {
    **dict.fromkeys((GRAPH, GRAPH_AGAIN, LIKE), RECIPE),
    **dict.fromkeys((GRAPH_TSNE, LIKE_TSNE), RECIPE_TSNE),
}
JOB = ("--job", "visualization_job")
# The projector's run, both maps with their pictures and the outlier report, and all that these need.
LIKE_THE_RECIPE = ("--assets", "+key:projector_logs or +key:outlier_report")

# The graph's default is t-SNE of the sample, supervised; the recipe's is of all rows and knows no labels.
TSNE_OF_ALL_ROWS = {"tsne_projection": {"config": {"rows": "all", "perplexity": 30, "supervision": 0}}}
QUIET = {"console": {"config": {"log_level": "WARNING"}}}
DAGSTER_YAML = "telemetry: {enabled: false}\nnux: {enabled: false}\n"


@dataclass(frozen=True)
class Cost:
    """Of a process and all that it started: seconds, and the MiB of the largest single process."""

    wall: float
    cpu: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="rounds that count (%(default)s)")
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="default: as it is, 34,000 and 65,536")
    arguments = parser.parse_args()
    if importlib.util.find_spec("cleanlab") is None:
        sys.exit("The recipe needs cleanlab: pip install --editable '.[bench]'")

    name, data = training_data()
    print_environment()
    with tempfile.TemporaryDirectory() as folder:
        storage = Path(folder)
        write_storage(resized(data, WARM_UP_ROWS), storage)
        run_round(storage)
        for n_rows in arguments.rows:
            rows = resized(data, n_rows)
            write_storage(rows, storage)
            rounds = [run_round(storage) for _ in range(arguments.runs)]
            print_costs(f"{name}, {len(rows.vectors):,} rows", rounds)


def run_round(storage: Path) -> dict[str, Cost]:
    """Run each process of `ORDER` once on the files in `storage`."""
    recipe = [sys.executable, "-m", "benchmarks.recipe", str(storage)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        return {
            RECIPE: measure([*recipe, str(out / "a"), "--without-tsne"]),
            GRAPH: run_graph(storage, out / "graph", JOB),
            GRAPH_AGAIN: run_graph(storage, out / "graph", JOB),
            LIKE: run_graph(storage, out / "like", LIKE_THE_RECIPE),
            RECIPE_TSNE: measure([*recipe, str(out / "b")]),
            GRAPH_TSNE: run_graph(storage, out / "graph_tsne", JOB, TSNE_OF_ALL_ROWS),
            LIKE_TSNE: run_graph(storage, out / "like_tsne", LIKE_THE_RECIPE, TSNE_OF_ALL_ROWS),
        }


def run_graph(storage: Path, data_root: Path, what: tuple[str, str], ops: dict[str, dict] | None = None) -> Cost:
    """Materialize `what` as a user does, with the config `ops`."""
    home = data_root / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    config = json.dumps({"loggers": QUIET, "ops": ops or {}})
    dg = Path(sys.executable).with_name("dg")
    return measure(
        [str(dg), "launch", *what, "--config-json", config],
        DATA_ROOT=str(data_root),
        DAGSTER_HOME=str(home),
        UPSTREAM_STORAGE=str(storage),
    )


def measure(command: list[str], **environment: str) -> Cost:
    """Run a command to its end; what it prints is shown only if it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        # wait4 gives the usage of the process and of all that it waited for in turn.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def print_costs(title: str, rounds: list[dict[str, Cost]]) -> None:
    """Medians over the rounds, and their ratios to the recipe's."""
    median = {name: median_of([costs[name] for costs in rounds]) for name in ORDER}
    print(f"{title}, median of {len(rounds)}\n")
    rows = []
    for name in ORDER:
        cost, peer = median[name], median.get(AGAINST.get(name, ""))
        ratios = [f"{cost.wall / peer.wall:.2f}", f"{cost.cpu / peer.cpu:.2f}"] if peer else ["", ""]
        rows.append([name, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak:,.0f}", *ratios])
    print_table(["process", "wall s", "CPU s", "peak MiB", "wall, of the recipe's", "CPU, of the recipe's"], rows)


def median_of(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*map(astuple, costs), strict=True)))


if __name__ == "__main__":
    main()
