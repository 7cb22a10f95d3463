"""The UMAP map: as good as umap-learn run plainly, the same again, and what awkward input gives."""

import hashlib
import logging
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tests.support.checkout import PROJECT
from tests.support.map_quality import label_purity
from tests.support.synthetic import make_training_set
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layouts.umap import refine_umap, umap_layout
from text_classification_viz.core.maps.quality import measure_quality
from text_classification_viz.core.neighbors import find_neighbors

N_NEIGHBORS, N_EPOCHS = 10, 200

both_optimizers = pytest.mark.parametrize("optimizer", ["sequential", "umap-learn"])


@pytest.fixture(scope="module")
def apart():
    """Rows whose classes lie apart, and their neighbors."""
    training_set = make_training_set()
    return training_set.vectors, find_neighbors(training_set.vectors, 40), training_set.labels


@pytest.fixture(scope="module")
def overlapping():
    """Rows whose classes run into each other, and their neighbors."""
    training_set = make_training_set(n_rows=400, spread=2.5)
    return training_set.vectors, find_neighbors(training_set.vectors, 40), training_set.labels


def with_exact_duplicates():
    """A group of nine equal rows that is cut off from the others but for one edge each."""
    vectors = make_training_set().vectors
    vectors = np.concatenate([vectors, np.repeat(vectors[:1], 8, axis=0)])
    return vectors, find_neighbors(vectors, 20), np.zeros(len(vectors))


