"""Which kind each row of the report has: the one place where that is decided."""

import numpy as np

from text_classification_viz.core.label_model import likeliest_wrong
from text_classification_viz.core.outliers.ambiguity import TWO_TOPICS
from text_classification_viz.core.outliers.findings import Findings

# The first kind that applies is a row's kind. Labels come first, being what the report is for; then the kinds
# that no other column shows; then copies (`duplicate_of`) and two topics (`candidate_labels`), which a row of
# an earlier kind shows as well.
KIND_PRECEDENCE = (
    "mislabelled",
    "contested",
    "uninformative",
    "atypical",
    "near_duplicate",
    "ambiguous",
    "none",
)


def assign_kinds(findings: Findings) -> np.ndarray:
    """Kind of each row, (n,): the first of `KIND_PRECEDENCE` that applies; `none` where somebody has decided."""
    rows, labels, noise = np.arange(len(findings.labels)), findings.labels, findings.noise
    suggestion_wins = noise.true_probabilities[rows, noise.suggested] > noise.true_probabilities[rows, labels]
    applies = {
        "mislabelled": likeliest_wrong(noise.wrong_log_odds, findings.n_wrong_expected) & suggestion_wins,
        "contested": ~findings.candidates[rows, labels],
        "uninformative": findings.uninformative,
        "atypical": findings.atypical,
        "near_duplicate": findings.is_copy | findings.duplicates.conflicts,
        "ambiguous": findings.two_topics >= TWO_TOPICS,
        "none": np.ones(len(rows), dtype=bool),
    }
    kinds = np.array(KIND_PRECEDENCE)[np.argmax([applies[kind] for kind in KIND_PRECEDENCE], axis=0)]
    kinds[findings.decided] = "none"
    return kinds
