"""Label Studio's forms: what it is given, and what comes back; the formats are those that its guide documents."""

import html
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.reviews.label_studio import (
    DROP,
    label_studio_config,
    label_studio_tasks_of,
    parse_export,
)
from text_classification_viz.core.tables import OUTLIER_REPORT

HOSTILE = [
    'A & B <i>"q"</i>',
    "it's 'so'",
    "]]><!-- --> &amp;",
    "❤️ 雪 \U0001f389",
    "$headline",
    "  padded ",
    "two\nlines\tand a tab",
    DROP,
    "a,b;c|d",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
]
TIME = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def report_of(*rows):
    """A report of rows that differ from a mislabelled one in the fields given, ranked as they come."""
    usual = {
        "kind": "mislabelled",
        "score": 0.9,
        "class_label": "SPORT",
        "suggested_label": "WEATHER",
        "candidate_labels": ["WEATHER", "SPORT"],
        "candidate_probabilities": [0.75, 0.125],
        "reason": "The row is like the weather.",
        "tally_labels": [],
        "tally_counts": [],
        "neighbor_ids": [1, 2],
        "neighbor_labels": ["WEATHER", "SPORT"],
        "neighbor_headlines": ["Rain in May", None],
        "neighbor_similarities": [0.9, 0.8],
        "duplicate_of": None,
        "label_conflict": False,
        "headline": "Snow stops play",
        "short_description": "It snowed.",
        "reviewed": False,
    }
    table = [{"id": 10 * rank, "rank": rank, **usual, **row} for rank, row in enumerate(rows, 1)]
    return pa.Table.from_pylist(table, schema=OUTLIER_REPORT)


def result(control, **value):
    kind = "textarea" if control == "note" else "choices"
    return {
        "id": "Dx_aB91ISN",
        "from_name": control,
        "to_name": "headline",
        "type": kind,
        "origin": "manual",
        "value": value,
    }


def annotation(*results, **fields):
    return {
        "id": 1001,
        "completed_by": 10,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-03-01T12:00:00.000000Z",
        "updated_at": "2026-03-01T12:30:00.123456Z",
        "lead_time": 4.288,
        "task": 5,
        **fields,
    }


def task_of(*annotations, **data):
    return {
        "id": 5,
        "data": {"id": 7, "class_label": "SPORT", "headline": "Snow stops play", **data},
        "annotations": list(annotations),
        "predictions": [],
        "project": 83,
    }


def parsed(*exported):
    """Decisions of an export that has no fault, through the JSON that it is stored as."""
    found = list(parse_export("a.json", json.loads(json.dumps(exported))))
    assert not [one for one in found if isinstance(one, InputError)]
    return found


def faults_of(*exported):
    return [str(one) for one in parse_export("a.json", list(exported)) if isinstance(one, InputError)]


def test_the_interface_offers_every_class_and_shows_what_each_task_has():
    view = ET.fromstring(label_studio_config(HOSTILE))
    choices = {control.get("name"): control for control in view.iter("Choices")}
    assert [choice.get("alias") for choice in choices["label"]] == HOSTILE  # what is exported
    assert [html.unescape(choice.get("html")) for choice in choices["label"]] == HOSTILE  # what is shown
    assert not any("<" in choice.get("html") for choice in choices["label"])
    assert choices["label"].get("choice") == "single"
    assert [choice.get("value") for choice in choices["row"]] == [DROP]
    assert [area.get("name") for area in view.iter("TextArea")] == ["note"]
    shown = {text.get("name"): text.get("value") for text in view.iter("Text")}
    assert {control.get("toName") for control in view.iter() if control.get("toName")} <= set(shown)
    (task,) = label_studio_tasks_of(report_of({}), 1)
    assert {value.removeprefix("$") for value in shown.values()} <= set(task["data"])
    assert list(shown) == ["headline", "short_description", "class_label", "reason", "neighbors"]


