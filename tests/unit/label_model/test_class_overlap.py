"""Which classes run into each other, on samples where the answer is known; and the picture of it."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from tests.support.outlier_samples import gaussian_classes, unit
from text_classification_viz.core.label_model.class_overlap import HARDLY_TOLD_APART, measure_class_overlap
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.tables import CLASS_OVERLAP
from text_classification_viz.views.plots import class_overlap_plot
from text_classification_viz.views.plots.class_overlap_plot import draw_class_overlap

FULL_PIXELS, THUMBNAIL_PIXELS = (1_650, 836), (750, 380)
THUMBNAIL_BYTES = 150_000
HOSTILE = (
    r"$\frac{broken$", "costs $5 or $6", "two\nlines\r\n\tand a tab", "x" * 200, "party 🎉 time", r"\alpha_{2}^",
    "a%b{c}", "日本語のラベル", "العربية", "nul\x00 and bell \x07", "_hidden", " ", "",
)  # fmt: skip


def names(n_classes):
    return np.array([f"class {number:02}" for number in range(n_classes)])


def measure(labels, neighbor_labels, transition=None):
    """The overlap of classes without mistaken labels, unless a transition says otherwise.

    Of each class there are as many rows as have its label.
    """
    sizes = np.bincount(labels)
    transition = np.eye(len(sizes)) if transition is None else np.asarray(transition)
    return measure_class_overlap(names(len(sizes)), labels, neighbor_labels, sizes[:, None] * transition)


def measure_vectors(vectors, labels, n_neighbors=50):
    return measure(labels, labels[find_neighbors(vectors, n_neighbors).rows])


def pair(overlap, a, b):
    wanted = {f"class {a:02}", f"class {b:02}"}
    (row,) = [row for row in overlap.pairs.to_pylist() if {row["class_a"], row["class_b"]} == wanted]
    return row


def in_order(overlap):
    return [
        (int(row["class_a"][-2:]), int(row["class_b"][-2:])) for row in overlap.pairs.select([0, 1]).to_pylist()
    ]


def neighbor_lists(counts):
    """Rows and their neighbors' labels of which `counts` (K, K) is the number of neighbors."""
    counts = np.asarray(counts)
    labels = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    return labels, np.concatenate([np.repeat(np.arange(len(row)), row) for row in counts])[:, None]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.97, 0.03)])
def test_labels_strewn_over_one_cloud_overlap_fully_whatever_their_number(shares):
    vectors, _ = gaussian_classes(3000, 1)
    labels = np.random.default_rng(0).choice(2, 3000, p=shares)
    (row,) = measure_vectors(vectors, labels).pairs.to_pylist()
    assert row["overlap"] == pytest.approx(1, abs=0.07)
    assert row["overlap"] <= 1
    assert row["advice"] == "merge"
    assert row["share_b_near_a"] == pytest.approx(shares[1], abs=0.04)
    assert row["share_a_near_b"] == pytest.approx(shares[0], abs=0.04)


def test_classes_far_apart_do_not_overlap():
    vectors, labels = gaussian_classes(600, 3, noise=0.3)
    overlap = measure_vectors(vectors, labels)
    assert overlap.pairs["overlap"].to_pylist() == [0, 0, 0]
    assert overlap.pairs["advice"].to_pylist() == [None] * 3
    np.testing.assert_array_equal(overlap.neighbor_shares, np.eye(3))


def test_of_three_classes_the_two_on_one_place_come_first():
    vectors, labels = gaussian_classes(900, 2, noise=0.5)
    halves = np.where((labels == 1) & (np.random.default_rng(0).random(900) < 0.5), 2, labels)
    overlap = measure_vectors(vectors, halves)
    assert in_order(overlap)[0] == (1, 2)
    assert pair(overlap, 1, 2)["overlap"] > 0.9
    assert pair(overlap, 0, 1)["overlap"] == pair(overlap, 0, 2)["overlap"] == 0


