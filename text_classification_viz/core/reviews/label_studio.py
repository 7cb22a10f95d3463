"""Exchange with Label Studio: rows to review as tasks, and annotations back as decisions.

Scope: the forms of Label Studio's labeling interface, tasks and full JSON export
(https://labelstud.io/guide/task_format). Which decisions stand is for `core.reviews` to say.
"""

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.reviews.decisions import Decision, Place, parse_decision
from text_classification_viz.core.tables import QUESTIONS_THE_LABEL

T = TypeVar("T")

MODEL_VERSION = "outlier_report"
# Names of the controls, which tie an annotation's results to their meaning.
LABEL, ROW, NOTE = "label", "row", "note"
ANNOTATED = "headline"  # the object that all controls refer to
DROP = "drop this row"
# Fields of a task's data that are shown, each under its heading.
SHOWN = {
    "headline": "Headline",
    "short_description": "Description",
    "class_label": "Present label",
    "reason": "Why it is listed",
    "neighbors": "Nearest rows, each with its label",
}
NO_TEXT = "(none)"  # Label Studio asks for each field that is shown
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
MAX_ID = 40  # characters of a task's id, which all its decisions carry
EXPORT_AGAIN = "export the project from Label Studio again, in the format JSON (not JSON-MIN)"


def label_studio_config(classes: Sequence[str]) -> str:
    """Make the labeling interface, as XML: the row, why it is listed, and a choice of `classes`.

    Raises
    ------
    InputError
        A class with characters that XML cannot hold.
    """
    view = ET.Element("View")
    for field, heading in SHOWN.items():
        ET.SubElement(view, "Header", value=heading)
        ET.SubElement(view, "Text", name=field, value=f"${field}")
    ET.SubElement(view, "Header", value="Right label; the present one to keep it")
    # Required, so that nothing is submitted by mistake; where a row is dropped its label does not matter.
    label = ET.SubElement(
        view,
        "Choices",
        name=LABEL,
        toName=ANNOTATED,
        choice="single",
        showInline="true",
        required="true",
        requiredMessage="Choose a label: the present one to keep it, any if you drop the row",
    )
    for class_ in classes:
        if NOT_IN_XML.search(class_):
            raise InputError(
                f"class label {class_!r}: expected characters that XML can hold, found others; rename it upstream"
            )
        # Label Studio fills in $names in a value; what it shows is the html, and what it exports the alias.
        ET.SubElement(label, "Choice", value=class_, alias=class_, html=html.escape(class_))
    row = ET.SubElement(view, "Choices", name=ROW, toName=ANNOTATED, choice="single")
    ET.SubElement(row, "Choice", value=DROP)
    ET.SubElement(view, "TextArea", name=NOTE, toName=ANNOTATED, placeholder="Note", rows="2", maxSubmissions="1")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def label_studio_tasks_of(outlier_report: pa.Table, max_tasks: int) -> list[dict[str, Any]]:
    """Make tasks of the rows whose label is in question and that nobody has decided on, by rank.

    Parameters
    ----------
    outlier_report
        Schema `OUTLIER_REPORT`; the kind tells whether a label is in question.
    max_tasks
        The most to make.

    Returns
    -------
    list of dict
        As Label Studio imports them: what is shown and what leads back to the row as `data`, and the suggested
        label as a prediction, with how likely the row is given it.
    """
    questioned = pc.is_in(outlier_report["kind"], pa.array(QUESTIONS_THE_LABEL))
    is_open = pc.and_(questioned, pc.invert(outlier_report["reviewed"]))
    rows = outlier_report.filter(is_open).sort_by("rank").slice(0, max_tasks).to_pylist()
    return [{"data": _data(row), "predictions": [_prediction(row)]} for row in rows]


def parse_export(file: str, export: object) -> Iterator[Decision | InputError]:
    """Give the decision of each submitted annotation, or the error that says what is wrong with it.

    The label that the task came with is kept if it was chosen, another one replaces it, and a row that is
    to be dropped is dropped whatever its label. Cancelled annotations and tasks without any are left out.

    Parameters
    ----------
    file
        Where the export was read, for messages.
    export
        The JSON that Label Studio exports in full, parsed.

    Raises
    ------
    InputError
        The export is no list of tasks.
    """
    if not isinstance(export, list):
        raise InputError(
            f"{file}: expected a list of Label Studio's tasks, found {type(export).__name__}; {EXPORT_AGAIN}"
        )
    position = 0
    for number, task in enumerate(export, 1):
        record = _name("task", task, number)
        try:
            data, annotations = _parts(Place(file, position, record), task)
        except InputError as fault:
            yield fault
            continue
        for annotation_number, annotation in enumerate(annotations, 1):
            position += 1
            place = Place(file, position, f"{record}, {_name('annotation', annotation, annotation_number)}")
            try:
                if not _checked(place, annotation, dict, "an annotation").get("was_cancelled"):
                    yield parse_decision(place, _cells(place, data, annotation))
            except InputError as fault:
                yield fault


