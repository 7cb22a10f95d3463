"""The columns of every published table: names, types and order are a contract with consumers.

Scope: schemas, and nothing that computes. A change of a schema is a change of the contract and shows
in review as a change of this file.
"""

import pyarrow as pa

TRAIN = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("class_label", pa.string(), nullable=False),
        pa.field("headline", pa.string()),
        pa.field("short_description", pa.string()),
        pa.field("embedding_row", pa.int64(), nullable=False),
    ]
)

# What each kind says of a row. How a row gets its kind: `core/outliers/kinds.py`.
KIND_MEANINGS = {
    "mislabelled": "The label is likely wrong",
    "contested": "The label is not among the likely ones",
    "ambiguous": "Likely about a second topic as well",
    "atypical": "Unlike all other rows",
    "near_duplicate": "Says the same as another row",
    "uninformative": "Hardly any words to judge by",
    "none": "Nothing speaks against the label",
}
OUTLIER_KINDS = tuple(KIND_MEANINGS)

SUSPECTS = ("mislabelled", "contested")  # the kinds whose label is likely another
QUESTIONS_THE_LABEL = (*SUSPECTS, "ambiguous")

EVIDENCE_NEIGHBORS = 5
EVIDENCE_CHARACTERS = 300  # of a neighbor's headline

OUTLIER_REPORT = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("class_label", pa.string(), nullable=False),
        pa.field("suggested_label", pa.string()),
        pa.field("candidate_labels", pa.list_(pa.string()), nullable=False),
        pa.field("candidate_probabilities", pa.list_(pa.float32()), nullable=False),
        pa.field("two_topics", pa.float32(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("tally_labels", pa.list_(pa.string()), nullable=False),
        pa.field("tally_counts", pa.list_(pa.int32()), nullable=False),
        pa.field("neighbor_ids", pa.list_(pa.int64()), nullable=False),
        pa.field("neighbor_labels", pa.list_(pa.string()), nullable=False),
        pa.field("neighbor_headlines", pa.list_(pa.string()), nullable=False),
        pa.field("neighbor_similarities", pa.list_(pa.float32()), nullable=False),
        pa.field("duplicate_of", pa.int64()),
        pa.field("label_conflict", pa.bool_(), nullable=False),
        pa.field("headline", pa.string()),
        pa.field("short_description", pa.string()),
        pa.field("reviewed", pa.bool_(), nullable=False),
    ]
)

CLASS_OVERLAP = pa.schema(
    [
        pa.field("class_a", pa.string(), nullable=False),
        pa.field("class_b", pa.string(), nullable=False),
        pa.field("overlap", pa.float64(), nullable=False),
        pa.field("share_b_near_a", pa.float64(), nullable=False),
        pa.field("share_a_near_b", pa.float64(), nullable=False),
        pa.field("share_of_a_labelled_b", pa.float64(), nullable=False),
        pa.field("share_of_b_labelled_a", pa.float64(), nullable=False),
        pa.field("rows_mistaken", pa.float64(), nullable=False),
        pa.field("advice", pa.string()),
    ]
)

ROW_CHANGES = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("class_label", pa.string(), nullable=False),
        pa.field("headline", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("x", pa.float32()),
        pa.field("y", pa.float32()),
        pa.field("changes", pa.list_(pa.string()), nullable=False),
        pa.field("moved_percent", pa.float32()),
    ]
)

