"""The t-SNE map: the supervision formula against a slow loop, and what the map shows."""

import hashlib
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from openTSNE import TSNE
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from scipy.sparse import csr_matrix, random_array

from tests.support.checkout import PROJECT
from tests.support.map_quality import label_purity
from tests.support.synthetic import make_training_set
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layouts import tsne
from text_classification_viz.core.layouts.tsne import refine_tsne, supervise, tsne_layout
from text_classification_viz.core.maps.quality import measure_quality
from text_classification_viz.core.neighbors import find_neighbors

UNBALANCED = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c", "d"], [40, 15, 4, 1]))


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


def sparse_affinities(n, seed=0):
    """Symmetric joint probabilities with a zero diagonal, as openTSNE gives them."""
    half = random_array((n, n), density=0.2, rng=np.random.default_rng(seed)).toarray()
    np.fill_diagonal(half, 0)
    return csr_matrix((half + half.T) / (2 * half.sum()))


def supervise_by_definition(P, labels, supervision):
    """The projector's loop over all pairs (bh_tsne.ts, costGrad), then the mean of both directions."""
    n, f = len(labels), supervision / 100
    counts = {label: sum(labels == label) for label in set(labels.tolist())}
    weighted = np.zeros((n, n))
    for i in range(n):
        same_count = counts[labels[i]]
        other_count = n - same_count
        for j in range(n):
            if labels[i] != labels[j]:
                factor = max(1 / n - f / other_count, 1e-7)
            else:
                factor = min(1 / n + f / same_count, 1 - 1e-7)
            weighted[i, j] = P[i, j] * factor
    symmetric = (weighted + weighted.T) / 2
    return symmetric / symmetric.sum()


@pytest.mark.parametrize("supervision", [0.5, 1.7, 25, 100])
def test_supervise_is_the_formula_of_the_projector(supervision):
    P = sparse_affinities(len(UNBALANCED))
    expected = supervise_by_definition(P.toarray(), UNBALANCED, supervision)
    np.testing.assert_allclose(supervise(P, UNBALANCED, supervision).toarray(), expected, rtol=1e-10, atol=0)


def test_supervise_stays_below_one_where_the_labels_say_all():
    labels = np.array(["a", "a", "b"])  # 1/3 + 1/2 for a; b alone is 1/3 + 1, and is cut
    P = sparse_affinities(3, seed=1)
    np.testing.assert_allclose(
        supervise(P, labels, 100).toarray(), supervise_by_definition(P.toarray(), labels, 100), rtol=1e-10
    )


@pytest.mark.parametrize("labels", [UNBALANCED, np.zeros(60), np.arange(60)])
def test_supervised_affinities_are_symmetric_and_sum_to_one(labels):
    result = supervise(sparse_affinities(60), labels, 25)
    assert (result != result.T).nnz == 0
    assert result.sum() == pytest.approx(1, abs=1e-12)
    assert result.min() >= 0


def test_supervise_keeps_which_pairs_attract():
    P = sparse_affinities(60)
    np.testing.assert_array_equal(supervise(P, UNBALANCED, 25).toarray() > 0, P.toarray() > 0)


def test_no_supervision_and_one_class_change_nothing():
    P = sparse_affinities(60)
    np.testing.assert_allclose(supervise(P, UNBALANCED, 0).toarray(), P.toarray(), rtol=1e-10)
    np.testing.assert_allclose(supervise(P, np.zeros(60), 25).toarray(), P.toarray(), rtol=1e-10)


def test_classes_that_lie_apart_come_out_apart(apart):
    layout = tsne_layout(*apart, supervision=0)
    assert layout.shape == (240, 2)
    assert layout.dtype == np.float32
    assert np.isfinite(layout).all()
    assert label_purity(layout, apart[2]) > 0.98


def test_supervision_raises_the_purity_of_overlapping_classes(overlapping):
    plain, some, all_ = (
        label_purity(tsne_layout(*overlapping, supervision=percent), overlapping[2]) for percent in (0, 25, 100)
    )
    print(f"\npurity: unsupervised {plain:.3f}, at 25 % {some:.3f}, at 100 % {all_:.3f}")
    assert plain < 0.8
    assert some > plain + 0.05
    assert all_ > some + 0.1


