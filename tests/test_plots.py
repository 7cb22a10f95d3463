"""Pictures of maps: their form, their size, and labels that would trip a drawing library."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image
from synthetic import TOPICS

from text_classification_viz.core import plots
from text_classification_viz.core.plots import NAME_LENGTH, draw_map, place_boxes

FULL_PIXELS, THUMBNAIL_PIXELS = (1_650, 1_350), (540, 441)
THUMBNAIL_BYTES = 100_000
AWKWARD_LABELS = (
    r"$\frac{broken$", "costs $5 or $6", "two\nlines\r\n\tand a tab", "x" * 200, "party 🎉 time", r"\alpha_{2}^",
    "a%b{c}", "日本語のラベル", "العربية", "nul\x00 and bell \x07", "_hidden from legends", " ", "",
)  # fmt: skip


def clusters(n_rows, labels, n_components=2, seed=0):
    """Points in one cluster for each label."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n_rows) % len(labels)
    centers = 4 * rng.standard_normal((len(labels), n_components))
    coordinates = centers[classes] + rng.standard_normal((n_rows, n_components))
    return coordinates.astype(np.float32), np.array(labels, dtype=object)[classes]


def pixels(png):
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image.size, np.asarray(image.convert("RGB")).astype(int)


def words_drawn(coordinates, labels, monkeypatch):
    """The texts that matplotlib draws on the full picture, and whether any of them is a formula."""
    from matplotlib.text import Text

    words, formulas = [], []
    original = Text.draw

    def draw(self, renderer):
        if self.get_text() and self.get_visible():
            shown, formula = self._preprocess_math(self.get_text())
            words.append(shown)
            formulas.append(formula)
        return original(self, renderer)

    monkeypatch.setattr(Text, "draw", draw)
    draw_map(coordinates, labels, "A title", "")
    return set(words), any(formulas)


@pytest.mark.parametrize("n_components", [2, 3])
def test_pictures_have_the_stated_size(n_components):
    pictures = draw_map(*clusters(500, TOPICS[:5], n_components), "UMAP of 500 rows", "10 neighbours")
    size, full = pixels(pictures.full)
    assert size == FULL_PIXELS
    assert (full.min(axis=2) < 250).mean() > 0.001  # not blank
    size, thumbnail = pixels(pictures.thumbnail)
    assert size == THUMBNAIL_PIXELS
    assert (thumbnail.min(axis=2) < 250).mean() > 0.001


@pytest.mark.parametrize("n_components", [2, 3])
def test_thumbnail_of_twenty_classes_and_twenty_thousand_points_is_small(n_components):
    pictures = draw_map(*clusters(20_000, TOPICS, n_components), "UMAP of 20,000 rows", "10 neighbours")
    print(f"\nthumbnail {len(pictures.thumbnail):,} bytes")
    assert len(pictures.thumbnail) < THUMBNAIL_BYTES


def test_thumbnail_of_points_that_fill_the_frame_is_small():
    rng = np.random.default_rng(0)
    pictures = draw_map(rng.random((20_000, 2)), rng.choice(TOPICS, 20_000), "Noise", "the worst to compress")
    print(f"\nthumbnail {len(pictures.thumbnail):,} bytes")
    assert len(pictures.thumbnail) < THUMBNAIL_BYTES


def test_palette_of_the_thumbnail_keeps_the_hues():
    coordinates, labels = clusters(20_000, TOPICS)
    png = plots._render(coordinates, labels, "", "", plots.THUMBNAIL_SIZE_INCHES, plots.THUMBNAIL_DPI)
    before, after = pixels(png)[1], pixels(plots.with_palette(png))[1]
    colored = np.ptp(before, axis=2) > 60
    assert colored.sum() > 1_000
    assert np.percentile(np.abs(after - before).max(axis=2)[colored], 95) < 20


def test_same_map_same_bytes():
    coordinates, labels = clusters(500, TOPICS)
    assert draw_map(coordinates, labels, "A", "b") == draw_map(coordinates, labels, "A", "b")


def test_classes_have_colors_of_their_own():
    coordinates = np.repeat([[0.0, 0.0], [10.0, 0.0]], 200, axis=0)
    coordinates += np.random.default_rng(0).standard_normal(coordinates.shape)
    one, two = (draw_map(coordinates, np.repeat(names, 200), "", "") for names in (["a", "a"], ["a", "b"]))
    left, right = slice(0, 600), slice(1_050, 1_650)
    medians = {}
    for key, pictures in (("one", one), ("two", two)):
        picture = pixels(pictures.full)[1]
        for side, columns in (("left", left), ("right", right)):
            part = picture[200:, columns].reshape(-1, 3)
            medians[key, side] = np.median(part[part.min(axis=1) < 200], axis=0)
    assert np.abs(medians["one", "left"] - medians["one", "right"]).max() < 20
    assert np.abs(medians["two", "left"] - medians["two", "right"]).max() > 60


@pytest.mark.parametrize("n_components", [2, 3])
def test_awkward_labels_are_drawn_without_a_warning(n_components):
    coordinates, labels = clusters(400, AWKWARD_LABELS, n_components)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = draw_map(coordinates, labels, "A title for $5 and $x_", "sub $\\title$\n" + 20 * "long ")
    assert pixels(pictures.full)[0] == FULL_PIXELS
    assert pixels(pictures.thumbnail)[0] == THUMBNAIL_PIXELS


