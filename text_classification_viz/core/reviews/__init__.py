"""What people decided about labels, and what their decisions are worth.

Scope: `decisions` settles which decision on a row stands, `label_studio` translates Label Studio's files, and
`gain` estimates what a review is worth.
"""

from text_classification_viz.core.reviews.decisions import (
    Conflict,
    Decision,
    Place,
    SetAside,
    apply_reviews,
    join_faults,
    parse_decision,
    settle,
)
from text_classification_viz.core.reviews.gain import estimate_review_gain
from text_classification_viz.core.reviews.label_studio import (
    label_studio_config,
    label_studio_tasks_of,
    parse_export,
)

__all__ = [
    "Conflict",
    "Decision",
    "Place",
    "SetAside",
    "apply_reviews",
    "estimate_review_gain",
    "join_faults",
    "label_studio_config",
    "label_studio_tasks_of",
    "parse_decision",
    "parse_export",
    "settle",
]
