"""People's decisions about labels: which one stands for each row, and the training table with them applied.

Scope: what a decision is, and what the training set makes of it. Finding and reading files is for
`storage.review_files`, what Label Studio writes for `core.label_studio`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import MAX_LABEL
from text_classification_viz.core.tables import DECISIONS, REVIEWED_LABELS, TRAIN

FAULTS_NAMED = 10  # before a message says "and N more"
INTEGER = re.compile(r"[+-]?[0-9]{1,19}")  # int() would take 1_000 as well
NOT_TEXT = re.compile("[\0\ud800-\udfff]")
INT64 = np.iinfo(np.int64)
MAX_LENGTHS = dict.fromkeys(REVIEWED_LABELS.names, MAX_LABEL) | {"note": 10_000}  # characters of a field
CLOCKS_DIFFER = timedelta(days=1)
CORRECT_IT = "correct it and run this again"


@dataclass(frozen=True, order=True)
class Place:
    """Where a decision was read; of two places in one file, the later is the greater.

    Attributes
    ----------
    file
        As it was opened, for messages.
    position
        Line, or number of the annotation; from 1.
    record
        What people call it: "line 3".
    """

    file: str
    position: int
    record: str

    def __str__(self) -> str:
        return f"{self.file}, {self.record}"

    def fault(self, expected: str, found: str, remedy: str = CORRECT_IT, field: str | None = None) -> InputError:
        """Make the error that says what is wrong here."""
        place = f"{self}, {field}" if field else str(self)
        return InputError(f"{place}: expected {expected}, found {found}; {remedy}")


@dataclass(frozen=True)
class Decision:
    """What one reviewer decided about one row; the fields are those of `REVIEWED_LABELS`, and where it stood."""

    id: int
    class_label: str
    decision: str
    new_label: str | None
    reviewer: str
    reviewed_at: datetime
    note: str | None
    place: Place

    @property
    def wanted_label(self) -> str | None:
        """The label that the row is to have; None where it is to be dropped."""
        return {"keep": self.class_label, "relabel": self.new_label, "drop": None}[self.decision]

    @property
    def recency(self) -> tuple[datetime, Place]:
        """The greater, the newer: by time, and of equal times by file name, then by place in the file."""
        return self.reviewed_at, self.place

    def fits(self, class_label: str) -> bool:
        """Whether it speaks of a row that now has `class_label`: the label seen, or already the new one."""
        return class_label in (self.class_label, self.new_label)


@dataclass(frozen=True)
class SetAside:
    """A decision that was the newest of its row and is not applied, and why."""

    decision: Decision
    reason: str


@dataclass(frozen=True)
class Conflict:
    """A row that reviewers want different things for: the newest decision of each, the oldest of them first."""

    decisions: tuple[Decision, ...]

    @property
    def winner(self) -> Decision:
        """The one that is applied."""
        return self.decisions[-1]


@dataclass(frozen=True)
class SettledReviews:
    """What the decisions come to.

    Attributes
    ----------
    table
        One row for each row of the training set that is decided, schema `REVIEWED_LABELS`, by id.
    set_aside
        Decisions that the training set has overtaken, by id.
    conflicts
        Rows of `table` on which reviewers differ, by id.
    """

    table: pa.Table
    set_aside: tuple[SetAside, ...]
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class CorrectedTrainingSet:
    """The training set with decisions applied.

    Attributes
    ----------
    table
        Schema `TRAIN`, in the order of the training set. `embedding_row` still points into `train_vectors`, so
        it skips the rows that were dropped.
    relabeled
        Rows by (old label, new label).
    dropped
        Rows by label.
    """

    table: pa.Table
    relabeled: Counter[tuple[str, str]]
    dropped: Counter[str]


def parse_decision(place: Place, cells: Mapping[str, str]) -> Decision:
    """Check one record and give its fields their types.

    Parameters
    ----------
    place
        Where it stands.
    cells
        Text of each field of `REVIEWED_LABELS`; empty where there is none.

    Raises
    ------
    InputError
        The first field that cannot be used.
    """
    for field, text in cells.items():
        if len(text) > MAX_LENGTHS[field]:
            raise place.fault(f"at most {MAX_LENGTHS[field]:,} characters", f"{len(text):,}", field=field)
        if NOT_TEXT.search(text):
            raise place.fault("text without NUL characters or lone surrogates", _shown(text), field=field)
    id_, class_label, decision = cells["id"], cells["class_label"], cells["decision"]
    new_label, reviewer, reviewed_at = cells["new_label"], cells["reviewer"], cells["reviewed_at"]
    if not INTEGER.fullmatch(id_) or not INT64.min <= int(id_) <= INT64.max:
        raise place.fault("an integer of 64 bits", _shown(id_), "write the row's id in digits", "id")
    if not class_label:
        raise place.fault("the label that the reviewer saw", "none", field="class_label")
    if decision not in DECISIONS:
        raise place.fault(f"one of {', '.join(DECISIONS)}", _shown(decision), field="decision")
    if decision == "relabel" and not new_label:
        raise place.fault("the label to give", "none", "write it, or decide keep or drop", "new_label")
    if decision != "relabel" and new_label:
        raise place.fault(f"nothing beside {decision}", _shown(new_label), "remove it, or relabel", "new_label")
    if new_label == class_label:
        raise place.fault("another label than class_label", _shown(new_label), "decide keep", "new_label")
    if not reviewer.strip():
        raise place.fault("who decided", "nobody", "write a name", "reviewer")
    return Decision(
        int(id_),
        class_label,
        decision,
        new_label or None,
        reviewer.strip(),
        _parse_time(place, reviewed_at),
        cells["note"] or None,
        place,
    )


def settle(decisions: Sequence[Decision], train_df: pa.Table) -> SettledReviews:
    """Let the newest decision on each row stand, whoever made it, and compare it with the training set.

    Rows come and go upstream, and labels change there. A standing decision on a row that is gone, on a label that
    is no longer the row's, or for a label that no row has, is set aside, and its row is open again. One whose new
    label the row has by now is adopted: it is in the table as `keep` of that label by the same reviewer, so that
    applying it changes nothing and the row still counts as decided.

    Reviewers are in conflict where the newest decision of each would leave the row with different labels;
    decisions that no longer fit the row are no part of that.

    Parameters
    ----------
    decisions
        In any order.
    train_df
        Schema `TRAIN`.
    """
    label_of = dict(zip(train_df["id"].to_pylist(), train_df["class_label"].to_pylist(), strict=True))
    known = set(label_of.values())
    labels = {label.lower(): label for label in sorted(known)} | {label: label for label in known}
    newest: dict[int, dict[str, Decision]] = {}  # by id, then by reviewer
    for decision in sorted(decisions, key=lambda decision: decision.recency):
        newest.setdefault(decision.id, {})[decision.reviewer] = decision

    standing: list[Decision] = []
    set_aside, conflicts = [], []
    for id_, by_reviewer in sorted(newest.items()):
        oldest_first = sorted(by_reviewer.values(), key=lambda decision: decision.recency)
        decision, label = oldest_first[-1], label_of.get(id_)
        if reason := _why_not(decision, label, labels):
            set_aside.append(SetAside(decision, reason))
        else:
            standing.append(decision)
            fitting = tuple(decision for decision in oldest_first if not _why_not(decision, label, labels))
            if len({decision.wanted_label for decision in fitting}) > 1:
                conflicts.append(Conflict(fitting))
    rows = [_row(decision, label_of[decision.id]) for decision in standing]
    table = pa.Table.from_pylist(rows, schema=REVIEWED_LABELS)
    return SettledReviews(table, tuple(set_aside), tuple(conflicts))


def apply_reviews(train_df: pa.Table, reviewed: pa.Table) -> CorrectedTrainingSet:
    """Apply decisions to the training set: new labels with their categories, and rows left out.

    Parameters
    ----------
    train_df
        Schema `TRAIN`.
    reviewed
        Schema `REVIEWED_LABELS`, settled against `train_df`. Applying it a second time changes nothing.
    """
    decision_of_row = pc.index_in(train_df["id"], reviewed["id"])
    dropped = pc.equal(reviewed["decision"].take(decision_of_row), "drop").fill_null(False)
    old_labels = train_df["class_label"]
    labels = pc.coalesce(reviewed["new_label"].take(decision_of_row), old_labels)
    category_of = dict(zip(old_labels.to_pylist(), train_df["category"].to_pylist(), strict=True))
    categories = [category_of[label] for label in labels.to_pylist()]
    columns = {
        **{name: train_df[name] for name in TRAIN.names},
        "class_label": labels,
        "category": pa.array(categories, pa.string()),
    }
    changed = pc.not_equal(labels, old_labels)
    return CorrectedTrainingSet(
        pa.table(columns, schema=TRAIN).filter(pc.invert(dropped)),
        Counter(zip(old_labels.filter(changed).to_pylist(), labels.filter(changed).to_pylist(), strict=True)),
        Counter(old_labels.filter(dropped).to_pylist()),
    )


def join_faults(faults: Sequence[InputError]) -> InputError:
    """Make one error of several, a line for each."""
    lines = [str(fault) for fault in faults[:FAULTS_NAMED]]
    more = len(faults) - FAULTS_NAMED
    return InputError(*lines, *([f"and {more:,} more"] if more > 0 else []))


def _shown(text: str) -> str:
    return repr(text)[:80] if text else "none"


def _parse_time(place: Place, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError("no offset")
        utc = time.astimezone(UTC)
    except (ValueError, OverflowError):  # years before 1 and after 9999
        raise place.fault(
            "a time in ISO 8601 with its offset from UTC",
            _shown(text),
            "write it like 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00",
            "reviewed_at",
        ) from None
    if utc - datetime.now(UTC) > CLOCKS_DIFFER:  # it would be the newest for ever
        raise place.fault("a time that has come", _shown(text), "set the clock, or write the time", "reviewed_at")
    return utc


def _why_not(decision: Decision, label: str | None, labels: Mapping[str, str]) -> str | None:
    """Why a decision does not fit a row that has `label` now, None being no such row; None where it fits.

    `labels` names each label by itself and, unless that is one too, by its lower case.
    """
    if label is None:
        return "the training set has no such row"
    if not decision.fits(label):
        return f"the row's label was {decision.class_label} when it was reviewed and is {label} now"
    wanted = decision.new_label
    if wanted is None or labels.get(wanted) == wanted:
        return None
    close = labels.get(wanted.lower())
    return f"the training set has no label {wanted!r}" + (f"; did you mean {close!r}?" if close else "")


def _row(decision: Decision, class_label: str) -> dict[str, object]:
    row = {name: getattr(decision, name) for name in REVIEWED_LABELS.names}
    if decision.new_label == class_label:
        row |= {"class_label": class_label, "decision": "keep", "new_label": None}
    return row