def _data(row: dict[str, Any]) -> dict[str, Any]:
    neighbors = zip(row["neighbor_labels"], row["neighbor_headlines"], strict=True)
    return {
        **{name: row[name] for name in ("id", "class_label", "suggested_label", "kind", "rank", "reason")},
        "headline": row["headline"] or NO_TEXT,
        "short_description": row["short_description"] or NO_TEXT,
        "neighbors": "\n".join(f"{label}: {headline or NO_TEXT}" for label, headline in neighbors) or NO_TEXT,
    }


def _prediction(row: dict[str, Any]) -> dict[str, Any]:
    probability_of = dict(zip(row["candidate_labels"], row["candidate_probabilities"], strict=True))
    suggested = row["suggested_label"]
    return {
        "model_version": MODEL_VERSION,
        "score": probability_of.get(suggested),  # null for one that is suggested and yet no candidate
        "result": [
            {"from_name": LABEL, "to_name": ANNOTATED, "type": "choices", "value": {"choices": [suggested]}}
        ],
    }


def _name(kind: str, value: object, number: int) -> str:
    """What to call a task or an annotation: by its id, as Label Studio does, or else its number in the list."""
    id_ = value.get("id") if isinstance(value, dict) else None
    return f"{kind} {id_}" if isinstance(id_, int | str) and len(str(id_)) <= MAX_ID else f"{kind} no. {number}"


def _parts(place: Place, task: object) -> tuple[dict, list]:
    """`data` and `annotations` of a task."""
    fields = _checked(place, task, dict, "a task")
    return (
        _checked(place, fields.get("data"), dict, "an object as data"),
        _checked(place, fields.get("annotations"), list, "a list of annotations"),
    )


def _cells(place: Place, data: dict, annotation: dict) -> dict[str, str]:
    """The fields of a decision, as the text that a CSV file would have."""
    results = _checked(place, annotation.get("result"), list, "a list as result")
    chosen = _values(place, results, LABEL, "choices")
    dropped = _values(place, results, ROW, "choices")
    class_label = _text(place, data.get("class_label"), "text as class_label")
    if dropped not in ([], [DROP]):
        raise place.fault(f"nothing or {DROP!r}", repr(dropped)[:80], EXPORT_AGAIN, ROW)
    if not dropped and len(chosen) != 1:
        found = repr(chosen)[:80] if chosen else "none"
        raise place.fault("one label", found, "choose it in Label Studio and export again", LABEL)
    decision = "drop" if dropped else "keep" if chosen == [class_label] else "relabel"
    return {
        "id": _text(place, data.get("id"), "a number as id"),
        "class_label": class_label,
        "decision": decision,
        "new_label": chosen[0] if decision == "relabel" else "",
        "reviewer": _reviewer(place, annotation.get("completed_by")),
        "reviewed_at": _text(place, annotation.get("updated_at") or annotation.get("created_at"), "a time"),
        "note": "\n".join(_values(place, results, NOTE, "text")),
    }


def _values(place: Place, results: list, control: str, key: str) -> list[str]:
    """All texts that a control has in the results of an annotation; results of other controls may be anything."""
    values: list[str] = []
    for result in results:
        if isinstance(result, dict) and result.get("from_name") == control:
            value = _checked(place, result.get("value"), dict, f"an object as value of {control}")
            texts = _checked(place, value.get(key), list, f"a list as {key} of {control}")
            values.extend(_checked(place, text, str, f"texts as {key} of {control}") for text in texts)
    return values


def _reviewer(place: Place, completed_by: object) -> str:
    """E-mail address of who annotated, where the export has it, or else the number of the account."""
    account = completed_by if isinstance(completed_by, dict) else {"id": completed_by}
    email, number = (_text(place, account.get(name), f"text or a number as {name}") for name in ("email", "id"))
    return email or (number and f"annotator {number}")


def _text(place: Place, value: object, expected: str) -> str:
    return "" if value is None else str(_checked(place, value, (str, int, float), expected))


def _checked(place: Place, value: object, type_: type[T] | tuple[type[T], ...], expected: str) -> T:
    if not isinstance(value, type_):
        raise place.fault(expected, "none" if value is None else type(value).__name__, EXPORT_AGAIN)
    return value