def test_labels_play_no_part_without_supervision(overlapping):
    vectors, neighbors, labels = overlapping
    first = tsne_layout(vectors, neighbors, labels, supervision=0, n_iter=20)
    np.testing.assert_array_equal(first, tsne_layout(vectors, neighbors, labels[::-1], supervision=0, n_iter=20))


def test_same_input_same_bytes(apart):
    assert tsne_layout(*apart).tobytes() == tsne_layout(*apart).tobytes()


def test_number_of_threads_does_not_matter(apart, monkeypatch):
    usual = tsne_layout(*apart, n_iter=30)
    monkeypatch.setattr(tsne, "FEWEST_ROWS_FOR_THREADS", 0)
    assert tsne_layout(*apart, n_iter=30).tobytes() == usual.tobytes()


def test_neighbors_stay_as_they_were(apart):
    vectors, _, labels = apart
    neighbors = find_neighbors(vectors, 15)  # exactly those that perplexity 5 needs
    before = neighbors.rows.copy()
    tsne_layout(vectors, neighbors, labels, perplexity=5, n_iter=3)
    np.testing.assert_array_equal(neighbors.rows, before)


@pytest.mark.parametrize("supervision", [0, 25])
def test_refining_keeps_a_map_as_good_and_where_it_was(overlapping, supervision):
    vectors, neighbors, labels = overlapping
    settings = {"supervision": supervision}
    first = tsne_layout(*overlapping, **settings)
    refined = refine_tsne(first, *overlapping, **settings)
    moved = np.linalg.norm(refined - first, axis=1)
    assert 0 < np.median(moved) < 0.05 * np.ptp(first, axis=0).max()
    before, after = (measure_quality(vectors, neighbors, labels, layout) for layout in (first, refined))
    assert after.trustworthiness > before.trustworthiness - 0.01
    assert after.neighbors_kept > before.neighbors_kept - 0.01
    assert after.label_purity > before.label_purity - 0.02


def test_without_supervision_as_good_as_three_times_the_iterations_from_pca(overlapping):
    """Against openTSNE as people run it: PCA, a third of 300 iterations with early exaggeration."""
    vectors, neighbors, labels = overlapping
    nearest = PrecomputedNeighbors(neighbors.rows[:, :15].copy(), neighbors.cosine_distances[:, :15].copy())
    affinities = PerplexityBasedNN(knn_index=nearest, perplexity=5)
    plain = TSNE(early_exaggeration_iter=100, n_iter=200, random_state=0).fit(vectors, affinities=affinities)
    theirs, ours = (
        measure_quality(vectors, neighbors, labels, layout)
        for layout in (np.asarray(plain), tsne_layout(vectors, neighbors, labels, supervision=0))
    )
    print(f"\nopenTSNE {theirs}\nours {ours}")
    assert ours.trustworthiness > theirs.trustworthiness
    assert ours.neighbors_kept > theirs.neighbors_kept
    assert ours.label_purity > theirs.label_purity - 0.02


def test_affinities_are_those_of_opentsne_by_cosine(overlapping, monkeypatch):
    vectors, neighbors, labels = overlapping
    given = []

    def fit(self, vectors, affinities):
        given.append(affinities.P)
        return np.zeros((len(vectors), 2))

    monkeypatch.setattr(TSNE, "fit", fit)
    tsne_layout(vectors, neighbors, labels, perplexity=5, supervision=0)
    plain = PerplexityBasedNN(vectors, perplexity=5, metric="cosine", method="exact").P
    assert abs(given[0] - plain).max() < 1e-3 * plain.max()


def test_names_of_labels_do_not_matter(apart):
    vectors, neighbors, labels = apart
    renamed = np.array([f"class of {label}" for label in labels], dtype=object)
    np.testing.assert_array_equal(
        tsne_layout(vectors, neighbors, labels, n_iter=30), tsne_layout(vectors, neighbors, renamed, n_iter=30)
    )


