"""How the graph grows with the number of rows: time and memory of each stage, and the exponents.

    python -m benchmarks.scale [--rows 65536 250000 1000000] [--stages nearest_neighbors …] [--folder FOLDER]

Rows are a mixture that lies as real ones do (`data.write_mixture`). Every stage is a process of its own, so that
its peak memory is its own: `dg launch --assets <stage>` with the default settings, one after the other as the
graph orders them. With a folder that is kept, some stages can be measured again without those before them.

Scope: growth. What the whole costs beside other libraries stands in `whole`.
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from benchmarks.data import training_data, write_mixture
from benchmarks.report import print_environment, print_table
from benchmarks.whole import DAGSTER_YAML, QUIET, Cost, measure

SIZES = (65_536, 250_000, 1_000_000)
STAGES = (
    "train_vectors",  # and train_df: one step
    "sampled_train_df",
    "nearest_neighbors",
    "umap_projection",
    "tsne_projection",
    "reviewed_labels",
    "corrected_train_df",
    "outlier_report",
    "class_overlap",
    "review_gain",
    "label_studio_tasks",
    "row_changes",
    "suspect_map",
    "triage_page",
    "projector_logs",
)
SHARED_STEPS = {"train_vectors": "train_df,train_vectors"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes, ascending (%(default)s)")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="default: all")
    parser.add_argument("--folder", type=Path, help="where files stay; default: a temporary folder")
    arguments = parser.parse_args()

    name, data = training_data()
    print_environment()
    with tempfile.TemporaryDirectory() as temporary:
        costs: dict[int, dict[str, Cost]] = {}
        for n_rows in arguments.rows:
            folder = (arguments.folder or Path(temporary)) / str(n_rows)
            storage = folder / "storage"
            if not storage.exists():
                write_mixture(data, n_rows, storage)
            costs[n_rows] = {}
            for stage in arguments.stages:
                costs[n_rows][stage] = cost = run_stage(stage, storage, folder)
                print(f"{n_rows:,} {stage}: {cost}", file=sys.stderr, flush=True)
        print_costs(f"mixture of {name} x {data.vectors.shape[1]}", costs)


def run_stage(stage: str, storage: Path, data_root: Path) -> Cost:
    """Materialize one stage; those before it have been."""
    home = data_root / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    dg = Path(sys.executable).with_name("dg")
    selection, config = SHARED_STEPS.get(stage, stage), json.dumps({"loggers": QUIET})
    return measure(
        [str(dg), "launch", "--assets", selection, "--config-json", config],
        DATA_ROOT=str(data_root),
        DAGSTER_HOME=str(home),
        UPSTREAM_STORAGE=str(storage),
    )


def print_costs(title: str, costs: dict[int, dict[str, Cost]]) -> None:
    """One row for each stage, sizes side by side.

    The exponent is that of the CPU seconds from one size to the next, those of a process that does next to nothing
    taken off: the cheapest stage on the fewest rows.
    """
    sizes = list(costs)
    start = min(cost.cpu for cost in costs[sizes[0]].values())
    print(f"{title}: wall s / CPU s / peak MiB; of the CPU s, {start:.1f} are the process's start\n")
    rows = []
    for stage in costs[sizes[0]]:
        of_stage = [costs[n_rows][stage] for n_rows in sizes]
        cells = [f"{cost.wall:,.0f} / {cost.cpu:,.0f} / {cost.peak:,.0f}" for cost in of_stage]
        rows.append([stage, *cells, *_exponents(sizes, [cost.cpu - start for cost in of_stage])])
    steps = [f"exponent to {n_rows:,}" for n_rows in sizes[1:]]
    print_table(["stage", *(f"{n_rows:,} rows" for n_rows in sizes), *steps], rows)


def _exponents(sizes: list[int], seconds: list[float]) -> list[str]:
    """How CPU seconds grow from each size to the next; none where there are too few to tell."""
    pairs = zip(zip(sizes, seconds, strict=True), zip(sizes[1:], seconds[1:], strict=True), strict=False)
    return [
        f"{math.log(t_large / t_small) / math.log(n_large / n_small):.2f}" if min(t_small, t_large) > 1 else ""
        for (n_small, t_small), (n_large, t_large) in pairs
    ]


if __name__ == "__main__":
    main()
