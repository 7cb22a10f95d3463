"""How quick the triage page is in a browser.

    python -m benchmarks.triage_page [--rows 17000 65536] [--rounds 3]

A headless Chromium without a graphics card opens the page from disk. First map: from the start of loading until
points are on the canvas. Frames while panning: the browser's own count, 60 moves of the mouse. Lasso: from letting
go of the mouse, around half of the map, until the browser has painted the table; filter: likewise, from a choice.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.data import labels_of, resized, training_data
from benchmarks.report import print_environment, print_table
from tests.support.browser import open_page
from text_classification_viz.core.inputs import TrainingData
from text_classification_viz.core.layouts import umap_layout
from text_classification_viz.core.maps import KnownMap, MappedRows
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers import outlier_report
from text_classification_viz.views.triage_page import PageMap, triage_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

N_NEIGHBORS = 100
MOVES = 60
WATCH_CANVAS = """
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...picture) {
  put.apply(this, picture);
  window.firstMap ??= performance.now();
};
"""
WATCH_FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""
# `caused` becomes the milliseconds from the next event of a kind until what it caused is painted.
TIME_EVENT = """(kind) => {
  window.caused = new Promise((resolve) => addEventListener(kind, () => {
    const start = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - start)));
  }, { capture: true, once: true }));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=(None, 65_536), help="default: as it is, and 65,536"
    )
    parser.add_argument("--rounds", type=int, default=3, help="times that each page is opened (%(default)s)")
    arguments = parser.parse_args()

    name, data = training_data()
    print_environment()
    header = ["rows", "file, MB", "made in, CPU s", "first map, ms", "pan, median ms", "p95 ms"]
    header += ["lasso to table, ms", "filter to table, ms"]
    lines = []
    for n_rows in arguments.rows:
        rows = resized(data, n_rows)
        page, seconds = make(rows)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_bytes(page)
            rounds = [time_page(path) for _ in range(arguments.rounds)]
            told = [statistics.median(values) for values in zip(*rounds, strict=True)]
        figures = [f"{len(page) / 1e6:.1f}", f"{seconds:.2f}", *(f"{value:.0f}" for value in told)]
        lines.append([f"{rows.table.num_rows:,}", *figures])
    print(f"{name}, median of {arguments.rounds}\n")
    print_table(header, lines)


def make(data: TrainingData) -> tuple[bytes, float]:
    """The page with the UMAP map, and the CPU seconds that it took beside report and map."""
    neighbors = find_neighbors(data.vectors, N_NEIGHBORS)
    report = outlier_report(data.table, data.vectors, neighbors.rows, neighbors.similarities).table
    labels = labels_of(data)
    layout = umap_layout(data.vectors, neighbors, labels)
    mapped = MappedRows(data.table["id"].to_numpy(), labels, data.vectors, neighbors)
    projection = KnownMap.of(mapped, layout, {}).to_table()
    start = time.process_time()
    page = triage_page(report, [PageMap("UMAP", "", projection)])
    return page, time.process_time() - start


def time_page(path: Path) -> list[float]:
    """First map, median and 95th percentile of the frames while panning, lasso and filter, in milliseconds."""
    with open_page() as page:
        page.add_init_script(WATCH_CANVAS)
        page.goto(path.as_uri())
        page.locator("#table tbody tr[data-row]").first.wait_for()
        first_map = page.evaluate("window.firstMap")
        box = page.locator("#points").bounding_box()
        assert box is not None
        page.evaluate(WATCH_FRAMES)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.evaluate("frames_.length = 0")
        for move in range(MOVES):
            page.mouse.move(box["x"] + box["width"] / 2 + 2 * move, box["y"] + box["height"] / 2 + move)
        frames = page.evaluate("frames_")
        page.mouse.up()
        page.keyboard.press("f")
        lasso = _time_lasso(page, box)
        page.evaluate(TIME_EVENT, "change")
        page.locator("#status").select_option("open")
        return [first_map, statistics.median(frames), np.percentile(frames, 95), lasso, page.evaluate("caused")]


def _time_lasso(page: "Page", box: dict[str, float]) -> float:
    corners = [(0.1, 0.1), (0.5, 0.1), (0.5, 0.9), (0.1, 0.9)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.keyboard.down("Shift")
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.evaluate(TIME_EVENT, "pointerup")
    page.mouse.up()
    page.keyboard.up("Shift")
    return page.evaluate("caused")


if __name__ == "__main__":
    main()