def test_labels_are_drawn_as_they_are(monkeypatch):
    words, any_formula = words_drawn(*clusters(400, AWKWARD_LABELS), monkeypatch)
    assert {
        r"$\frac{broken$", "costs $5 or $6", "two lines and a tab", "party 🎉 time", r"\alpha_{2}^", "a%b{c}",
        "日本語のラベル", "nul and bell", "_hidden from legends", "x" * (NAME_LENGTH - 1) + "…",
    } <= words  # fmt: skip
    assert not any_formula


def test_legend_of_three_dimensions_names_each_class(monkeypatch):
    words, any_formula = words_drawn(*clusters(400, AWKWARD_LABELS[:6], 3), monkeypatch)
    assert {r"$\frac{broken$", "costs $5 or $6", "two lines and a tab", r"\alpha_{2}^"} <= words
    assert not any_formula


def test_long_label_does_not_squeeze_the_map():
    coordinates, labels = clusters(2_000, TOPICS[:3])
    long = np.where(labels == TOPICS[0], "W" * 200, labels)
    colored = []
    for names in (labels, long):
        picture = pixels(draw_map(coordinates, names, "", "").full)[1]
        columns = np.flatnonzero((picture.min(axis=2) < 200).any(axis=0))
        rows = np.flatnonzero((picture.min(axis=2) < 200).any(axis=1))
        colored.append([columns[-1] - columns[0], rows[-1] - rows[0]])
    assert colored[1][1] == pytest.approx(colored[0][1], rel=0.02)
    assert colored[1][0] >= 0.98 * colored[0][0]


@pytest.mark.parametrize("n_components", [2, 3])
def test_a_hundred_classes_have_room(n_components):
    labels = [f"class number {number}" for number in range(100)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = draw_map(*clusters(2_000, labels, n_components), "", "")
    assert len(pictures.thumbnail) < THUMBNAIL_BYTES


@pytest.mark.parametrize("n_rows", [2, 8])
def test_few_rows_are_drawn(n_rows):
    pictures = draw_map(np.arange(2.0 * n_rows).reshape(n_rows, 2) ** 2, np.array(["a", "b"] * 4)[:n_rows], "", "")
    assert pixels(pictures.full)[0] == FULL_PIXELS


def test_stray_point_does_not_shrink_the_map():
    coordinates, labels = clusters(5_000, TOPICS[:4])
    strayed = coordinates.copy()
    strayed[0] = 10_000
    with_stray, without = (
        (pixels(draw_map(points, labels, "", "").full)[1].min(axis=2) < 250).mean()
        for points in (strayed, coordinates)
    )
    assert with_stray > 0.9 * without


def overlaps(places, sizes):
    apart = np.abs(places[:, None] - places)
    return [
        (i, j)
        for i, j in zip(*np.nonzero((apart < (sizes[:, None] + sizes) / 2 - 1e-3).all(axis=2)), strict=True)
        if i < j
    ]


@pytest.mark.parametrize("spread", [0, 1, 60])
def test_boxes_on_one_spot_are_moved_apart(spread):
    rng = np.random.default_rng(0)
    centers = np.array([800, 600]) + spread * rng.standard_normal((30, 2))
    sizes = np.column_stack([rng.uniform(60, 300, 30), np.full(30, 24.0)])
    lowest, highest = sizes / 2, np.array([1_600, 1_200]) - sizes / 2
    assert overlaps(centers, sizes)
    places = place_boxes(centers, sizes, lowest, highest)
    assert not overlaps(places, sizes)
    np.testing.assert_array_equal(places[:, 0], centers[:, 0])
    np.testing.assert_array_equal(places[0], centers[0])
    assert (places >= lowest).all() and (places <= highest).all()


def test_boxes_that_do_not_overlap_stay():
    centers, sizes = np.array([[10.0, 10], [10, 30], [200, 10]]), np.array([[100.0, 20], [100, 20], [100, 20]])
    np.testing.assert_array_equal(place_boxes(centers, sizes, np.zeros((3, 2)), np.full((3, 2), 300.0)), centers)


def test_box_goes_to_the_nearest_free_place():
    centers, sizes = np.array([[50.0, 50], [50, 55], [50, 56]]), np.full((3, 2), 20.0)
    places = place_boxes(centers, sizes, np.zeros((3, 2)), np.full((3, 2), 300.0))
    np.testing.assert_allclose(places[:, 1], [50, 70, 30])


def test_box_without_room_stays_within_bounds():
    centers, sizes = np.full((5, 2), 15.0), np.full((5, 2), 20.0)
    lowest, highest = np.full((5, 2), 10.0), np.full((5, 2), 40.0)
    places = place_boxes(centers, sizes, lowest, highest)
    assert (places >= lowest).all() and (places <= highest).all()


def test_names_on_a_map_of_twenty_mixed_classes_do_not_overlap(monkeypatch):
    from matplotlib.text import Text

    extents = {}
    original = Text.draw

    def draw(self, renderer):
        if self.get_text() in TOPICS:
            extents[self.figure.dpi, self.get_text()] = self.get_window_extent()
        return original(self, renderer)

    monkeypatch.setattr(Text, "draw", draw)
    rng = np.random.default_rng(0)
    draw_map(rng.standard_normal((2_000, 2)), rng.choice(TOPICS, 2_000), "", "")
    assert len(extents) == 2 * len(TOPICS)  # both pictures
    for dpi in {dpi for dpi, _ in extents}:
        boxes = [box for (picture, _), box in extents.items() if picture == dpi]
        centers = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in boxes])
        assert not overlaps(centers, np.array([[box.width - 1, box.height - 1] for box in boxes]))
