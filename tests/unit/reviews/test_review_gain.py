"""What a review is worth, against samples whose mistakes are known and a slow independent estimate."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import numpy as np
import pytest

from tests.support.outlier_samples import flip_confusable, flip_uniform, gaussian_classes, report_of
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.label_model.regression import L2, Standardizer, fit_softmax
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.reviews import gain as review_gain
from text_classification_viz.core.reviews.gain import AT_RANDOM, RELABEL, SET_ASIDE, estimate_review_gain
from text_classification_viz.core.tables import REVIEW_GAIN

N_ROWS, N_CLASSES = 2000, 4
SHARE = 0.05


def estimate(vectors, given, known=None, **settings):
    known = np.zeros(len(given), dtype=bool) if known is None else known
    return estimate_review_gain(vectors, given, known, **settings)


def gains(table, share=SHARE):
    """Gain of each treatment of a share of the rows."""
    return {row["treatment"]: row["gain"] for row in table.to_pylist() if row["share"] == share}


def independent_gains(vectors, labels, given):
    """Base and gains of setting aside and of putting right the first rows of the report on four fifths.

    Folds in turn instead of at random, scikit-learn's regression instead of ours, suspects from the published
    report, the true labels instead of suggestions; judged by the true labels, and by the given ones.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import StandardScaler

    features = StandardScaler().fit_transform(vectors)
    scores = []
    for fold in range(5):
        held_out = np.arange(len(given)) // N_CLASSES % 5 == fold
        train = np.flatnonzero(~held_out)
        first = report_of(vectors[train], given[train]).table["id"].to_numpy() - 1000
        suspects = train[first[: int(SHARE * len(train))]]
        put_right = given.copy()
        put_right[suspects] = labels[suspects]
        for rows, targets in ((train, given), (np.setdiff1d(train, suspects), given), (train, put_right)):
            model = LogisticRegression(C=1 / L2, max_iter=300).fit(features[rows], targets[rows])
            predicted = model.predict(features[held_out])
            scores += [f1_score(truth[held_out], predicted, average="macro") for truth in (labels, given)]
    by_true, by_given = np.array(scores).reshape(5, 3, 2).mean(axis=0).T
    return by_true - by_true[0], by_given - by_given[0], by_given[0]


@pytest.fixture(scope="module")
def noisy():
    """Vectors, true labels, given labels of which a fifth is wrong in one direction, and the estimate."""
    vectors, labels = gaussian_classes(N_ROWS, N_CLASSES, noise=2.0, n_dims=64)
    given, _ = flip_confusable(labels, (np.arange(N_CLASSES) + 1) % N_CLASSES, 0.2)
    return vectors, labels, given, estimate(vectors, given)


def test_the_table_keeps_the_contract(noisy):
    table = noisy[-1]
    assert table.schema == REVIEW_GAIN
    table.validate(full=True)
    rows = table.to_pylist()
    assert rows[0]["share"] == rows[0]["gain"] == rows[0]["standard_error"] == 0
    treated = [(row["treatment"], row["share"]) for row in rows[1:]]
    assert treated == list(product([SET_ASIDE, RELABEL, AT_RANDOM], [0.01, 0.02, 0.05]))
    for row in rows:
        assert row["gain"] == pytest.approx(row["macro_f1"] - rows[0]["macro_f1"], abs=1e-12)
        assert 0 <= row["macro_f1"] <= 1
    assert all(0 < row["standard_error"] < 0.02 for row in rows[1:])


def test_suspects_are_worth_more_than_rows_at_random(noisy):
    found = gains(noisy[-1])
    assert found[SET_ASIDE] > found[AT_RANDOM] + 0.015
    assert found[RELABEL] > found[AT_RANDOM] + 0.015
    assert min(found[SET_ASIDE], found[RELABEL]) > 0.01
    assert found[AT_RANDOM] < 0.003


