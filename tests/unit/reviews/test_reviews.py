"""Which decision on a row stands, what sets it aside, and the training set with decisions applied."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.reviews.decisions import (
    Decision,
    Place,
    apply_reviews,
    join_faults,
    parse_decision,
    settle,
)
from text_classification_viz.core.tables import REVIEWED_LABELS, TRAIN

CATEGORY_OF = {"SPORT": "a", "WEATHER": "b", "MUSIC": "c"}
LABELS = {7: "WEATHER", 3: "SPORT", 5: "WEATHER", 9: "SPORT", 2: "MUSIC"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def train_df_of(labels=LABELS):
    return pa.Table.from_pylist(
        [
            {
                "id": id_,
                "category": CATEGORY_OF[label.upper()],
                "class_label": label,
                "headline": f"headline {id_}",
                "short_description": None,
                "embedding_row": row,
            }
            for row, (id_, label) in enumerate(labels.items())
        ],
        schema=TRAIN,
    )


def decide(
    id_, decision="keep", new_label=None, *, reviewer="ann", minute=0, file="a.csv", line=2, class_label=None
):
    """A decision on a row of LABELS; the time is `minute` minutes after noon."""
    return Decision(
        id=id_,
        class_label=class_label or LABELS.get(id_, "SPORT"),
        decision=decision,
        new_label=new_label,
        reviewer=reviewer,
        reviewed_at=NOON + timedelta(minutes=minute),
        note=f"{reviewer} at {minute}",
        place=Place(file, line, f"line {line}"),
    )


def settled(*decisions, labels=LABELS):
    return settle(decisions, train_df_of(labels))


def outcomes(reviews):
    columns = (reviews.table[name].to_pylist() for name in ("id", "decision", "new_label"))
    return list(zip(*columns, strict=True))


def test_no_decisions_leave_everything_as_it_is():
    reviews = settled()
    assert reviews.table.schema == REVIEWED_LABELS
    assert (reviews.table.num_rows, reviews.set_aside, reviews.conflicts) == (0, (), ())
    corrected = apply_reviews(train_df_of(), reviews.table)
    assert corrected.table.equals(train_df_of())
    assert not corrected.relabeled and not corrected.dropped


def test_the_row_that_a_decision_gives():
    reviews = settled(decide(7, "relabel", "SPORT", minute=5))
    assert reviews.table.to_pylist() == [
        {
            "id": 7,
            "class_label": "WEATHER",
            "decision": "relabel",
            "new_label": "SPORT",
            "reviewer": "ann",
            "reviewed_at": NOON + timedelta(minutes=5),
            "note": "ann at 5",
        }
    ]


def test_the_newest_decision_on_each_row_stands_and_rows_are_sorted_by_id():
    reviews = settled(
        decide(7, "drop", minute=2),
        decide(7, "keep", minute=3),
        decide(7, "relabel", "MUSIC", minute=1),
        decide(3, "keep", minute=1),
        decide(3, "drop", minute=9),
    )
    assert outcomes(reviews) == [(3, "drop", None), (7, "keep", None)]
    assert reviews.conflicts == ()  # one reviewer who thinks again is of one mind


@pytest.mark.parametrize(
    ("losing", "winning"),
    [
        ({"file": "a.csv", "line": 99}, {"file": "b.csv", "line": 2}),
        ({"file": "a.csv", "line": 9}, {"file": "a.csv", "line": 10}),
    ],
    ids=["the later file name", "the later line of a file, as a number"],
)
def test_of_equal_times_the_later_place_stands(losing, winning):
    for decisions in ([losing, winning], [winning, losing]):
        reviews = settled(*[decide(7, "drop" if one is winning else "keep", **one) for one in decisions])
        assert outcomes(reviews) == [(7, "drop", None)]


def test_five_reviewers():
    reviews = settled(
        decide(7, "keep", reviewer="ann", minute=1),
        decide(7, "relabel", "SPORT", reviewer="bob", minute=2),
        decide(7, "relabel", "MUSIC", reviewer="cem", minute=3),
        decide(7, "drop", reviewer="dee", minute=5),
        decide(7, "relabel", "SPORT", reviewer="eva", minute=4),
        decide(3, "keep", reviewer="ann", minute=1),
        decide(3, "keep", reviewer="bob", minute=2),
    )
    assert outcomes(reviews) == [(3, "keep", None), (7, "drop", None)]
    (conflict,) = reviews.conflicts
    assert [(one.reviewer, one.wanted_label) for one in conflict.decisions] == [
        ("ann", "WEATHER"),
        ("bob", "SPORT"),
        ("cem", "MUSIC"),
        ("eva", "SPORT"),
        ("dee", None),
    ]
    assert conflict.winner.reviewer == "dee"


def test_a_reviewer_who_comes_round_ends_a_conflict():
    before = [
        decide(7, "keep", reviewer="ann", minute=1),
        decide(7, "relabel", "SPORT", reviewer="bob", minute=2),
    ]
    assert len(settled(*before).conflicts) == 1
    assert settled(*before, decide(7, "relabel", "SPORT", reviewer="ann", minute=3)).conflicts == ()


def test_a_row_that_is_gone_is_set_aside():
    reviews = settled(decide(404, "relabel", "NO SUCH LABEL"), decide(3))
    assert outcomes(reviews) == [(3, "keep", None)]
    assert [(str(one.decision.place), one.reason) for one in reviews.set_aside] == [
        ("a.csv, line 2", "the training set has no such row")
    ]


@pytest.mark.parametrize(("decision", "new_label"), [("keep", None), ("drop", None), ("relabel", "SPORT")])
def test_a_row_whose_label_has_changed_is_set_aside(decision, new_label):
    reviews = settled(decide(7, decision, new_label), labels=LABELS | {7: "MUSIC"})
    assert outcomes(reviews) == []
    assert [one.reason for one in reviews.set_aside] == [
        "the row's label was WEATHER when it was reviewed and is MUSIC now"
    ]


def test_an_older_decision_does_not_come_back_when_the_newest_is_set_aside():
    reviews = settled(decide(7, "drop", minute=1), decide(7, "keep", minute=2, class_label="MUSIC"))
    assert outcomes(reviews) == []
    assert len(reviews.set_aside) == 1


def test_a_new_label_that_the_row_has_by_now_is_adopted():
    upstream = LABELS | {7: "SPORT"}
    reviews = settled(decide(7, "relabel", "SPORT"), labels=upstream)
    assert reviews.set_aside == ()
    assert reviews.table.select(["id", "class_label", "decision", "new_label", "reviewer"]).to_pylist() == [
        {"id": 7, "class_label": "SPORT", "decision": "keep", "new_label": None, "reviewer": "ann"}
    ]
    corrected = apply_reviews(train_df_of(upstream), reviews.table)
    assert corrected.table.equals(train_df_of(upstream))
    assert not corrected.relabeled


def test_agreement_counts_by_the_label_wanted_and_only_among_decisions_that_fit():
    upstream = LABELS | {7: "SPORT"}
    adopted = decide(7, "relabel", "SPORT", reviewer="ann", minute=1)
    overtaken = decide(7, "keep", reviewer="bob", minute=2)
    confirmed = decide(7, "keep", reviewer="cem", minute=3, class_label="SPORT")
    assert settled(adopted, overtaken, confirmed, labels=upstream).conflicts == ()


def test_unknown_new_labels_are_set_aside_with_the_label_that_may_be_meant():
    """As after upstream has renamed a class: the other decisions go on."""
    reviews = settled(
        decide(7, "relabel", "sport", line=4), decide(3, "relabel", "☃", class_label="SPORT"), decide(9, "drop")
    )
    assert outcomes(reviews) == [(9, "drop", None)]
    assert [(aside.decision.id, aside.reason) for aside in reviews.set_aside] == [
        (3, "the training set has no label '☃'"),
        (7, "the training set has no label 'sport'; did you mean 'SPORT'?"),
    ]


def test_labels_that_differ_in_case_alone_are_two():
    labels = LABELS | {2: "sport"}
    reviews = settled(decide(7, "relabel", "sport"), decide(5, "relabel", "SPORT"), labels=labels)
    assert outcomes(reviews) == [(5, "relabel", "SPORT"), (7, "relabel", "sport")]


def test_an_unknown_new_label_that_does_not_stand_is_no_fault():
    reviews = settled(decide(7, "relabel", "weathr", minute=1), decide(7, minute=2))
    assert outcomes(reviews) == [(7, "keep", None)]


def test_apply_gives_labels_with_their_categories_and_leaves_dropped_rows_out():
    reviews = settled(
        decide(7, "relabel", "SPORT"), decide(3, "drop"), decide(9, "drop"), decide(2, "keep"), decide(5, "keep")
    )
    corrected = apply_reviews(train_df_of(), reviews.table)
    assert corrected.table.schema == TRAIN
    assert corrected.table.select(["id", "category", "class_label", "embedding_row"]).to_pylist() == [
        {"id": 7, "category": "a", "class_label": "SPORT", "embedding_row": 0},
        {"id": 5, "category": "b", "class_label": "WEATHER", "embedding_row": 2},
        {"id": 2, "category": "c", "class_label": "MUSIC", "embedding_row": 4},
    ]
    assert corrected.relabeled == {("WEATHER", "SPORT"): 1}
    assert corrected.dropped == {"SPORT": 2}


def random_decisions(seed):
    """Decisions of five reviewers on ten rows, some gone and some of other labels, many at equal times."""
    draw = random.Random(seed)
    decisions = []
    for line in range(60):
        id_ = draw.choice([*LABELS, 404])
        label = draw.choice(list(CATEGORY_OF))
        decision = draw.choice(["keep", "relabel", "drop"])
        new_label = draw.choice([other for other in CATEGORY_OF if other != label])
        decisions.append(
            decide(
                id_,
                decision,
                new_label if decision == "relabel" else None,
                class_label=label,
                reviewer=draw.choice("abcde"),
                minute=draw.randrange(4),
                file=draw.choice(["a.csv", "b.csv", "c.json"]),
                line=line,
            )
        )
    return decisions


@pytest.mark.parametrize("seed", range(20))
def test_order_does_not_matter_and_the_table_agrees_with_a_slow_obvious_version(seed):
    decisions = random_decisions(seed)
    reviews = settled(*decisions)
    shuffled = random.Random(seed).sample(decisions, len(decisions))
    assert settled(*shuffled) == reviews

    expected = []
    for id_ in sorted({one.id for one in decisions}):
        newest = max(
            (one for one in decisions if one.id == id_),
            key=lambda one: (one.reviewed_at, one.place.file, one.place.position),
        )
        if LABELS.get(id_) == newest.class_label:
            expected.append((id_, newest.decision, newest.new_label))
        elif LABELS.get(id_) is not None and newest.new_label == LABELS[id_]:
            expected.append((id_, "keep", None))
    assert outcomes(reviews) == expected
    assert len(expected) + len(reviews.set_aside) == len({one.id for one in decisions})


@pytest.mark.parametrize("seed", range(20))
def test_applying_twice_is_applying_once(seed):
    decisions = random_decisions(seed)
    reviewed = settled(*decisions).table
    once = apply_reviews(train_df_of(), reviewed).table
    again = apply_reviews(once, reviewed)
    assert again.table.equals(once)
    assert not again.relabeled and not again.dropped
    # Upstream trained on what we gave: what was decided before changes nothing more.
    adopted = apply_reviews(once, settle(decisions, once).table)
    assert adopted.table.equals(once)


CELLS = {
    "id": "7",
    "class_label": "WEATHER",
    "decision": "relabel",
    "new_label": "SPORT",
    "reviewer": " ann ",
    "reviewed_at": "2026-03-01T13:30:00+01:30",
    "note": "",
}
PLACE = Place("a.csv", 3, "line 3")


def test_a_record_becomes_a_decision_with_its_time_in_utc():
    assert parse_decision(PLACE, CELLS) == Decision(7, "WEATHER", "relabel", "SPORT", "ann", NOON, None, PLACE)


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01 12:00+00:00", "2026-03-01T07:00:00-0500"])
def test_times_with_an_offset_are_read(text):
    assert parse_decision(PLACE, CELLS | {"reviewed_at": text}).reviewed_at == NOON


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"id": "7.0"}, "line 3, id: expected an integer of 64 bits, found '7.0'; write the row's id in digits"),
        ({"id": "1_000"}, "id: expected an integer of 64 bits, found '1_000'"),
        ({"id": "٣"}, "id: expected an integer of 64 bits, found '٣'"),
        ({"id": ""}, "id: expected an integer of 64 bits, found none"),
        ({"id": "9223372036854775808"}, "id: expected an integer of 64 bits, found '9223372036854775808'"),
        ({"id": "-9223372036854775809"}, "id: expected an integer of 64 bits"),
        ({"id": "9" * 500}, "id: expected an integer of 64 bits"),
        ({"id": "9" * 5000}, "id: expected at most 1,000 characters, found 5,000"),
        ({"note": "x" * 10_001}, "note: expected at most 10,000 characters, found 10,001"),
        ({"reviewed_at": "9999-12-31T00:00:00Z"}, "reviewed_at: expected a time that has come, found '9999"),
        ({"class_label": ""}, "class_label: expected the label that the reviewer saw, found none"),
        ({"decision": "Keep"}, "decision: expected one of keep, relabel, drop, found 'Keep'; correct it"),
        ({"decision": "=cmd|' /C calc'!A0"}, "decision: expected one of keep, relabel, drop, found"),
        ({"new_label": ""}, "new_label: expected the label to give, found none; write it, or decide keep"),
        ({"decision": "keep"}, "new_label: expected nothing beside keep, found 'SPORT'; remove it"),
        ({"decision": "drop"}, "new_label: expected nothing beside drop, found 'SPORT'; remove it"),
        ({"new_label": "WEATHER"}, "new_label: expected another label than class_label, found 'WEATHER'; decide"),
        ({"reviewer": "  "}, "reviewer: expected who decided, found nobody; write a name"),
        ({"reviewed_at": "2026-03-01T12:00:00"}, "offset from UTC, found '2026-03-01T12:00:00'; write it like"),
        ({"reviewed_at": "2026-03-01"}, "reviewed_at: expected a time in ISO 8601 with its offset from UTC"),
        ({"reviewed_at": "1/3/2026 12:00"}, "reviewed_at: expected a time in ISO 8601"),
        ({"reviewed_at": ""}, "reviewed_at: expected a time in ISO 8601 with its offset from UTC, found none"),
        ({"reviewed_at": "9999-12-31T23:59:59-01:00"}, "reviewed_at: expected a time in ISO 8601"),
        ({"note": "a\0b"}, r"note: expected text without NUL characters or lone surrogates, found 'a\x00b'"),
        ({"note": "\ud83d"}, r"note: expected text without NUL characters or lone surrogates, found '\ud83d'"),
    ],
)
def test_a_record_that_cannot_be_used(cells, message):
    with pytest.raises(InputError) as fault:
        parse_decision(PLACE, CELLS | cells)
    assert str(fault.value).startswith("a.csv, line 3, ")
    assert message in str(fault.value)


@pytest.mark.parametrize("id_", ["9223372036854775807", "-9223372036854775808", "+7", "007"])
def test_ids_of_64_bits_are_exact(id_):
    assert parse_decision(PLACE, CELLS | {"id": id_}).id == int(id_)


def test_a_spreadsheet_formula_is_text():
    formula = "=cmd|' /C calc'!A0"
    decision = parse_decision(PLACE, CELLS | {"note": formula, "new_label": formula, "reviewer": formula})
    assert (decision.note, decision.new_label, decision.reviewer) == (formula, formula, formula)


def test_many_faults_are_named_up_to_a_point():
    faults = [InputError(f"fault {number}") for number in range(1_234)]
    assert str(join_faults(faults)).splitlines() == [
        *[f"fault {number}" for number in range(10)],
        "and 1,224 more",
    ]
    assert str(join_faults(faults[:10])).splitlines() == [f"fault {number}" for number in range(10)]
