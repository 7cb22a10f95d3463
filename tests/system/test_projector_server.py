"""A projector run as people meet it: through a real TensorBoard server and in a real browser."""

import io
import json
import re
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tests.support.browser import free_port, open_page, running_server
from text_classification_viz.views.projector import run as core
from text_classification_viz.views.projector.history import write_history
from text_classification_viz.views.projector.run import Layout, write_run

pytestmark = [pytest.mark.slow, pytest.mark.browser]

N_ROWS = 90
RUN = "2024-05-06_07-08-09_news"
INJECTION = "<script>window.injected = 1</script><img src=x onerror='window.injected = 1'>"
HOSTILE_HEADLINES = [
    "tab\there",
    "line\nbreak",
    "carriage\rreturn",
    "both\r\nof them",
    "separator\u2028of lines",
    "next\x85line",
    "👩‍👩‍👧 family",
    INJECTION,
    "\"double\" and 'single' quotes \\t",
    "w" * 10_000,
    "",
    None,
    "\t\n ",
]
HOSTILE_HEADLINES_SHOWN = [
    "tab here",
    "line break",
    "carriage return",
    "both of them",
    "separator of lines",
    "next line",
    "👩‍👩‍👧 family",
    INJECTION,
    "\"double\" and 'single' quotes \\t",
    "w" * 199 + "…",
    "(none)",
    "(none)",
    "(none)",
]
CLASSES = ["BUSINESS & MONEY", "</script><script>window.injected = 1</script>", "WORLD NEWS 👩‍👩‍👧"]
# Three tight clusters, on a map three times as wide as it is high.
CENTRES = np.array([[-9.0, -3.0], [9.0, -3.0], [0.0, 3.0]])
MAX_COLOR_DISTANCE = 6  # of a channel of 255, for what compression and blending change
BOOKMARK = "vz-projector-bookmark-panel .state-row"


def class_of_row():
    """Unequal classes in mixed order, so that first-seen, sorted and largest-first all differ."""
    return np.random.default_rng(0).choice([2, 0, 1], size=N_ROWS, p=[0.2, 0.5, 0.3])


def vectors():
    return np.random.default_rng(1).normal(size=(N_ROWS, 64)).astype(np.float32)


def flat_map():
    jitter = np.random.default_rng(2).normal(scale=0.05, size=(N_ROWS, 2))
    return (CENTRES[class_of_row()] + jitter).astype(np.float32)


def headlines(hostile):
    return (hostile * N_ROWS)[: N_ROWS // 2] + [f"headline {row}" for row in range(N_ROWS // 2, N_ROWS)]


def write_news(folder):
    folder.mkdir()
    metadata = pa.table(
        {
            "headline": pa.array(headlines(HOSTILE_HEADLINES), pa.string()),
            "class_label": [CLASSES[label] for label in class_of_row()],
            "id": [1000 + row for row in range(N_ROWS)],
            "outlier_score": np.linspace(0, 1, N_ROWS, dtype=np.float32),
        }
    )
    solid = np.column_stack([flat_map(), class_of_row()]).astype(np.float32)
    layouts = [
        Layout("UMAP, 10 neighbors", flat_map()),
        Layout("t-SNE on its side", flat_map()[:, ::-1]),
        Layout("3D", solid),
    ]
    write_run(folder, vectors(), metadata, layouts)


def png(shade):
    """A grey picture, 40 wide and 20 high."""
    file = io.BytesIO()
    Image.new("RGB", (40, 20), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="class")
def log_folder(tmp_path_factory):
    """A folder with one run, the second of its history; its path holds what shells and addresses trip over."""
    folder = tmp_path_factory.mktemp('it\'s "my" logs & more')
    earlier = tmp_path_factory.mktemp("earlier")
    write_history(earlier, {"map/purity": 0.25}, {"map/picture": png(10)}, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "MANY_ROWS", N_ROWS)
        patch.setattr(core, "N_COMPONENTS", 60)
        write_news(folder / RUN)
    write_history(folder / RUN, {"map/purity": 0.75}, {"map/picture": png(200)}, earlier)
    return folder


@pytest.fixture(scope="class")
def address(log_folder):
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_folder), "--host", "127.0.0.1"]
    with running_server([*command, "--port", url.rpartition(":")[2], "--reload_interval", "1"], url):
        wait_for_run(url, RUN)
        yield url