def test_the_measure_computed_by_hand():
    counts = [[80, 15, 5], [10, 40, 0], [20, 2, 178]]
    transition = [[0.9, 0.1, 0.0], [0.04, 0.95, 0.01], [0.0, 0.0, 1.0]]
    overlap = measure(*neighbor_lists(counts), transition)
    # The classes have 100, 50 and 200 rows, of one neighbor each.
    np.testing.assert_allclose(overlap.neighbor_shares, [[0.8, 0.15, 0.05], [0.2, 0.8, 0], [0.1, 0.01, 0.89]])
    np.testing.assert_allclose(overlap.transition, transition)
    assert pair(overlap, 0, 1) == {
        "class_a": "class 00",
        "class_b": "class 01",
        "overlap": pytest.approx(12.5 / (80 * 40) ** 0.5),
        "share_b_near_a": pytest.approx(0.15),
        "share_a_near_b": pytest.approx(0.2),
        "share_of_a_labelled_b": pytest.approx(0.1),
        "share_of_b_labelled_a": pytest.approx(0.04),
        "rows_mistaken": pytest.approx(100 * 0.1 + 50 * 0.04),
        "advice": "define more sharply",
    }
    assert pair(overlap, 0, 2)["overlap"] == pytest.approx(12.5 / (80 * 178) ** 0.5)
    assert pair(overlap, 0, 2)["rows_mistaken"] == 0
    assert pair(overlap, 1, 2)["overlap"] == pytest.approx(1 / (40 * 178) ** 0.5)
    assert pair(overlap, 1, 2)["rows_mistaken"] == pytest.approx(50 * 0.01)


def test_the_table_keeps_the_contract():
    vectors, labels = gaussian_classes(400, 5, noise=2)
    overlap = measure_vectors(vectors, labels)
    assert overlap.pairs.schema == CLASS_OVERLAP
    overlap.pairs.validate(full=True)
    assert sorted(in_order(overlap)) == [(a, b) for a in range(5) for b in range(a + 1, 5)]
    np.testing.assert_allclose(overlap.neighbor_shares.sum(axis=1), 1)


def test_neighbors_that_do_not_count_change_nothing():
    labels, near = neighbor_lists([[80, 15, 5], [10, 40, 0], [20, 2, 178]])
    padded = np.hstack([np.full((len(labels), 2), -1), near, np.full((len(labels), 1), -1)])
    assert measure(labels, padded).pairs.equals(measure(labels, near).pairs)
    np.testing.assert_array_equal(measure(labels, padded).neighbor_shares, measure(labels, near).neighbor_shares)


def test_a_class_none_of_whose_neighbors_counts_overlaps_with_nothing():
    labels, near = neighbor_lists([[80, 20, 0], [10, 40, 0], [0, 0, 30]])
    near[labels == 2] = -1
    overlap = measure(labels, near)
    np.testing.assert_array_equal(overlap.neighbor_shares[2], 0)
    assert pair(overlap, 0, 2)["overlap"] == pair(overlap, 1, 2)["overlap"] == 0


@pytest.mark.parametrize(
    ("counts", "advice"),
    [
        ([[40, 20], [20, 40]], "merge"),  # 20 / 40
        ([[41, 20], [20, 41]], None),
    ],
)
def test_pairs_are_merged_from_half_on(counts, advice):
    (row,) = measure(*neighbor_lists(counts)).pairs.to_pylist()
    assert row["advice"] == advice
    assert (row["overlap"] >= HARDLY_TOLD_APART) == (advice == "merge")


@pytest.mark.parametrize(
    ("to_b", "to_a", "advice"),
    [(0.004, 0.0, None), (0.0052, 0.0, "define more sharply"), (0.0025, 0.011, "define more sharply")],
)
def test_pairs_are_defined_more_sharply_from_two_in_a_hundred_of_the_smaller_class_on(to_b, to_a, advice):
    """400 and 100 rows, so that 2 rows mistaken are often; those of both directions count."""
    transition = [[1 - to_b, to_b], [to_a, 1 - to_a]]
    (row,) = measure(*neighbor_lists([[400, 0], [0, 100]]), transition).pairs.to_pylist()
    assert row["rows_mistaken"] == pytest.approx(400 * to_b + 100 * to_a)
    assert row["advice"] == advice


