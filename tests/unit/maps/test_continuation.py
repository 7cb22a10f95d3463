"""Maps that stay put: who is known, where new rows go, when a map starts afresh, what many refreshes keep."""

import dataclasses
import functools
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.map_quality import label_purity
from tests.support.synthetic import make_training_set
from text_classification_viz.core import tables
from text_classification_viz.core.layouts.umap import refine_umap, umap_layout
from text_classification_viz.core.maps.continuation import (
    FINGERPRINT_TOLERANCE,
    Fresh,
    KnownMap,
    MappedRows,
    align,
    continue_map,
    diameter,
    displacements,
    fingerprints,
)
from text_classification_viz.core.maps.quality import measure_quality
from text_classification_viz.core.neighbors import Neighbors, find_neighbors

SETTINGS = {"n_neighbors": 10, "min_dist": 0.1}
DATA = make_training_set(n_rows=400)
IDS = np.random.default_rng(5).choice(10_000, 400, replace=False)
LAYOUT = umap_layout(DATA.vectors, find_neighbors(DATA.vectors, 40), DATA.labels)


def known_map(rows=slice(None), **changes):
    known = KnownMap(
        ids=IDS[rows],
        labels=DATA.labels[rows],
        coordinates=LAYOUT[rows],
        fingerprints=fingerprints(DATA.vectors[rows]),
        n_dimensions=DATA.vectors.shape[1],
        settings=SETTINGS,
    )
    return dataclasses.replace(known, **changes)


def carry_over(known, rows=slice(None), *, vectors=DATA.vectors, labels=DATA.labels, settings=SETTINGS, **others):
    today = MappedRows(IDS[rows], labels[rows], vectors[rows], find_neighbors(vectors[rows], 40))
    return continue_map(known, today, settings, stretched, **others)


def stretched(layout):
    """In place of a layout method that refines: every distance grows by a tenth, and the map is turned."""
    return 1.1 * layout[:, ::-1]


def test_same_rows_in_another_order_stay_where_they_are():
    order = np.random.default_rng(0).permutation(400)
    today = carry_over(known_map(), order)
    np.testing.assert_array_equal(today.map.coordinates, LAYOUT[order])
    np.testing.assert_array_equal(today.map.ids, IDS[order])
    assert today.is_known.all()
    assert (len(today.gone), today.map.share_changed, today.refined) == (0, 0, False)
    assert (today.displacements == 0).all()


def test_new_rows_go_among_their_class_and_known_rows_do_not_move():
    today = carry_over(known_map(slice(30, None)))
    np.testing.assert_array_equal(today.is_known, np.arange(400) >= 30)
    np.testing.assert_array_equal(today.map.coordinates[30:], LAYOUT[30:])
    assert label_purity(today.map.coordinates, DATA.labels) > 0.98
    assert len(np.unique(today.map.coordinates, axis=0)) == 400
    assert today.map.share_changed == pytest.approx(30 / 400)
    assert not today.refined


def test_rows_that_are_gone_count_as_change():
    today = carry_over(known_map(), slice(20, None))
    np.testing.assert_array_equal(today.map.coordinates, LAYOUT[20:])
    np.testing.assert_array_equal(today.gone, LAYOUT[:20])
    assert today.map.share_changed == pytest.approx(20 / 380)


@pytest.mark.parametrize(("before", "refined"), [(0.0, False), (0.02, False), (0.03, True)])
def test_changes_add_up_until_the_map_is_refined(before, refined):
    today = carry_over(known_map(slice(30, None), share_changed=before))
    assert today.refined == refined
    assert today.map.share_changed == pytest.approx(0 if refined else before + 30 / 400)


def test_refined_map_is_turned_back_onto_the_last_one():
    today = carry_over(known_map(slice(60, None)))
    assert today.refined
    np.testing.assert_array_equal(today.placed[60:], LAYOUT[60:])
    center = LAYOUT[60:].mean(axis=0)
    np.testing.assert_allclose(today.map.coordinates[60:], center + 1.1 * (LAYOUT[60:] - center), atol=1e-4)
    expected = 10 * np.linalg.norm(LAYOUT[60:] - center, axis=1) / diameter(today.placed)
    np.testing.assert_allclose(today.displacements, expected, atol=1e-3)