def get(address, route, **query):
    with urllib.request.urlopen(
        f"{address}/data/plugin/projector/{route}?{urllib.parse.urlencode(query)}", timeout=180
    ) as response:
        return response.read()


def wait_for_run(address, name, seconds=180):
    deadline = time.monotonic() + seconds
    while name not in json.loads(get(address, "runs")):
        assert time.monotonic() < deadline, f"TensorBoard does not find the run {name}"
        time.sleep(0.2)


class TestServer:
    def test_vectors_arrive_bit_exact(self, address):
        assert get(address, "tensor", run=RUN, name="train") == vectors().astype("<f4").tobytes()

    def test_info_describes_the_run(self, address):
        embeddings = json.loads(get(address, "info", run=RUN))["embeddings"]
        assert {embedding["tensorName"]: embedding["tensorShape"] for embedding in embeddings} == {
            "components_of_train": [N_ROWS, 60],
            "train": [N_ROWS, 64],
        }

    def test_rows_of_metadata_are_rows_of_vectors(self, address):
        names, *rows = get(address, "metadata", run=RUN, name="train").decode().rstrip("\n").split("\n")
        assert names.split("\t") == ["headline", "class_label", "id", "outlier_score"]
        cells = [row.split("\t") for row in rows]
        assert [row[0] for row in cells] == headlines(HOSTILE_HEADLINES_SHOWN)
        assert [row[1] for row in cells] == [CLASSES[label] for label in class_of_row()]
        assert [row[2] for row in cells] == [str(1000 + row) for row in range(N_ROWS)]

    def test_bookmarks_hold_the_maps(self, address):
        bookmarks = json.loads(get(address, "bookmarks", run=RUN, name="train"))
        assert [bookmark["label"] for bookmark in bookmarks] == ["UMAP, 10 neighbors", "t-SNE on its side", "3D"]
        drawn = np.array([[point["umap-0"], point["umap-1"]] for point in bookmarks[0]["projections"]])
        assert np.allclose(drawn, flat_map(), rtol=0, atol=1e-4)

    def test_other_tabs_show_the_figures_and_pictures_of_all_runs(self, address):
        query = urllib.parse.urlencode({"run": RUN, "tag": "map/purity"})
        with urllib.request.urlopen(f"{address}/data/plugin/scalars/scalars?{query}") as response:
            assert [point[1:] for point in json.load(response)] == [[1, 0.25], [2, 0.75]]
        query = urllib.parse.urlencode({"run": RUN, "tag": "map/picture", "sample": 0})
        with urllib.request.urlopen(f"{address}/data/plugin/images/images?{query}") as response:
            pictures = json.load(response)
        assert [picture["step"] for picture in pictures] == [1, 2]
        query = pictures[1]["query"]
        with urllib.request.urlopen(f"{address}/data/plugin/images/individualImage?{query}") as response:
            shown = Image.open(io.BytesIO(response.read())).convert("RGB")
        assert shown.size == (20, 10)
        assert shown.getextrema() == ((200, 200),) * 3

    def test_a_run_that_appears_by_rename_is_found_complete(self, address, log_folder, tmp_path_factory):
        unpublished = tmp_path_factory.mktemp("unpublished") / "run"
        unpublished.mkdir()
        later = np.full((4, 5), 0.25, dtype=np.float32)
        table = pa.table({"headline": list("abcd"), "class_label": list("xxyy")})
        write_run(unpublished, later, table, [Layout("map", flat_map()[:4])])
        write_history(unpublished, {}, {}, None)
        unpublished.rename(log_folder / "later")
        wait_for_run(address, "later")
        assert get(address, "tensor", run="later", name="train") == later.tobytes()
        assert get(address, "metadata", run="later", name="train").decode().count("\n") == 5
        assert len(json.loads(get(address, "bookmarks", run="later", name="train"))) == 1

    def test_zeros_arrive_too(self, address, log_folder):
        (log_folder / "zeros").mkdir()
        table = pa.table({"headline": list("abcd"), "class_label": list("xxyy")})
        write_run(log_folder / "zeros", np.zeros((4, 5), np.float32), table)
        write_history(log_folder / "zeros", {}, {}, None)
        wait_for_run(address, "zeros")
        assert get(address, "tensor", run="zeros", name="train") == bytes(4 * 5 * 4)


