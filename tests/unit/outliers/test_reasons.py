"""The sentence of each kind on findings made by hand, with the numbers counted by hand."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.support.outlier_samples import gaussian_classes, in_training_order, report_of, unit
from text_classification_viz.core.label_model.noise_model import NoiseModel
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.outliers.duplicates import Duplicates
from text_classification_viz.core.outliers.findings import Findings
from text_classification_viz.core.outliers.reasons import CONFLICT, reason_of_decision, reasons
from text_classification_viz.core.tables import OUTLIER_KINDS

# Rows 0 to 3 are ART, 4 to 8 CRIME, 9 to 11 SPORT; row 0 is the one that is told about.
CLASSES = np.array(["ART", "CRIME", "SPORT"])
LABELS = np.repeat([0, 1, 2], [4, 5, 3])
N_ROWS = len(LABELS)


def findings_of(
    *,
    neighbors=(4, 5, 6, 7, 9, 1),
    true=(0.2, 0.7, 0.1),
    given=(0.1, 0.1, 0.8),
    strengths=(0.9, 0.2, 0.1),
    unlikeness=(0.5, 0.5),
    similarities=None,
    representative=0,
    conflict=False,
    n_rows=N_ROWS,
):
    """Findings of which row 0 is as the arguments say."""
    labels = np.concatenate([LABELS, np.zeros(n_rows - N_ROWS, dtype=int)])
    lists = np.tile(neighbors, (n_rows, 1))
    if similarities is None:
        similarities = np.full(lists.shape, 0.5, np.float32)
    noise = NoiseModel(
        np.tile(given, (n_rows, 1)),
        np.tile(true, (n_rows, 1)),
        transition=np.eye(3),
        counts=np.eye(3),
        wrong_log_odds=np.zeros(n_rows),
        suggested=np.where(np.arange(3) == labels[:, None], -1, true).argmax(axis=1),
        weights=np.zeros((1, 3)),
        blended=np.eye(3),
    )
    representatives, conflicts = np.arange(n_rows), np.zeros(n_rows, dtype=bool)
    representatives[0], conflicts[0] = representative, conflict
    none = np.zeros(n_rows, dtype=bool)
    return Findings(
        ids=1000 + np.arange(n_rows),
        classes=CLASSES,
        labels=labels,
        decided=none,
        neighbors=Neighbors(lists, similarities),
        noise=noise,
        candidates=np.zeros((n_rows, 3), dtype=bool),
        strengths=np.tile(strengths, (n_rows, 1)),
        unlikeness=np.tile(unlikeness, (n_rows, 1)),
        atypical=none,
        uninformative=none,
        duplicates=Duplicates(representatives, conflicts),
    )


def reason_of(kind, **findings):
    found = findings_of(**findings)
    return reasons(found, np.array([kind] + ["none"] * (len(found.ids) - 1)))[0]


@pytest.mark.parametrize("kind", ["mislabelled", "contested"])
@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ({}, "Labeled ART; of its 6 nearest rows 4 are CRIME, 1 ART, 1 SPORT."),
        ({"neighbors": (4, 5, 9)}, "Labeled ART; of its 3 nearest rows 2 are CRIME, 1 SPORT."),
        (
            {"neighbors": (1, 2, 3, 4, 9, 10, 11, 9, 10), "true": (0.3, 0.1, 0.6)},
            "Labeled ART; of its 9 nearest rows 5 are SPORT, 3 ART, 1 CRIME.",
        ),
        (
            {"neighbors": (1, 2, 4, 5, 9)},
            "Labeled ART; of its 5 nearest rows 2 are ART, 2 CRIME, 1 SPORT; "
            "by all rows together CRIME is likelier (70% against 20%).",
        ),
        (
            {"neighbors": (1, 2, 3, 10), "true": (0.004, 0.2, 0.796)},
            "Labeled ART; of its 4 nearest rows 3 are ART, 1 SPORT; "
            "by all rows together SPORT is likelier (80% against 0%).",
        ),
        (
            {"neighbors": (9, 10, 11, 4), "true": (0.5, 0.3, 0.2), "given": (0.02, 0.5, 0.48)},
            "Labeled ART; of its 4 nearest rows 3 are SPORT, 1 CRIME; "
            "rows like it have that label in 2% of cases.",
        ),
    ],
    ids=[
        "most neighbors",
        "none of its own",
        "a class of higher code",
        "as many of both",
        "fewer neighbors",
        "not likelier",
    ],
)
def test_another_label(kind, findings, sentence):
    assert reason_of(kind, **findings) == sentence


def test_only_the_nearest_fifty_are_counted():
    neighbors = (
        [1, 2] * 5 + [5, 6] * 20 + [2, 1] * 25
    )  # 10 ART and 40 CRIME among the nearest 50; 50 more ART behind
    sentence = "Labeled ART; of its 50 nearest rows 40 are CRIME, 10 ART."
    assert reason_of("mislabelled", neighbors=neighbors) == sentence
    assert reason_of("none", neighbors=neighbors) == "Labeled ART, as are 10 of its 50 nearest rows."


@pytest.mark.parametrize(
    ("strengths", "topics"),
    [
        ((0.9, 0.66, 0.1), "CRIME (66%)"),
        ((0.1, 0.5, 0.1), "CRIME (50%)"),
        ((0.9, 0.51, 0.88), "SPORT (88%) and CRIME (51%)"),
        ((0.3, 0.499, 0.7), "SPORT (70%)"),
    ],
    ids=["one", "just present", "the stronger first", "not quite present"],
)
def test_two_topics(strengths, topics):
    sentence = reason_of("ambiguous", strengths=strengths)
    assert sentence == f"Labeled ART, and likely about {topics} as well."


def test_many_topics_are_listed_as_in_a_sentence():
    four = replace(
        findings_of(),
        classes=np.array([*CLASSES, "WEATHER"]),
        labels=np.full(N_ROWS, 3),
        strengths=np.tile([0.6, 0.7, 0.8, 0.1], (N_ROWS, 1)),
    )
    sentence = "Labeled WEATHER, and likely about SPORT (80%), CRIME (70%) and ART (60%) as well."
    assert reasons(four, np.full(N_ROWS, "ambiguous")) == [sentence] * N_ROWS


@pytest.mark.parametrize(
    ("unlikeness", "sentence"),
    [
        ((3999 / 4000, 0.5), "its distance from its nearest rows is larger than any other row's"),
        ((3998 / 4000, 0.5), "its distance from its nearest rows is larger than any other row's but 1"),
        ((2046 / 4000, 0.1), "its distance from its nearest rows is larger than any other row's but 1,953"),
        ((3990 / 4000, 3990 / 4000), "its distance from its nearest rows is larger than any other row's but 9"),
    ],
)
def test_far_from_its_nearest_rows(unlikeness, sentence):
    # The ten nearest count: for row 0 their mean is (0.6 + 9 x 0.1) / 10, and 0.7 for most of the others.
    similarities = np.full((4000, 11), 0.7, np.float32)
    similarities[1:1500] = 0.2
    similarities[0] = [0.6] + [0.1] * 9 + [-1]
    told = reason_of(
        "atypical",
        unlikeness=unlikeness,
        similarities=similarities,
        neighbors=(4, 5, 6, 7, 9, 1, 2, 3, 8, 10, 11),
        n_rows=4000,
    )
    assert told == f"Unlike the rest: {sentence} (similarity 0.15, where 0.70 is usual)."


@pytest.mark.parametrize(
    ("unlikeness", "than"),
    [((0.5, 11 / 12), "any other row's"), ((0.5, 9 / 12), "any other row's but 2")],
)
def test_far_from_the_middle(unlikeness, than):
    sentence = f"Unlike the rest: its distance from the middle of the typical rows is larger than {than}."
    assert reason_of("atypical", unlikeness=unlikeness) == sentence


@pytest.mark.parametrize(
    ("representative", "conflict", "sentence"),
    [
        (7, False, "Says the same as row 1007; the group has the same label."),
        (7, True, "Says the same as row 1007; the group has other labels."),
        (0, True, "Other rows say the same under other labels."),
    ],
    ids=["a copy", "a copy under another label", "the one that is copied"],
)
def test_a_copy(representative, conflict, sentence):
    assert reason_of("near_duplicate", representative=representative, conflict=conflict) == sentence


def test_hardly_any_words_and_nothing_to_tell():
    assert reason_of("uninformative") == "Has hardly any words to judge a label by."
    assert reason_of("none") == "Labeled ART, as are 1 of its 6 nearest rows."


@pytest.mark.parametrize("kind", [kind for kind in OUTLIER_KINDS if kind != "near_duplicate"])
def test_a_conflict_is_told_beside_any_other_kind(kind):
    findings = {"strengths": (0.9, 0.6, 0.1)}
    alone = reason_of(kind, **findings)
    assert CONFLICT not in alone
    assert reason_of(kind, conflict=True, **findings) == f"{alone} A near-duplicate of it has another label."


def test_each_row_has_the_sentence_of_its_own_kind():
    kinds = np.where(np.arange(N_ROWS) == 2, "uninformative", "none")
    kinds[11] = "mislabelled"
    told = reasons(findings_of(), kinds)
    assert len(told) == N_ROWS
    assert told[2].startswith("Has hardly any words")
    assert told[4] == "Labeled CRIME, as are 4 of its 6 nearest rows."
    assert told[11] == "Labeled SPORT; of its 6 nearest rows 4 are CRIME, 1 ART, 1 SPORT."


@pytest.mark.parametrize(
    ("decision", "new_label", "sentence"),
    [
        ("keep", None, "ART was confirmed by ann on 2026-03-01."),
        ("relabel", "SPORT", "ART was changed to SPORT by ann on 2026-03-01."),
        ("drop", None, "The row was dropped by ann on 2026-03-01."),
    ],
)
def test_decisions(decision, new_label, sentence):
    row = {
        "id": 7,
        "class_label": "ART",
        "decision": decision,
        "new_label": new_label,
        "reviewer": "ann",
        "reviewed_at": datetime(2026, 3, 1, 23, 59, tzinfo=UTC),
        "note": "$ {x} %d",
    }
    assert reason_of_decision(**row) == sentence


def test_the_exceptions_that_are_told_are_those_there_are():
    vectors, labels = gaussian_classes(400, 4)
    rows = in_training_order(report_of(vectors, labels, atypical_fraction=0.1))
    found = find_neighbors(vectors, 100)
    mean_similarity = found.similarities[:, :10].mean(axis=1, dtype=float)
    centred = unit(vectors - vectors.mean(axis=0))
    cosines = np.einsum("id,ijd->ij", centred, centred[found.rows])
    nearness = np.sort(cosines, axis=1)[:, -10:].mean(axis=1)  # beyond what all rows have in common
    n_told = 0
    for at, row in enumerate(rows):
        if told := re.search(r"nearest rows is larger than any other row's( but (\d+))? \((.*)\)", row["reason"]):
            assert int(told[2] or 0) == (nearness <= nearness[at]).sum() - 1
            usual = f"similarity {mean_similarity[at]:.2f}, where {np.median(mean_similarity):.2f} is usual"
            assert told[3] == usual
            n_told += 1
    assert n_told > 5


def test_tallies_that_are_told_are_those_of_the_table():
    vectors, labels = gaussian_classes(400, 4, noise=2.0)
    n_told = 0
    for row in report_of(vectors, labels).table.to_pylist():
        tally = dict(zip(row["tally_labels"], row["tally_counts"], strict=True))
        if told := re.fullmatch(r"Labeled (.*); of its 50 nearest rows (\d+) are ([^;]*)\.", row["reason"]):
            first, *others = told[3].split(", ")
            counted = {first: int(told[2])} | {
                name: int(count) for count, name in (x.split(" ", 1) for x in others)
            }
            assert told[1] == row["class_label"]
            assert first == row["suggested_label"] == row["tally_labels"][0]
            assert counted.items() <= tally.items()
            assert counted.get(told[1], 0) == tally.get(told[1], 0)
            assert list(counted)[:3] == row["tally_labels"][:3]
            n_told += 1
    assert n_told > 10