def test_new_row_goes_to_the_medoid_of_its_nearest_known_rows():
    """Four of the five are near each other, the nearest lies apart; the middle of the four is chosen."""
    vectors = np.zeros((7, 3), np.float32)
    vectors[:, 0] = 1
    known = KnownMap(
        ids=np.arange(6),
        labels=np.repeat("a", 6),
        coordinates=np.array([[90, 90], [0, 0], [1, 0], [2, 0], [1, 1], [500, 500]], np.float32),
        fingerprints=fingerprints(vectors[:6]),
        n_dimensions=3,
        settings={},
    )
    rows = np.array([[other for other in range(7) if other != row] for row in range(7)], np.int32)
    rows[6] = [0, 1, 2, 3, 4, 5]
    similarities = np.tile(np.linspace(0.9, 0.4, 6, dtype=np.float32), (7, 1))
    today = MappedRows(np.arange(7), np.repeat("a", 7), vectors, Neighbors(rows, similarities))
    today = continue_map(known, today, {}, lambda placed: placed)
    assert np.abs(today.placed[6] - [1, 0]).max() < 5e-3 * diameter(known.coordinates)
    np.testing.assert_array_equal(today.is_known, [True] * 6 + [False])


def test_topic_that_is_new_altogether_goes_beside_what_is_nearest():
    new = DATA.labels == DATA.labels[0]
    today = carry_over(known_map(~new))
    assert set(today.is_known[new]) == {False}
    low, high = LAYOUT.min(axis=0) - 1, LAYOUT.max(axis=0) + 1
    assert ((today.placed[new] >= low) & (today.placed[new] <= high)).all()
    distances = np.linalg.norm(today.placed[new][:, None] - LAYOUT[~new], axis=2).min(axis=1)
    assert distances.max() < 0.05 * diameter(LAYOUT)


def test_neighbor_lists_shorter_than_the_placing_needs_will_do():
    today = MappedRows(IDS, DATA.labels, DATA.vectors, find_neighbors(DATA.vectors, 2))
    today = continue_map(known_map(slice(30, None)), today, SETTINGS, stretched)
    assert label_purity(today.placed, DATA.labels) > 0.98


def test_known_id_with_another_vector_is_a_new_row():
    vectors = DATA.vectors.copy()
    vectors[:10] = vectors[10:20]
    today = carry_over(known_map(), vectors=vectors)
    np.testing.assert_array_equal(today.is_known, np.arange(400) >= 10)
    assert len(today.gone) == 0


def test_vectors_that_differ_as_two_batches_do_are_the_same():
    noise = np.random.default_rng(0).normal(scale=1e-6, size=DATA.vectors.shape).astype(np.float32)
    assert carry_over(known_map(), vectors=DATA.vectors + noise).is_known.all()
    apart = np.abs(fingerprints(DATA.vectors[:200]) - fingerprints(DATA.vectors[200:]))
    assert (apart > FINGERPRINT_TOLERANCE).mean() > 0.97


def test_another_label_makes_a_row_new_only_where_labels_shape_the_map():
    labels = DATA.labels.copy()
    labels[:8] = "OTHER"
    assert carry_over(known_map(), labels=labels).is_known.all()
    shaped = carry_over(known_map(), labels=labels, shaped_by_labels=True)
    np.testing.assert_array_equal(shaped.is_known, np.arange(400) >= 8)


@pytest.mark.parametrize(
    ("known", "others", "reason"),
    [
        (known_map(), {"settings": {**SETTINGS, "min_dist": 0.5}}, r"other settings \(min_dist\)"),
        (known_map(), {"settings": {**SETTINGS, "seed": 1}}, r"other settings \(seed\)"),
        (known_map(n_dimensions=768), {}, "vectors of 768 dimensions, now 16"),
        (known_map(slice(201, None)), {}, "knows only 50% of the rows"),
        (known_map(ids=IDS + 100_000), {}, "knows only 0% of the rows"),
        (
            known_map(),
            {"vectors": np.roll(DATA.vectors, 1, axis=0)},
            r"knows only \d% of the rows as they are now",
        ),
    ],
    ids=["settings", "new_setting", "width", "half_unknown", "other_ids", "other_vectors"],
)
def test_map_that_is_of_no_use_says_why(known, others, reason):
    decided = carry_over(known, **others)
    assert isinstance(decided, Fresh)
    assert re.search(reason, decided.reason)