# The positions that the page handed to the graphics card, from its own objects; null until the first view stands.
DRAWN_POINTS = """() => {
  const find = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.localName === 'vz-projector') return element;
      const inside = element.shadowRoot && find(element.shadowRoot);
      if (inside) return inside;
    }
  };
  const positions = find(document)?.projectorScatterPlotAdapter?.scatterPlot.worldSpacePointPositions;
  return positions ? Array.from(positions) : null;
}"""


@pytest.fixture(scope="class")
def projector(address):
    """The projector inside TensorBoard's page, with the run open; nothing may have been thrown at the end."""
    with open_page() as page:
        thrown = []
        page.on("pageerror", lambda error: thrown.append(error))
        page.goto(f"{address}/#projector")
        frame_element = page.locator("iframe").element_handle().content_frame().wait_for_selector("iframe")
        frame = frame_element.content_frame()
        frame.locator(BOOKMARK).nth(2).wait_for()
        frame.wait_for_function(DRAWN_POINTS)
        yield frame
        assert not thrown


def open_bookmark(frame, label):
    rows = frame.locator(BOOKMARK)
    labels = [area.input_value() for area in rows.locator("textarea").all()]
    index = labels.index(label)
    for row in (index - 1, index):  # another one first, since a click on the one that is open does nothing
        rows.nth(row % len(labels)).locator(".state-radio").click()


def open_components(frame):
    """Open the tab of the principal components, which may have to be computed: the last view stays until then."""
    before = frame.evaluate(DRAWN_POINTS)
    frame.locator('.ink-tab[data-tab="pca"]').click()
    other = f"(before) => {{ const now = ({DRAWN_POINTS})(); return now && String(now) !== String(before); }}"
    frame.wait_for_function(other, arg=before)
    centres_on_screen(frame)


def legend(frame):
    """Label -> (color, count), in the order shown."""
    entries = {}
    for item in frame.locator("vz-projector-legend .item").all():
        color = item.locator(".shape").evaluate("shape => getComputedStyle(shape).backgroundColor")
        rgb = tuple(map(int, re.findall(r"\d+", color)))
        entries[item.locator(".label").inner_text()] = (rgb, int(item.locator(".info").inner_text()))
    return entries


def pixels_of_classes(frame):
    """Label -> (pixels, 2) positions, x to the right and y up, of all pixels in the color of its legend."""
    picture = Image.open(io.BytesIO(frame.locator("#scatter").screenshot())).convert("RGB")
    colors = np.asarray(picture, dtype=int)
    found = {}
    for label, (rgb, _) in legend(frame).items():
        y, x = np.nonzero(np.abs(colors - rgb).max(axis=-1) <= MAX_COLOR_DISTANCE)
        found[label] = np.column_stack([x, -y])
    return found


def centres_on_screen(frame, seconds=60):
    """Center of each class's pixels, in the order of `CLASSES`, once the picture stands still."""
    deadline = time.monotonic() + seconds
    before = None
    while True:
        pixels = pixels_of_classes(frame)
        if set(pixels) == set(CLASSES) and all(map(len, pixels.values())):
            now = np.array([pixels[label].mean(axis=0) for label in CLASSES])
            if before is not None and np.array_equal(before, now):
                return now
            before = now
        assert time.monotonic() < deadline, "the map is not drawn in the colors of its classes"
        time.sleep(0.3)