def far_apart(n_groups=9, n_rows=20):
    """Groups of rows so far apart that no neighbor is of another group: the graph falls to pieces."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(16)[:n_groups], n_rows, axis=0) + 0.02 * rng.standard_normal(
        (n_groups * n_rows, 16)
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    groups = np.repeat(np.arange(n_groups), n_rows)
    neighbors = find_neighbors(vectors, 15)
    assert (groups[neighbors.rows] == groups[:, None]).all()
    return vectors, neighbors, groups


@both_optimizers
def test_classes_that_lie_apart_come_out_apart(apart, optimizer):
    layout = umap_layout(*apart, n_epochs=N_EPOCHS, optimizer=optimizer)
    assert layout.shape == (240, 2)
    assert layout.dtype == np.float32
    assert layout.flags.c_contiguous
    assert label_purity(layout, apart[2]) > 0.98


@both_optimizers
@pytest.mark.slow
def test_as_trustworthy_as_umap_learn_with_its_own_neighbor_search(overlapping, optimizer):
    from sklearn.manifold import trustworthiness
    from umap import UMAP

    vectors, neighbors, labels = overlapping
    ours = umap_layout(vectors, neighbors, labels, optimizer=optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a seed means one thread
        plain = UMAP(n_neighbors=10, min_dist=0.1, n_epochs=500, metric="cosine", random_state=0)
        theirs = plain.fit_transform(vectors)
    ours_kept, theirs_kept = (
        trustworthiness(vectors, layout, n_neighbors=10, metric="cosine") for layout in (ours, theirs)
    )
    print(f"\ntrustworthiness: ours {ours_kept:.4f}, umap-learn {theirs_kept:.4f}")
    assert ours_kept > theirs_kept - 0.02
    assert theirs_kept > 0.7


@both_optimizers
@pytest.mark.parametrize("make_input", [with_exact_duplicates, far_apart], ids=lambda make: make.__name__)
def test_same_seed_same_bytes_and_another_seed_others(make_input, optimizer):
    rows, settings = make_input(), {"n_epochs": N_EPOCHS, "optimizer": optimizer}
    first = umap_layout(*rows, **settings, seed=1)
    assert np.isfinite(first).all()
    assert first.tobytes() == umap_layout(*rows, **settings, seed=1).tobytes()
    assert first.tobytes() != umap_layout(*rows, **settings, seed=2).tobytes()


@pytest.mark.slow
def test_another_process_gives_the_same_bytes_with_umap_learn(overlapping):
    program = (
        "import hashlib; from tests.support.synthetic import make_training_set\n"
        "from text_classification_viz.core.neighbors import find_neighbors\n"
        "from text_classification_viz.core.layouts.umap import refine_umap, umap_layout\n"
        "data = make_training_set(n_rows=400, spread=2.5)\n"
        "neighbors = find_neighbors(data.vectors, 40)\n"
        "layout = umap_layout(data.vectors, neighbors, data.labels, n_epochs=20, optimizer='umap-learn')\n"
        "print(hashlib.sha256(layout.tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    here = umap_layout(*overlapping, n_epochs=20, optimizer="umap-learn")
    assert run.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


@both_optimizers
def test_target_weight_raises_the_purity_of_overlapping_classes(overlapping, optimizer):
    settings = {"n_epochs": N_EPOCHS, "optimizer": optimizer}
    plain, half, all_ = (
        label_purity(umap_layout(*overlapping, **settings, target_weight=weight), overlapping[2])
        for weight in (0.0, 0.5, 1.0)
    )
    print(f"\npurity: weight 0 {plain:.3f}, 0.5 {half:.3f}, 1 {all_:.3f}")
    assert plain < 0.8
    assert half > plain + 0.1
    assert all_ > plain + 0.1


@both_optimizers
@pytest.mark.parametrize("target_weight", [0.5, 0.95, 0.98, 1.0])
def test_row_without_a_neighbor_of_its_label_has_a_place(apart, target_weight, optimizer):
    vectors, neighbors, labels = apart
    labels = labels.copy()
    labels[::10] = "elsewhere"
    labels[7] = "alone"
    settings = {"n_epochs": N_EPOCHS, "target_weight": target_weight, "optimizer": optimizer}
    assert np.isfinite(umap_layout(vectors, neighbors, labels, **settings)).all()


def test_labels_play_no_part_without_a_target_weight(apart):
    vectors, neighbors, labels = apart
    first = umap_layout(vectors, neighbors, labels, n_epochs=20)
    np.testing.assert_array_equal(first, umap_layout(vectors, neighbors, labels[::-1], n_epochs=20))


@both_optimizers
def test_three_dimensions(apart, optimizer):
    layout = umap_layout(*apart, n_components=3, n_epochs=N_EPOCHS, optimizer=optimizer)
    assert layout.shape == (240, 3)
    assert np.isfinite(layout).all()
    assert (layout.std(axis=0) > 1).all()
    assert label_purity(layout, apart[2]) > 0.98


def test_min_dist_keeps_points_apart(apart):
    from scipy.spatial.distance import pdist

    packed, loose = (
        np.percentile(pdist(umap_layout(*apart, n_epochs=N_EPOCHS, min_dist=distance)), 1)
        for distance in (0.0, 0.8)
    )
    assert loose > 2 * packed


def test_more_neighbors_than_are_considered_do_not_matter(apart):
    vectors, _, labels = apart
    few, many = find_neighbors(vectors, 15), find_neighbors(vectors, 100)
    np.testing.assert_array_equal(
        umap_layout(vectors, few, labels, n_epochs=20), umap_layout(vectors, many, labels, n_epochs=20)
    )


@both_optimizers
def test_the_reference_alone_takes_the_nearest_as_they_are(apart, optimizer):
    vectors, _, labels = apart
    few, many = find_neighbors(vectors, N_NEIGHBORS - 1), find_neighbors(vectors, 100)
    first, second = (
        umap_layout(vectors, neighbors, labels, n_epochs=20, optimizer=optimizer) for neighbors in (few, many)
    )
    assert np.array_equal(first, second) == (optimizer == "umap-learn")


def test_pieces_of_a_disconnected_graph_come_out_apart():
    vectors, neighbors, groups = far_apart()
    layout = umap_layout(vectors, neighbors, groups, n_epochs=N_EPOCHS)
    assert label_purity(layout, groups) > 0.98


def test_duplicates_stand_together():
    vectors, neighbors, labels = with_exact_duplicates()
    layout = umap_layout(vectors, neighbors, labels, n_epochs=N_EPOCHS)
    copies = np.array([0, *range(240, 248)])
    width = np.ptp(layout, axis=0).max()
    assert np.ptp(layout[copies], axis=0).max() < 0.2 * width
    assert len(np.unique(layout, axis=0)) == len(layout)


@both_optimizers
def test_row_whose_neighbors_are_all_its_opposites_has_a_place(apart, optimizer):
    vector = apart[0][:1]
    vectors = np.concatenate([vector, np.repeat(-vector, 20, axis=0)])
    settings = {"n_epochs": N_EPOCHS, "optimizer": optimizer}
    layout = umap_layout(vectors, find_neighbors(vectors), np.zeros(21), **settings)
    assert np.isfinite(layout).all()


@pytest.mark.parametrize("n_components", [2, 3])
@pytest.mark.parametrize(
    ("n_rows", "optimizer"),
    [
        *((n_rows, "sequential") for n_rows in (2, 3, 4, 8, N_NEIGHBORS, N_NEIGHBORS + 1)),
        *((n_rows, "umap-learn") for n_rows in (8, N_NEIGHBORS, N_NEIGHBORS + 1)),
    ],
)
def test_few_rows_have_a_map_without_a_warning(apart, n_rows, optimizer, n_components):
    vectors, _, labels = apart
    few = vectors[:n_rows], find_neighbors(vectors[:n_rows]), labels[:n_rows]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        layout = umap_layout(*few, n_components=n_components, n_epochs=N_EPOCHS, optimizer=optimizer)
    assert layout.shape == (n_rows, n_components)
    assert np.isfinite(layout).all()
    assert len(np.unique(layout, axis=0)) == n_rows


def test_refining_keeps_a_map_as_good_and_where_it_was(overlapping):
    vectors, neighbors, labels = overlapping
    first = umap_layout(*overlapping)
    refined = refine_umap(first, *overlapping, seed=1)
    afresh = umap_layout(*overlapping, seed=1)
    moved, elsewhere = (np.median(np.linalg.norm(layout - first, axis=1)) for layout in (refined, afresh))
    assert 0 < moved < elsewhere / 2
    quality = [measure_quality(vectors, neighbors, labels, layout) for layout in (first, refined)]
    assert quality[1].trustworthiness > quality[0].trustworthiness - 0.01
    assert quality[1].neighbors_kept > quality[0].neighbors_kept - 0.01


def test_refining_repairs_rows_that_were_put_in_the_wrong_place(apart):
    layout = umap_layout(*apart)
    astray = layout.copy()
    astray[:12] = layout[12:24]  # rows stand in random order
    refined = refine_umap(astray, *apart)
    assert label_purity(refined, apart[2]) > label_purity(astray, apart[2]) + 0.02


@pytest.mark.parametrize("n_neighbors", [2, 200])
@pytest.mark.parametrize("min_dist", [0.0, 1.0])
def test_extremes_of_the_settings_have_a_map_that_shows_classes(n_neighbors, min_dist):
    data = make_training_set(n_rows=400)
    rows = data.vectors, find_neighbors(data.vectors, 199), data.labels
    layout = umap_layout(*rows, n_neighbors=n_neighbors, min_dist=min_dist)
    assert np.isfinite(layout).all()
    assert label_purity(layout, data.labels) > (0.98 if n_neighbors > 2 else 0.6)


def test_a_thousand_dimensions():
    data = make_training_set(n_dimensions=1_000)
    layout = umap_layout(data.vectors, find_neighbors(data.vectors, 40), data.labels)
    assert label_purity(layout, data.labels) > 0.98


def test_more_neighbors_than_there_are_is_told(apart):
    vectors, neighbors, labels = apart
    with pytest.raises(InputError) as fault:
        umap_layout(vectors, neighbors, labels, n_neighbors=42)
    assert str(fault.value) == (
        "umap_projection: n_neighbors: expected at most 41, the neighbors that nearest_neighbors holds and the "
        "row itself, found 42; raise n_neighbors there"
    )
    assert np.isfinite(umap_layout(vectors, neighbors, labels, n_neighbors=41, n_epochs=1)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neighbors": 1}, "n_neighbors: expected at least 2, found 1"),
        ({"n_epochs": 0}, "n_epochs: expected at least 1, found 0"),
        ({"min_dist": -0.1}, "min_dist: expected 0 to 1, found -0.1"),
        ({"min_dist": 1.1}, "min_dist: expected 0 to 1, found 1.1"),
        ({"target_weight": 2}, "target_weight: expected 0 to 1, found 2"),
        ({"n_components": 4}, "n_components: expected 2 or 3, found 4"),
    ],
)
def test_setting_out_of_range_is_refused(apart, settings, message):
    with pytest.raises(InputError, match=f"^umap_projection: {message}$"):
        umap_layout(*apart, **settings)


@both_optimizers
def test_progress_is_logged(apart, caplog, monkeypatch, optimizer):
    monkeypatch.setattr("text_classification_viz.core.layouts.umap.SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO, logger="the run"):
        umap_layout(*apart, n_epochs=20, optimizer=optimizer, log=logging.getLogger("the run"))
    lines = [record.getMessage() for record in caplog.records if record.name == "the run"]
    assert lines[0].startswith("UMAP: 240 rows, ")
    assert "UMAP: epoch 20 of 20" in lines[-1]
    assert all(line.startswith("UMAP: ") and "\r" not in line for line in lines)
