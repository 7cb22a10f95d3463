"""Input that neither layout method takes."""

import numpy as np
import pytest

from tests.support.synthetic import make_training_set
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layouts.tsne import tsne_layout
from text_classification_viz.core.layouts.umap import umap_layout
from text_classification_viz.core.neighbors import find_neighbors

both_layouts = pytest.mark.parametrize(
    ("lay_out", "asset"), [(umap_layout, "umap_projection"), (tsne_layout, "tsne_projection")]
)
SOUND = make_training_set()


@pytest.mark.parametrize(
    ("lay_out", "asset", "settings", "n_least"),
    [
        (umap_layout, "umap_projection", {"optimizer": "umap-learn"}, 8),
        (tsne_layout, "tsne_projection", {"n_components": 3}, 3),
    ],
)
def test_fewer_rows_than_a_map_needs_are_refused(lay_out, asset, settings, n_least):
    few = SOUND.vectors[: n_least - 1]
    expected = f"{asset}: expected at least {n_least} rows to lay out, found {n_least - 1}; use"
    with pytest.raises(InputError, match=expected):
        lay_out(few, find_neighbors(few), SOUND.labels[: n_least - 1], **settings)


@both_layouts
@pytest.mark.parametrize("row", [SOUND.vectors[0], np.zeros(16, np.float32)], ids=["copies", "zeros"])
def test_rows_that_are_all_one_are_refused(lay_out, asset, row):
    vectors = np.repeat(row[None], 30, axis=0)
    with pytest.raises(InputError, match=f"{asset}: expected vectors that differ, found all 30 the same"):
        lay_out(vectors, find_neighbors(vectors), SOUND.labels[:30])


@both_layouts
def test_neighbors_of_other_rows_are_refused(lay_out, asset):
    neighbors = find_neighbors(SOUND.vectors)
    expected = f"{asset}: expected neighbors for each of the 200 rows, found them for 240; materialize nearest"
    with pytest.raises(InputError, match=expected):
        lay_out(SOUND.vectors[:200], neighbors, SOUND.labels[:200])


@both_layouts
def test_fewer_dimensions_than_axes_are_refused(lay_out, asset):
    flat = make_training_set(n_classes=2, n_dimensions=2)
    expected = f"{asset}: n_components: expected at most 2, the dimensions of the vectors, found 3"
    with pytest.raises(InputError, match=expected):
        lay_out(flat.vectors, find_neighbors(flat.vectors), flat.labels, n_components=3)