def drawn_points(frame):
    """(n, 3) positions in the cube from -1 to 1."""
    return np.array(frame.evaluate(DRAWN_POINTS)).reshape(-1, 3)


def stretched(points):
    """Each axis from -1 to 1, as the browser stretches it."""
    low, high = points.min(axis=0), points.max(axis=0)
    return 2 * (points - low) / (high - low) - 1


class TestBrowser:
    @pytest.mark.parametrize(
        ("label", "centres"), [("UMAP, 10 neighbors", CENTRES), ("t-SNE on its side", CENTRES[:, ::-1])]
    )
    def test_bookmark_draws_the_map_in_the_colors_of_its_classes(self, projector, label, centres):
        open_bookmark(projector, label)
        shown = centres_on_screen(projector)
        # one scale for both axes, so the map has its proportions
        scale = np.linalg.norm(shown[1] - shown[0]) / np.linalg.norm(centres[1] - centres[0])
        assert scale > 20  # pixels: the map fills the view
        assert np.allclose(shown - shown[0], scale * (centres - centres[0]), atol=0.02 * 18 * scale)
        colors = [rgb for rgb, _ in legend(projector).values()]
        assert len(set(colors)) == len(CLASSES)
        counts = {name: count for name, (_, count) in legend(projector).items()}
        assert counts == {name: (class_of_row() == i).sum() for i, name in enumerate(CLASSES)}
        flat = flat_map() if label.startswith("UMAP") else flat_map()[:, ::-1]
        assert np.allclose(drawn_points(projector)[:, :2], stretched(flat), atol=1e-3)

    def test_3d_bookmark_draws_three_axes(self, projector):
        open_bookmark(projector, "3D")
        centres_on_screen(projector)
        solid = np.column_stack([flat_map(), class_of_row()])
        assert np.allclose(drawn_points(projector), stretched(solid), atol=1e-3)

    def test_opens_on_the_components_and_offers_the_vectors_with_the_same_maps(self, projector):
        assert projector.locator("span.dim").inner_text() == "60"
        projector.locator("vz-projector-data-panel").evaluate("panel => panel.selectedTensor = 'train'")
        projector.locator("span.dim", has_text="64").wait_for()
        projector.wait_for_function(DRAWN_POINTS)
        open_bookmark(projector, "UMAP, 10 neighbors")
        centres_on_screen(projector)
        assert np.allclose(drawn_points(projector)[:, :2], stretched(flat_map()), atol=1e-3)

    def test_principal_components_are_there_after_a_bookmark(self, projector):
        open_bookmark(projector, "UMAP, 10 neighbors")
        centres_on_screen(projector)
        open_components(projector)
        assert np.isfinite(drawn_points(projector)).all()
        assert (np.ptp(drawn_points(projector), axis=0) > 1.9).all()

    def test_offers_classes_and_numbers_for_coloring_but_no_texts(self, projector):
        options = projector.locator("#colorby paper-item").evaluate_all("items => items.map(item => item.value)")
        assert options == ["No color map", "Metadata", "class_label", "id", "outlier_score"]

    def test_texts_belong_to_their_points_and_are_only_text(self, projector):
        projector.locator("#search-box input").fill("<script>")
        matches = projector.locator(".matches-list .row .label")
        matches.first.wait_for()
        rows = [row for row, text in enumerate(headlines(HOSTILE_HEADLINES_SHOWN)) if text == INJECTION]
        assert len(rows) > 1
        assert matches.all_inner_texts() == [INJECTION] * len(rows)
        matches.nth(1).click()
        card = projector.locator("vz-projector-metadata-card")
        card.locator("#metadata-label").wait_for()
        assert card.locator("#metadata-label").inner_text() == INJECTION
        values = card.locator(".metadata-value").all_inner_texts()
        assert CLASSES[class_of_row()[rows[1]]] in values
        assert str(1000 + rows[1]) in values
        assert projector.evaluate("window.injected") is None