def test_the_gain_is_that_of_an_independent_estimate(noisy):
    vectors, labels, given, first = noisy
    several = [first, *(estimate(vectors, given, seed=seed) for seed in (1, 2))]
    ours = {name: np.mean([gains(table)[name] for table in several]) for name in (SET_ASIDE, RELABEL)}
    by_true, by_given, base = independent_gains(vectors, labels, given)
    for name, treatment in ((SET_ASIDE, 1), (RELABEL, 2)):
        assert ours[name] == pytest.approx(by_given[treatment], abs=0.007)
        # A fifth of the labels that judge is wrong and hides a part of the gain; it makes up none.
        assert 0.4 * by_true[treatment] < ours[name] < 1.1 * by_true[treatment]
    assert np.mean([table["macro_f1"][0].as_py() for table in several]) == pytest.approx(base, abs=0.01)


def test_small_classes_count_as_much_as_large_ones():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.preprocessing import StandardScaler

    vectors, labels = gaussian_classes(2400, 3, noise=2.5)
    kept = (labels == 0) | (np.arange(2400) % 10 < 2)
    vectors, labels = vectors[kept], labels[kept]
    model = LogisticRegression(C=1 / L2, max_iter=300)
    features, folds = StandardScaler().fit_transform(vectors), KFold(5, shuffle=True, random_state=0)
    macro, micro = (
        cross_val_score(model, features, labels, scoring=scoring, cv=folds).mean()
        for scoring in ("f1_macro", "f1_micro")
    )
    base = estimate(vectors, labels)["macro_f1"][0].as_py()
    assert base == pytest.approx(macro, abs=0.02)
    assert base < micro - 0.02


def test_labels_without_mistakes_gain_nothing():
    vectors, labels = gaussian_classes(600, N_CLASSES, noise=0.4)
    table = estimate(vectors, labels)
    assert table["macro_f1"][0].as_py() == 1
    assert max(table["gain"].to_pylist()) == 0
    for share in (0.01, 0.02, 0.05):
        assert gains(table, share)[SET_ASIDE] == 0


def test_known_rows_are_left_alone(noisy):
    vectors, labels, given, before = noisy
    table = estimate(vectors, given, known=labels != given)  # mistakes that somebody has confirmed
    assert gains(table)[SET_ASIDE] < gains(before)[SET_ASIDE] - 0.015
    assert gains(table)[RELABEL] < gains(before)[RELABEL] - 0.015
    assert table["macro_f1"][0] == before["macro_f1"][0]
    all_known = estimate(vectors, given, known=np.ones(N_ROWS, dtype=bool))
    for share in (0.01, 0.02, 0.05):
        assert gains(all_known, share)[SET_ASIDE] == gains(all_known, share)[RELABEL]
        assert abs(gains(all_known, share)[SET_ASIDE]) < 0.005  # nobody is set aside: the same fit, continued


@pytest.fixture(scope="module")
def four_fifths():
    """Vectors, given labels, which are wrong, neighbors, and the rows of four folds."""
    vectors, labels = gaussian_classes(800, N_CLASSES, noise=1.2)
    given, wrong = flip_uniform(labels, N_CLASSES, 0.1)
    train = np.flatnonzero(np.random.default_rng(0).random(800) < 0.8)
    return vectors, labels, given, wrong, find_neighbors(vectors), train


def suspects_of(four_fifths, vectors, given, known):
    """Suspects among the training rows, and suggestions."""
    *_, neighbors, train = four_fifths
    rows = review_gain._Rows(vectors, vectors, given, known, neighbors, N_CLASSES)
    fold = review_gain._Fold.of(rows, ~np.isin(np.arange(len(given)), train), {})
    np.testing.assert_array_equal(fold.train, train)
    return fold.suspects, fold.suggested


def test_suspects_are_open_training_rows_the_likeliest_wrong_first(four_fifths):
    vectors, labels, given, wrong, _, train = four_fifths
    known = np.random.default_rng(1).random(800) < 0.3
    suspects, suggested = suspects_of(four_fifths, vectors, given, known)
    assert sorted(suspects) == sorted(set(train) - set(np.flatnonzero(known)))
    n_wrong = wrong[suspects].sum()
    assert wrong[suspects[:n_wrong]].mean() > 0.9
    found = suspects[:n_wrong][wrong[suspects[:n_wrong]]]
    assert (suggested[found] == labels[found]).mean() > 0.95
    assert (suggested[train] != given[train]).all()