def test_rows_mistaken_are_those_expected_however_many_a_class_has_lost_to_another():
    """Half of 1,000 rows of the one class are under the other's label, so that 500 and 1,500 rows have the two."""
    labels, near = neighbor_lists([[500, 0], [0, 1_500]])
    overlap = measure_class_overlap(names(2), labels, near, np.array([[500.0, 500.0], [0.0, 1_000.0]]))
    (row,) = overlap.pairs.to_pylist()
    assert row["rows_mistaken"] == 500
    assert (row["share_of_a_labelled_b"], row["share_of_b_labelled_a"]) == (0.5, 0)


def test_of_two_pieces_of_advice_to_merge_goes_first():
    (row,) = measure(*neighbor_lists([[40, 40], [40, 40]]), [[0.5, 0.5], [0.5, 0.5]]).pairs.to_pylist()
    assert row["advice"] == "merge"


def test_pairs_are_ordered_by_the_sum_of_their_ranks():
    # Overlap: 0-1 of 0.3, 0-2 of 0.2, 1-2 of 0.1. Rows mistaken: 1-2 of 10, 0-1 of 5, none of 0-2.
    counts = [[100, 30, 20], [30, 100, 10], [20, 10, 100]]
    labels, near = neighbor_lists(counts)
    size = np.bincount(labels)
    transition = np.eye(3)
    transition[1, 2], transition[0, 1] = 10 / size[1], 5 / size[0]
    # Sums of ranks: 0-1 has 0 + 1, 1-2 has 2 + 0, 0-2 has 1 + 2.
    assert in_order(measure(labels, near, transition)) == [(0, 1), (1, 2), (0, 2)]
    assert in_order(measure(labels, near)) == [(0, 1), (0, 2), (1, 2)]  # no mistakes: by overlap


def test_of_equal_sums_of_ranks_the_larger_overlap_comes_first():
    labels, near = neighbor_lists([[100, 10, 30], [10, 100, 0], [30, 0, 100]])
    transition = np.eye(3)
    transition[0, 1] = 0.1  # 0-1: rank 1 by overlap and 0 by mistakes; 0-2: 0 and 1
    assert in_order(measure(labels, near, transition)) == [(0, 2), (0, 1), (1, 2)]


def test_one_class_makes_no_pair():
    overlap = measure(np.zeros(20, dtype=int), np.zeros((20, 3), dtype=int))
    assert overlap.pairs.num_rows == 0
    assert overlap.pairs.schema == CLASS_OVERLAP
    assert overlap.neighbor_shares.tolist() == [[1]]


def test_of_a_class_of_one_row_the_shares_are_told_and_no_overlap():
    vectors, labels = gaussian_classes(601, 2, noise=0.3)
    labels[0] = 2  # it stands among the rows of class 0
    overlap = measure_vectors(vectors, labels)
    assert pair(overlap, 0, 2)["share_a_near_b"] == 1
    assert pair(overlap, 0, 2)["overlap"] == pair(overlap, 1, 2)["overlap"] == pair(overlap, 0, 1)["overlap"] == 0
    assert pair(overlap, 0, 2)["advice"] is None


def test_every_figure_is_finite_with_classes_of_one_row_each():
    vectors = unit(np.random.default_rng(0).normal(size=(6, 8)))
    overlap = measure_vectors(vectors, np.arange(6), n_neighbors=2)
    for name in CLASS_OVERLAP.names[2:-1]:
        assert np.isfinite(overlap.pairs[name].to_numpy()).all()


def pixels(png):
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image.size, np.asarray(image.convert("RGB")).astype(int)


def overlap_of(classes, seed=0):
    """A plausible overlap of classes with any names."""
    rng = np.random.default_rng(seed)
    n_classes = len(classes)
    counts = rng.integers(0, 5, (n_classes, n_classes)) + np.diag(rng.integers(50, 100, n_classes))
    transition = rng.dirichlet(np.full(n_classes, 0.1), n_classes) * 0.1 + 0.9 * np.eye(n_classes)
    labels, near = neighbor_lists(counts)
    return measure_class_overlap(np.array(classes), labels, near, np.bincount(labels)[:, None] * transition)