def test_three_dimensions(apart):
    layout = tsne_layout(*apart, n_components=3, supervision=0)
    assert layout.shape == (240, 3)
    assert np.isfinite(layout).all()
    assert (layout.std(axis=0) > 1).all()
    assert label_purity(layout, apart[2]) > 0.98


def test_more_neighbors_than_the_perplexity_needs_do_not_matter(apart):
    vectors, _, labels = apart
    few, many = find_neighbors(vectors, 15), find_neighbors(vectors, 100)
    np.testing.assert_array_equal(
        tsne_layout(vectors, few, labels, n_iter=30), tsne_layout(vectors, many, labels, n_iter=30)
    )


def test_perplexity_too_large_for_the_neighbors_is_told(apart):
    vectors, _, labels = apart
    with pytest.raises(InputError) as fault:
        tsne_layout(vectors, find_neighbors(vectors, 14), labels, perplexity=5)
    assert str(fault.value) == (
        "tsne_projection: perplexity: 5 needs 15 neighbors a row, found 14; raise n_neighbors of "
        "nearest_neighbors or lower the perplexity"
    )
    tsne_layout(vectors, find_neighbors(vectors, 15), labels, perplexity=5, n_iter=3)


@pytest.mark.parametrize("n_components", [2, 3])
def test_fewest_rows_have_a_map(apart, n_components):
    vectors, _, labels = apart
    few = vectors[:n_components], find_neighbors(vectors[:n_components]), labels[:n_components]
    layout = tsne_layout(*few, n_components=n_components, perplexity=30)
    assert np.isfinite(layout).all()
    assert len(np.unique(layout, axis=0)) == n_components


def test_duplicates_have_a_map(apart):
    vectors, _, labels = apart
    vectors = np.concatenate([np.repeat(vectors[:1], 120, axis=0), vectors[120:]])
    layout = tsne_layout(vectors, find_neighbors(vectors, 40), labels, supervision=0)
    assert np.isfinite(layout).all()
    assert label_purity(layout, (np.arange(240) < 120).astype(int)) > 0.95  # the copies stand together


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"perplexity": 1}, "perplexity: expected above 1, found 1"),
        ({"perplexity": float("nan")}, "perplexity: expected above 1, found nan"),
        ({"supervision": -1}, "supervision: expected 0 to 100 percent, found -1"),
        ({"supervision": 100.5}, "supervision: expected 0 to 100 percent, found 100.5"),
        ({"n_iter": 2}, "n_iter: expected at least 3, found 2"),
        ({"learning_rate": 0}, "learning_rate: expected above 0, found 0"),
        ({"n_components": 1}, "n_components: expected 2 or 3, found 1"),
        ({"n_components": 4}, "n_components: expected 2 or 3, found 4"),
    ],
)
def test_setting_out_of_range_is_refused(apart, settings, message):
    with pytest.raises(InputError, match=f"^tsne_projection: {message}$"):
        tsne_layout(*apart, **settings)


def test_progress_is_logged(apart, caplog):
    with caplog.at_level(logging.INFO, logger="the run"):
        tsne_layout(*apart, n_iter=300, log=logging.getLogger("the run"))
    lines = [record.getMessage() for record in caplog.records if record.name == "the run"]
    assert len(lines) == 6  # every 50 iterations
    assert all(line.startswith("t-SNE: iteration ") and "KL divergence" in line for line in lines)


def test_other_processes_with_other_threads_give_the_same_bytes():
    # wide enough for BLAS to share out the PCA
    program = (
        "import hashlib; import numpy as np\n"
        "from text_classification_viz.core.neighbors import find_neighbors\n"
        "from text_classification_viz.core.layouts import tsne_layout\n"
        "vectors = np.random.default_rng(0).normal(size=(1_000, 384)).astype(np.float32)\n"
        "vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)\n"
        "layout = tsne_layout(vectors, find_neighbors(vectors, 15), np.arange(1_000) % 5, n_iter=3)\n"
        "print(hashlib.sha256(layout.tobytes()).hexdigest())"
    )

    def hash_with(threads):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env={**os.environ, **dict.fromkeys(names, threads)},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout.strip()

    first, second = hash_with("1"), hash_with("2")
    assert first == second
    assert len(first) == hashlib.sha256().digest_size * 2
