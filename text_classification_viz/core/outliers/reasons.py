"""Why each row is listed, in one plain sentence.

Scope: words. What they say was found elsewhere, and which of it counts is decided by the row's kind.
"""

from collections.abc import Callable
from datetime import datetime

import numpy as np

from text_classification_viz.core.outliers.ambiguity import PRESENT
from text_classification_viz.core.outliers.findings import Findings

CLASSES_NAMED = 3  # of those among the nearest rows, and the row's own
CONFLICT = " A near-duplicate of it has another label."


def reasons(findings: Findings, kinds: np.ndarray) -> list[str]:
    """Sentence of each row; `kinds` (n,) are their kinds."""
    sentences = []
    for row, kind in enumerate(kinds.tolist()):
        sentence = _SENTENCES[kind](findings, row)
        is_told = kind == "near_duplicate" or not findings.duplicates.conflicts[row]
        sentences.append(sentence if is_told else sentence + CONFLICT)
    return sentences


def label_among_neighbors(label: int, tally: np.ndarray, classes: np.ndarray) -> str:
    """The label and the most frequent ones of the nearest rows, without the final stop.

    Parameters
    ----------
    label
        Position in `classes`.
    tally
        How many of the nearest rows have each label, int (K,).
    """
    named = [class_ for class_ in np.argsort(-tally, kind="stable")[:CLASSES_NAMED] if tally[class_]]
    if tally[label] and label not in named:
        named.append(label)
    first, *others = named
    sentence = f"Labeled {classes[label]}; of its {tally.sum()} nearest rows {tally[first]} are {classes[first]}"
    return sentence + "".join(f", {tally[class_]} {classes[class_]}" for class_ in others)


def reason_of_decision(
    decision: str, class_label: str, new_label: str | None, reviewer: str, reviewed_at: datetime, **_: object
) -> str:
    """Sentence for a row that a reviewer has decided on; the arguments are columns of `REVIEWED_LABELS`."""
    done = {
        "keep": f"{class_label} was confirmed",
        "relabel": f"{class_label} was changed to {new_label}",
        "drop": "The row was dropped",
    }
    return f"{done[decision]} by {reviewer} on {reviewed_at:%Y-%m-%d}."


def _another_label(findings: Findings, row: int) -> str:
    """The neighbors, and where another class than the suggested one leads among them, the probabilities."""
    label, suggested, tally = findings.labels[row], findings.noise.suggested[row], findings.tally[row]
    other = findings.classes[suggested]
    sentence = label_among_neighbors(label, tally, findings.classes)
    likely = findings.noise.true_probabilities[row]
    if tally.argmax() == suggested:
        return f"{sentence}."
    if likely[suggested] > likely[label]:
        return (
            f"{sentence}; by all rows together {other} is likelier "
            f"({likely[suggested]:.0%} against {likely[label]:.0%})."
        )
    share = findings.noise.given_probabilities[row, label]
    return f"{sentence}; rows like it have that label in {share:.0%} of cases."


def _two_topics(findings: Findings, row: int) -> str:
    label, strengths = findings.labels[row], findings.strengths[row]
    others = [topic for topic in np.argsort(-strengths) if topic != label and strengths[topic] >= PRESENT]
    names = [f"{findings.classes[topic]} ({strengths[topic]:.0%})" for topic in others]
    return f"Labeled {findings.classes[label]}, and likely about {_join(names)} as well."


def _unlike_the_rest(findings: Findings, row: int) -> str:
    by_neighbors, by_spread = findings.unlikeness[row]
    larger = max(by_neighbors, by_spread)
    n_rows = len(findings.ids)
    exceptions = n_rows - 1 - round(larger * n_rows)
    than = f"any other row's but {exceptions:,}" if exceptions else "any other row's"
    if by_neighbors < by_spread:
        return f"Unlike the rest: its distance from the middle of the typical rows is larger than {than}."
    similarity, usual = findings.similarity_to_nearest[row], findings.usual_similarity
    return (
        f"Unlike the rest: its distance from its nearest rows is larger than {than} "
        f"(similarity {similarity:.2f}, where {usual:.2f} is usual)."
    )


def _copy(findings: Findings, row: int) -> str:
    representative = findings.duplicates.representatives[row]
    others = "other labels" if findings.duplicates.conflicts[row] else "the same label"
    if representative == row:
        return f"Other rows say the same under {others}."
    return f"Says the same as row {findings.ids[representative]}; the group has {others}."


def _nothing(findings: Findings, row: int) -> str:
    label, tally = findings.labels[row], findings.tally[row]
    return f"Labeled {findings.classes[label]}, as are {tally[label]} of its {tally.sum()} nearest rows."


def _join(names: list[str]) -> str:
    """As a list in a sentence: "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


_SENTENCES: dict[str, Callable[[Findings, int], str]] = {
    "mislabelled": _another_label,
    "contested": _another_label,
    "ambiguous": _two_topics,
    "atypical": _unlike_the_rest,
    "near_duplicate": _copy,
    "uninformative": lambda findings, row: "Has hardly any words to judge a label by.",
    "none": _nothing,
}