@pytest.mark.parametrize("label", ["a\0b", "bell \x07", "\ufffe"])
def test_a_class_that_xml_cannot_hold_is_refused(label):
    with pytest.raises(InputError, match=r"class label .*: expected characters that XML can hold, found others"):
        label_studio_config(["SPORT", label])


def test_a_task_carries_the_row_and_the_suggestion():
    (task,) = label_studio_tasks_of(report_of({"short_description": None}), 10)
    assert task == {
        "data": {
            "id": 10,
            "class_label": "SPORT",
            "suggested_label": "WEATHER",
            "kind": "mislabelled",
            "rank": 1,
            "reason": "The row is like the weather.",
            "headline": "Snow stops play",
            "short_description": "(none)",
            "neighbors": "WEATHER: Rain in May\nSPORT: (none)",
        },
        "predictions": [
            {
                "model_version": "outlier_report",
                "score": 0.75,
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "headline",
                        "type": "choices",
                        "value": {"choices": ["WEATHER"]},
                    }
                ],
            }
        ],
    }


def test_tasks_are_the_first_open_rows_whose_label_is_in_question():
    report = report_of(
        {},
        {"reviewed": True},
        {"kind": "atypical", "suggested_label": None},
        {"kind": "ambiguous"},
        {"kind": "contested"},
        {},
    )
    backwards = report.take(list(reversed(range(report.num_rows))))
    assert [task["data"]["id"] for task in label_studio_tasks_of(backwards, 3)] == [10, 40, 50]
    assert [task["data"]["id"] for task in label_studio_tasks_of(backwards, 100)] == [10, 40, 50, 60]
    assert label_studio_tasks_of(report.slice(1, 2), 100) == []


def test_a_suggestion_that_is_no_candidate_has_no_score():
    row = {"candidate_labels": ["SPORT"], "candidate_probabilities": [0.5]}
    (task,) = label_studio_tasks_of(report_of(row), 1)
    assert task["predictions"][0]["score"] is None


@pytest.mark.parametrize(
    ("results", "decision", "new_label"),
    [
        ([result("label", choices=["SPORT"])], "keep", None),
        ([result("label", choices=["WEATHER"])], "relabel", "WEATHER"),
        ([result("label", choices=["WEATHER"]), result("row", choices=[DROP])], "drop", None),
        ([result("row", choices=[DROP])], "drop", None),
    ],
)
def test_what_an_annotation_decides(results, decision, new_label):
    (found,) = parsed(task_of(annotation(*results)))
    assert (found.id, found.class_label, found.decision, found.new_label) == (7, "SPORT", decision, new_label)
    assert (found.reviewer, found.reviewed_at, found.note) == ("annotator 10", TIME, None)
    assert str(found.place) == "a.json, task 5, annotation 1001"


@pytest.mark.parametrize(
    ("completed_by", "reviewer"),
    [
        (3, "annotator 3"),
        ({"id": 3, "email": "ann@example.org", "first_name": "", "last_name": ""}, "ann@example.org"),
        ({"id": 3, "email": ""}, "annotator 3"),
    ],
)
def test_who_annotated(completed_by, reviewer):
    (found,) = parsed(task_of(annotation(result("label", choices=["SPORT"]), completed_by=completed_by)))
    assert found.reviewer == reviewer


def test_the_time_is_that_of_the_last_change():
    never_changed = annotation(result("label", choices=["SPORT"]), updated_at=None)
    (found,) = parsed(task_of(never_changed))
    assert found.reviewed_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_notes_are_kept():
    noted = annotation(result("label", choices=["SPORT"]), result("note", text=["see\nthis", "<b>&"]))
    (found,) = parsed(task_of(noted))
    assert found.note == "see\nthis\n<b>&"