REVIEW_GAIN = pa.schema(
    [
        pa.field("treatment", pa.string(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
        pa.field("macro_f1", pa.float64(), nullable=False),
        pa.field("gain", pa.float64(), nullable=False),
        pa.field("standard_error", pa.float64(), nullable=False),
    ]
)

NEW_ROWS = pa.schema([field if field.name == "id" else field.with_nullable(True) for field in TRAIN][:-1])

NEW_ROW_KINDS = ("mislabelled", "new_class", "atypical", "near_duplicate", "none")

NEW_ROWS_REPORT = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("score", pa.float32()),
        pa.field("class_label", pa.string()),
        pa.field("suggested_label", pa.string()),
        pa.field("suggested_probability", pa.float32()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("distance_percentile", pa.float32(), nullable=False),
        pa.field("duplicate_of", pa.int64()),
        pa.field("label_conflict", pa.bool_(), nullable=False),
        pa.field("headline", pa.string()),
        pa.field("short_description", pa.string()),
    ]
)

CLASS_MIX = pa.schema(
    [
        pa.field("class_label", pa.string(), nullable=False),
        pa.field("training_rows", pa.int64(), nullable=False),
        pa.field("new_rows", pa.int64(), nullable=False),
        pa.field("training_share", pa.float64(), nullable=False),
        pa.field("new_share", pa.float64(), nullable=False),
        pa.field("z_score", pa.float64()),
        pa.field("change", pa.string()),
        pa.field("rows_mislabelled", pa.int64(), nullable=False),
        pa.field("far_share", pa.float64()),
        pa.field("thinly_covered", pa.bool_(), nullable=False),
    ]
)

DECISIONS = ("keep", "relabel", "drop")

REVIEWED_LABELS = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("class_label", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("new_label", pa.string()),
        pa.field("reviewer", pa.string(), nullable=False),
        pa.field("reviewed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("note", pa.string()),
    ]
)

DESCRIPTIONS = {
    "id": "Upstream's id of the row.",
    "category": "Class id, as upstream has it.",
    "class_label": "What the class is called.",
    "headline": "Text of the row; may be missing.",
    "short_description": "Text of the row; may be missing.",
    "embedding_row": "Row of train_vectors that holds the row's vector.",
    "neighbors": "embedding_row of the nearest neighbors, nearest first, the row itself excluded.",
    "similarities": "Cosine similarity of each neighbor.",
    "x": "Coordinate on the map; only distances mean something.",
    "y": "Coordinate on the map.",
    "z": "Coordinate on the map.",
    "rank": "1 is the row to look at first.",
    "kind": "Why the row is listed: " + ", ".join(OUTLIER_KINDS) + "; of new rows also new_class.",
    "score": "P(the label is wrong) under the noise model. It orders rows; it is not calibrated.",
    "suggested_label": "Likeliest other label, where the kind questions the given one or it is likelier.",
    "candidate_labels": "Labels that the row may well have, likeliest first.",
    "candidate_probabilities": "How likely the row is given each of the candidate labels.",
    "two_topics": "How likely the row is about its label's topic and another: the order of ambiguous rows.",
    "reason": "Why the row is listed, in a sentence.",
    "tally_labels": "Labels of the nearest 50 neighbors, the most frequent first.",
    "tally_counts": "How many of the nearest 50 have each of these labels.",
    "neighbor_ids": "ids of the nearest neighbors, nearest first.",
    "neighbor_labels": "Their labels.",
    "neighbor_headlines": "Their headlines.",
    "neighbor_similarities": "Their cosine similarities.",
    "duplicate_of": "id of the row that this one is a near duplicate of.",
    "label_conflict": "Near duplicates of the row carry another label.",
    "reviewed": "Somebody has decided on the row.",
    "suggested_probability": "How likely the row is of the suggested label, by all training rows.",
    "distance_percentile": "Percent of the training rows that are nearer to their ten nearest than this row is to "
    "its ten. 50 is usual; from 99 on it is unlike nearly all of them.",
    "training_rows": "Training rows of the class.",
    "new_rows": "New rows labeled so.",
    "training_share": "Their share of the training rows.",
    "new_share": "Their share of the new rows that have a label.",
    "z_score": "By how many standard errors new_share differs from training_share.",
    "change": "grown or shrunk, where the shares differ by more than chance has it.",
    "rows_mislabelled": "New rows labeled so, and likelier of another class.",
    "far_share": "Share of them that are farther from the training rows than nine tenths of those are.",
    "thinly_covered": "far_share is more than twice what it would be of rows like the training rows.",
    "class_a": "First class of the pair.",
    "class_b": "Second class of the pair.",
    "overlap": "0: no row of one is a neighbor of one of the other; 1: their texts cannot be told apart.",
    "share_b_near_a": "Share of the neighbors of class_a's rows that is labeled class_b.",
    "share_a_near_b": "Share of the neighbors of class_b's rows that is labeled class_a.",
    "share_of_a_labelled_b": "Share of class_a's own rows that is labeled class_b, by the noise model.",
    "share_of_b_labelled_a": "Share of class_b's own rows that is labeled class_a, by the noise model.",
    "rows_mistaken": "Number of rows expected under the wrong label of the two.",
    "advice": "merge: their texts are hardly told apart. define more sharply: labels are often mistaken.",
    "changes": "How the row changed since the last run: new, gone, relabelled, moved, newly suspected, "
    "no longer suspected.",
    "moved_percent": "How far it moved on the map, in percent of the map's diameter.",
    "treatment": "What was done to the training rows.",
    "share": "Share of the training rows that it was done to.",
    "macro_f1": "Macro F1 of a logistic regression on held-out rows, in the mean of the folds.",
    "gain": "macro_f1 less that of the labels as they are.",
    "standard_error": "Of the gain, over the folds.",
    "decision": "What a reviewer decided: " + ", ".join(DECISIONS) + ".",
    "new_label": "The label that the row is to have, where the decision is to relabel it.",
    "reviewer": "Who decided.",
    "reviewed_at": "When.",
    "note": "What the reviewer had to say.",
}


def nearest_neighbors_schema(n_neighbors: int) -> pa.Schema:
    """Schema of `nearest_neighbors` for `n_neighbors` neighbors a row (self excluded, nearest first)."""
    return pa.schema(
        [
            pa.field("embedding_row", pa.int64(), nullable=False),
            pa.field("neighbors", pa.list_(pa.int32(), n_neighbors), nullable=False),
            pa.field("similarities", pa.list_(pa.float32(), n_neighbors), nullable=False),
        ]
    )


def projection_schema(n_components: int) -> pa.Schema:
    """Schema of a projection of `n_components` (2 or 3) dimensions."""
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("class_label", pa.string(), nullable=False),
            *_axes(n_components),
        ]
    )


def placed_schema(n_components: int) -> pa.Schema:
    """Schema of rows that were placed on a map of `n_components` (2 or 3) dimensions without having shaped it."""
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("class_label", pa.string()),
            *_axes(n_components),
            pa.field("distance_percentile", pa.float32(), nullable=False),
            pa.field("tally_labels", pa.list_(pa.string()), nullable=False),
            pa.field("tally_counts", pa.list_(pa.int32()), nullable=False),
            pa.field("neighbor_ids", pa.list_(pa.int64()), nullable=False),
            pa.field("neighbor_labels", pa.list_(pa.string()), nullable=False),
            pa.field("neighbor_similarities", pa.list_(pa.float32()), nullable=False),
        ]
    )


def _axes(n_components: int) -> list[pa.Field]:
    return [pa.field(axis, pa.float32(), nullable=False) for axis in "xyz"[:n_components]]