@pytest.mark.parametrize("reflect", [1, -1])
@pytest.mark.parametrize("n_components", [2, 3])
def test_alignment_undoes_rotation_reflection_and_shift(n_components, reflect):
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(50, n_components))
    rotation = np.linalg.qr(rng.normal(size=(n_components, n_components)))[0]
    rotation[0] *= reflect * np.sign(np.linalg.det(rotation))
    turned = reference @ rotation + 7
    turned[:5] += 3  # rows that are not shared may be anywhere
    shared = np.arange(50) >= 5
    aligned = align(turned, reference, shared)
    np.testing.assert_allclose(aligned[shared], reference[shared], atol=1e-5)
    apart = np.linalg.norm(turned[0] - turned[9])
    assert np.linalg.norm(aligned[0] - aligned[9]) == pytest.approx(apart, rel=1e-5)


def test_displacement_is_in_percent_of_the_longest_axis():
    before = np.column_stack([np.linspace(0, 100, 101), np.linspace(0, 10, 101)])
    assert diameter(before) == pytest.approx(98)
    np.testing.assert_allclose(displacements(before, before + np.array([0, 4.9])), 5)


def test_published_form_goes_there_and_back(tmp_path):
    known = known_map(share_changed=0.07)
    table = known.to_table()
    assert table.schema.remove_metadata().equals(tables.projection_schema(2))
    pq.write_table(table, tmp_path / "map.parquet")
    back = KnownMap.from_table(pq.read_table(tmp_path / "map.parquet"))
    for name in ("ids", "labels", "coordinates", "fingerprints"):
        np.testing.assert_array_equal(getattr(back, name), getattr(known, name))
    assert (back.settings, back.n_dimensions, back.share_changed) == (SETTINGS, 16, 0.07)


def test_three_axes_go_there_and_back():
    coordinates = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    table = known_map(coordinates=coordinates).to_table()
    assert table.column_names == ["id", "class_label", "x", "y", "z"]
    np.testing.assert_array_equal(KnownMap.from_table(table).coordinates, coordinates)


def test_map_without_a_record_is_of_no_use():
    plain = pa.table({"id": [1], "class_label": ["a"], "x": [0.0], "y": [0.0]})
    assert KnownMap.from_table(plain) == Fresh("the last map does not say how it was made")


def test_chain_of_refreshes_is_as_good_as_a_fresh_map_and_moves_less():
    data = make_training_set(n_rows=900, n_classes=6, spread=1.5)
    rng = np.random.default_rng(0)

    def rows_of(ids):
        return MappedRows(ids, data.labels[ids], data.vectors[ids], find_neighbors(data.vectors[ids], 40))

    def lay_out(rows):
        return umap_layout(rows.vectors, rows.neighbors, rows.labels)

    def refine(rows, start):
        return refine_umap(start, rows.vectors, rows.neighbors, rows.labels)

    rows = rows_of(np.arange(600))
    known = KnownMap.of(rows, lay_out(rows), SETTINGS)
    refined = 0
    for first_new in range(600, 900, 30):
        rows = rows_of(np.append(rng.permutation(rows.ids)[30:], np.arange(first_new, first_new + 30)))
        today = continue_map(known, rows, SETTINGS, functools.partial(refine, rows))
        if today.refined:
            refined += 1
            elsewhere = align(lay_out(rows), today.placed, today.is_known)
            moved_afresh = np.median(displacements(today.placed, elsewhere)[today.is_known])
            assert 0 < np.median(today.displacements) < 0.75 * moved_afresh
        known = today.map
    assert refined == 5  # two refreshes of 5 % each make a tenth
    kept, afresh = (
        measure_quality(rows.vectors, rows.neighbors, rows.labels, layout)
        for layout in (known.coordinates, lay_out(rows))
    )
    assert kept.trustworthiness > afresh.trustworthiness - 0.01
    assert kept.neighbors_kept > afresh.neighbors_kept - 0.02
    assert kept.label_purity > afresh.label_purity - 0.02