def test_the_labels_that_judge_have_no_part_in_the_suspects(four_fifths):
    vectors, _, given, _, _, train = four_fifths
    known, other = np.zeros(800, dtype=bool), given.copy()
    held_out = np.setdiff1d(np.arange(800), train)
    other[held_out] = (other[held_out] + 1) % N_CLASSES
    changed = vectors.copy()
    changed[held_out] = vectors[held_out][::-1]
    suspects, suggested = suspects_of(four_fifths, vectors, given, known)
    again, as_well = suspects_of(four_fifths, changed, other, known)
    assert again.tolist() == suspects.tolist()
    assert as_well[train].tolist() == suggested[train].tolist()


def test_what_each_treatment_is_trained_on(four_fifths, monkeypatch):
    vectors, labels, given, wrong, _, _ = four_fifths
    column = Standardizer.fit(vectors)(vectors).astype(np.float32)[:, 0]
    row_of = {value: row for row, value in enumerate(column.tolist())}
    trained = []

    def spy(features, targets, **settings):
        trained.append((np.array([row_of[value] for value in features[:, 0].tolist()]), targets.argmax(axis=1)))
        return fit_softmax(features, targets, **settings)

    monkeypatch.setattr(review_gain, "fit_softmax", spy)
    monkeypatch.setattr(review_gain, "one_thread_each", partial(ThreadPoolExecutor, 1))  # one after the other
    estimate(vectors, given)
    assert len(trained) == 5 * 10
    assert (np.bincount(np.concatenate([rows for rows, _ in trained[:5]])) == 4).all()  # held out once
    for fold in range(5):
        (train, as_is), *treatments = trained[fold::5]
        np.testing.assert_array_equal(as_is, given[train])
        aside, relabeled, at_random = (treatments[start : start + 3] for start in (0, 3, 6))
        for n_treated, (rows, targets) in zip([7, 13, 32], aside, strict=True):  # of 640
            left_out = np.setdiff1d(train, rows)
            assert (len(rows), len(left_out)) == (640 - n_treated, n_treated)
            assert wrong[left_out].mean() > 0.9
            np.testing.assert_array_equal(targets, given[rows])
        for n_treated, (rows, targets) in zip([7, 13, 32], relabeled, strict=True):
            np.testing.assert_array_equal(rows, train)
            changed = targets != as_is
            assert changed.sum() == n_treated
            assert (targets == labels[train])[changed].mean() > 0.85
        for n_treated, (rows, targets) in zip([7, 13, 32], at_random, strict=True):
            left_out = np.setdiff1d(train, rows)
            assert (len(rows), len(left_out)) == (640 - n_treated, n_treated)
            np.testing.assert_array_equal(targets, given[rows])
        assert wrong[left_out].mean() < 0.4


def test_same_seed_same_table():
    vectors, labels = gaussian_classes(60, 3, noise=1.5)
    given, _ = flip_uniform(labels, 3, 0.1)
    first, again, other = (estimate(vectors, given, seed=seed) for seed in (5, 5, 6))
    assert again.equals(first)
    assert not other.equals(first)


def test_inputs_stay_as_they_are():
    vectors, labels = gaussian_classes(100, 3, noise=1.5)
    given, known = labels.copy(), np.arange(100) % 7 == 0
    before = vectors.copy(), given.copy(), known.copy()
    estimate(vectors, given, known)
    for now, then in zip((vectors, given, known), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("n_rows", [10, 11, 23])
def test_a_handful_of_rows_is_enough(n_rows):
    vectors, labels = gaussian_classes(n_rows, 2, noise=0.5)
    table = estimate(vectors, labels)
    assert np.isfinite(table["gain"].to_numpy()).all()
    assert table.num_rows == 10


def test_a_class_of_one_row_is_no_obstacle():
    vectors, labels = gaussian_classes(120, 3, noise=1.0)
    labels[0] = 3
    table = estimate(vectors, labels)
    for name in ("macro_f1", "gain", "standard_error"):
        assert np.isfinite(table[name].to_numpy()).all()


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "found"),
    [(9, 2, "found 9 rows in 2; give"), (0, 1, "found 0 rows in 0; give"), (40, 1, "found 40 rows in 1; give")],
)
def test_too_little_to_judge_on_is_named(n_rows, n_classes, found):
    vectors, labels = gaussian_classes(n_rows, n_classes)
    with pytest.raises(InputError, match=f"review_gain: expected at least 10 rows in two classes .* {found}"):
        estimate(vectors, labels)