def words_drawn(overlap, monkeypatch):
    """The texts on the picture with color and place, and whether any of them is a formula."""
    from matplotlib.text import Text

    drawn, formulas = set(), []
    original = Text.draw

    def draw(self, renderer):
        if self.get_text() and self.get_visible():
            shown, formula = self._preprocess_math(self.get_text())
            drawn.add((shown, self.get_color(), self.get_position()))
            formulas.append(formula)
        return original(self, renderer)

    monkeypatch.setattr(Text, "draw", draw)
    draw_class_overlap(overlap)
    return drawn, any(formulas)


@pytest.mark.parametrize("n_classes", [1, 2, 40])
def test_pictures_have_the_stated_size(n_classes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = draw_class_overlap(overlap_of(names(n_classes)))
    for png, size in ((pictures.full, FULL_PIXELS), (pictures.thumbnail, THUMBNAIL_PIXELS)):
        found, image = pixels(png)
        assert found == size
        assert (image.min(axis=2) < 250).mean() > 0.05  # not blank
    assert len(pictures.thumbnail) < THUMBNAIL_BYTES


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_hostile_names_are_drawn_as_they_are(monkeypatch):
    drawn, any_formula = words_drawn(overlap_of(HOSTILE), monkeypatch)
    shown = {text for text, *_ in drawn}
    assert {r"$\frac{broken$", "costs $5 or $6", "two lines and a tab", r"\alpha_{2}^", "party 🎉 time"} <= shown
    assert not any_formula
    assert max(map(len, shown)) < 60


def test_same_overlap_same_bytes():
    assert draw_class_overlap(overlap_of(names(5))) == draw_class_overlap(overlap_of(names(5)))


def test_darker_is_more_and_the_diagonal_is_blank():
    """Two heat maps, side by side, in which the one pair that is confused stands out."""
    counts = np.diag([100] * 4)
    counts[0, 3] = 30  # on the left: near class 0, in the top right corner
    transition = np.eye(4)
    transition[3] = [0.2, 0, 0, 0.8]  # on the right: of class 3, in the bottom left corner
    picture = pixels(draw_class_overlap(measure(*neighbor_lists(counts), transition)).full)[1]
    dark_blue = (picture[:, :, 2] > picture[:, :, 0] + 50) & (picture[:, :, 0] < 40)
    rows, columns = np.nonzero(dark_blue)
    left = columns < 825
    assert left.any() and (~left).any()
    for side, top, right in ((left, True, True), (~left, False, False)):
        assert np.ptp(rows[side]) < 190 and np.ptp(columns[side]) < 190  # one cell
        assert (rows[side].mean() < 836 / 2) == top
        assert (columns[side].mean() % 825 > 825 / 2) == right
    gray = (picture == 0xEE).all(axis=2)
    assert gray[:, :825].sum() == pytest.approx(4 * dark_blue[:, :825].sum(), rel=0.2)


def test_cells_hold_percentages_and_the_small_ones_none(monkeypatch):
    counts = np.diag([1000] * 3)
    counts[0, 1], counts[1, 2], counts[2, 0] = 500, 100, 4
    drawn, _ = words_drawn(measure(*neighbor_lists(counts)), monkeypatch)
    # Of 1,500, 1,100 and 1,004 neighbors; the last are .4 %.
    numbers = {words for words in drawn if words[0].isdigit()}
    assert numbers == {("33", "white", (1, 0)), ("9", "#222222", (2, 1))}  # column, row


@pytest.mark.parametrize(("n_classes", "numbered"), [(5, True), (6, False)])
def test_many_classes_hold_no_numbers(n_classes, numbered, monkeypatch):
    monkeypatch.setattr(class_overlap_plot, "NUMBERED_AT_MOST", 5)
    drawn, _ = words_drawn(overlap_of(names(n_classes)), monkeypatch)
    assert any(text.isdigit() for text, *_ in drawn) == numbered
    assert set(names(n_classes)) <= {text for text, *_ in drawn}