def test_each_annotator_of_a_task_is_a_reviewer():
    votes = [
        annotation(result("label", choices=[label]), completed_by=number) for number, label in enumerate("ABCDE")
    ]
    found = parsed(task_of(*votes), task_of(votes[0]))
    assert [(one.reviewer, one.new_label) for one in found[:5]] == [
        ("annotator 0", "A"),
        ("annotator 1", "B"),
        ("annotator 2", "C"),
        ("annotator 3", "D"),
        ("annotator 4", "E"),
    ]
    assert [one.place.position for one in found] == [1, 2, 3, 4, 5, 6]


def test_cancelled_annotations_and_tasks_without_any_are_left_out():
    cancelled = annotation(was_cancelled=True)
    assert parsed(task_of(), task_of(cancelled)) == []


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_and_headlines_come_back_as_they_left(label):
    row = {
        "id": -(2**63),
        "class_label": label,
        "suggested_label": label + "!",
        "headline": label,
        "neighbor_headlines": [label, None],
    }
    (task,) = json.loads(json.dumps(label_studio_tasks_of(report_of(row), 1), ensure_ascii=False))
    assert task["data"]["headline"] == label
    suggestion = task["predictions"][0]["result"]
    kept = [result("label", choices=[label])]
    exported = {"id": 1, **task, "annotations": [annotation(*suggestion), annotation(*kept)]}
    accepted, refused = parsed(exported)
    assert (accepted.id, accepted.class_label) == (-(2**63), label)
    assert (accepted.decision, accepted.new_label) == ("relabel", label + "!")
    assert (refused.decision, refused.new_label) == ("keep", None)


LABELLED = result("label", choices=["SPORT"])


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (7, "a.json, task no. 1: expected a task, found int; export the project from Label Studio again"),
        ({"id": 5, "label": "SPORT"}, "a.json, task 5: expected an object as data, found none; export the"),
        ({"id": 5, "data": {}}, "a.json, task 5: expected a list of annotations, found none"),
        (task_of("x"), "a.json, task 5, annotation no. 1: expected an annotation, found str"),
        (task_of(annotation(result=None)), "annotation 1001: expected a list as result, found none"),
        (task_of(annotation()), "annotation 1001, label: expected one label, found none; choose it in Label"),
        (task_of(annotation(result("label", choices=["A", "B"]))), "label: expected one label, found ['A', 'B']"),
        (task_of(annotation(result("label", choices="A"))), "expected a list as choices of label, found str"),
        (task_of(annotation(result("label", choices=[1]))), "expected texts as choices of label, found int"),
        (task_of(annotation({"from_name": "label"})), "expected an object as value of label, found none"),
        (task_of(annotation(LABELLED, result("row", choices=["?"]))), "row: expected nothing or 'drop this row'"),
        (task_of(annotation(LABELLED), id=None), "task 5, annotation 1001, id: expected an integer of 64 bits"),
        (task_of(annotation(LABELLED), id=7.5), "id: expected an integer of 64 bits, found '7.5'"),
        (task_of(annotation(LABELLED), class_label=None), "class_label: expected the label that the reviewer saw"),
        (task_of(annotation(LABELLED, completed_by=None)), "reviewer: expected who decided, found nobody"),
        (task_of(annotation(LABELLED, updated_at="now")), "reviewed_at: expected a time in ISO 8601"),
        (task_of(annotation(LABELLED, updated_at=5)), "reviewed_at: expected a time in ISO 8601"),
    ],
)
def test_what_is_malformed_is_named_by_its_task(task, message):
    (fault,) = faults_of(task)
    assert fault.startswith("a.json, task ")
    assert message in fault


def test_faults_are_told_beside_what_can_be_read():
    found = list(parse_export("a.json", [7, task_of(annotation(LABELLED), annotation())]))
    assert [isinstance(one, InputError) for one in found] == [True, False, True]


def test_results_of_other_controls_may_be_anything():
    odd = [{"type": "relation"}, {"from_name": "stars", "value": 5}, "x"]
    (found,) = parsed(task_of(annotation(*odd, LABELLED)))
    assert found.decision == "keep"
