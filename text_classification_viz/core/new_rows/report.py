"""The two tables of new rows: where each was placed, and what is to be said of it.

Scope: kinds, order, sentences and columns. What stands in them was found by `placement` and `labels`.
"""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core import tables
from text_classification_viz.core.label_model import likeliest_wrong, tally_nearest
from text_classification_viz.core.list_columns import likeliest_first, lists_like
from text_classification_viz.core.new_rows.labels import NO_LABEL, LabelModel, Verdicts, wrong_probabilities
from text_classification_viz.core.new_rows.landmarks import Landmarks
from text_classification_viz.core.new_rows.placement import Placement
from text_classification_viz.core.outliers import label_among_neighbors

# What is known of a row by itself, and stays until all are ranked.
_VERDICTS = pa.schema(
    [
        pa.field("wrong_log_odds", pa.float64()),
        pa.field("suggestion_wins", pa.bool_(), nullable=False),
        pa.field("suggested_label", pa.string()),
        pa.field("suggested_probability", pa.float32()),
        pa.field("label_reason", pa.string(), nullable=False),
        pa.field("other_kind", pa.string(), nullable=False),
        pa.field("other_reason", pa.string(), nullable=False),
        *(
            tables.NEW_ROWS_REPORT.field(name)
            for name in ("duplicate_of", "label_conflict", "headline", "short_description")
        ),
    ]
)
OTHER_KINDS = tables.NEW_ROW_KINDS[1:]


def describe_rows(
    new_rows: pa.Table,
    vectors: np.ndarray,
    placement: Placement,
    model: LabelModel,
    *,
    duplicate_similarity: float = 0.95,
    atypical_percentile: float = 99.0,
) -> pa.Table:
    """Write down what is known of each new row by itself, so that parts of a set can be described one by one.

    Parameters
    ----------
    new_rows
        Schema `tables.NEW_ROWS`, m of them.
    vectors
        float32 (m, d), unit length.
    placement
        As `place` gives it.
    model
        Fitted to the rows of the map.
    duplicate_similarity
        Cosine similarity to the nearest training row from which a row counts as its copy.
    atypical_percentile
        Distance percentile from which a row counts as atypical.

    Returns
    -------
    pyarrow.Table
        In the order of the rows: the columns of `tables.placed_schema`, and those that `rank_rows` needs.
    """
    landmarks, class_labels = model.landmarks, new_rows["class_label"]
    codes = pc.index_in(class_labels, pa.array(landmarks.classes, pa.string())).fill_null(NO_LABEL).to_numpy()
    verdicts = model.judge(vectors, placement.neighbors, codes)
    tally = tally_nearest(placement.neighbors.rows, landmarks.labels, len(landmarks.classes))
    original = placement.neighbors.rows[:, 0]
    is_copy = placement.neighbors.similarities[:, 0] >= duplicate_similarity
    applies = {
        "new_class": (codes == NO_LABEL) & pc.is_valid(class_labels).to_numpy(),
        "atypical": placement.distance_percentile >= atypical_percentile,
        "near_duplicate": is_copy,
        "none": np.ones(len(codes), dtype=bool),
    }
    other_kinds = np.array(OTHER_KINDS)[np.argmax([applies[kind] for kind in OTHER_KINDS], axis=0)]
    is_suggested = verdicts.suggestion_wins | (codes == NO_LABEL)
    label_reasons = _label_reasons(codes, tally, verdicts, landmarks)
    described = pa.table(
        {
            "wrong_log_odds": pa.array(verdicts.wrong_log_odds, from_pandas=True),
            "suggestion_wins": verdicts.suggestion_wins,
            "suggested_label": pa.array(landmarks.classes[verdicts.suggested], mask=~is_suggested),
            "suggested_probability": pa.array(verdicts.suggested_probabilities, pa.float32(), mask=~is_suggested),
            "label_reason": label_reasons,
            "other_kind": other_kinds,
            "other_reason": [
                reason if kind == "none" else _other_reason(kind, row, class_labels, placement, landmarks)
                for row, (kind, reason) in enumerate(zip(other_kinds.tolist(), label_reasons, strict=True))
            ],
            "duplicate_of": pa.array(landmarks.ids[original], mask=~is_copy),
            "label_conflict": is_copy & (codes != NO_LABEL) & (landmarks.labels[original] != codes),
            "headline": new_rows["headline"],
            "short_description": new_rows["short_description"],
        },
        schema=_VERDICTS,
    )
    placed = _placed(new_rows, placement, landmarks, tally)
    return pa.table([*placed.columns, *described.columns], schema=pa.schema([*placed.schema, *described.schema]))


def rank_rows(described: pa.Table, usual_wrong_share: float) -> pa.Table:
    """Rank new rows by how much they deserve a look.

    `kind` is the first of these that applies:

    - ``mislabelled``: among the m likeliest wrong, m being the number of wrong labels to expect, and likelier of
      the suggested class than of the given one; as in the outlier report.
    - ``new_class``: no training row has its label.
    - ``atypical``: farther from the training rows than nearly all of these are from each other.
    - ``near_duplicate``: nearly the text of the training row `duplicate_of`, so that a figure of quality that
      counts it says little.
    - ``none``.

    `rank` goes by how likely the label is wrong; rows without a known label follow, the farthest first.

    Parameters
    ----------
    described
        All rows of a set, as `describe_rows` gives them.
    usual_wrong_share
        Of the model that judged them.

    Returns
    -------
    pyarrow.Table
        Schema `tables.NEW_ROWS_REPORT`.
    """
    score = wrong_probabilities(described["wrong_log_odds"].to_numpy(), usual_wrong_share)
    among_first = likeliest_wrong(np.nan_to_num(score), np.nansum(score))
    mislabelled = pa.array(among_first & described["suggestion_wins"].to_numpy())
    order = np.lexsort([-described["distance_percentile"].to_numpy(), -np.nan_to_num(score, nan=-1.0)])
    columns = {
        **{name: described[name] for name in described.column_names},
        "score": pa.array(score, pa.float32(), from_pandas=True),
        "kind": pc.if_else(mislabelled, "mislabelled", described["other_kind"]),
        "reason": pc.if_else(mislabelled, described["label_reason"], described["other_reason"]),
        "rank": pa.nulls(len(order), pa.int32()),
    }
    ranked = pa.table({name: columns[name] for name in tables.NEW_ROWS_REPORT.names}).take(order)
    ranks = pa.array(np.arange(1, len(order) + 1), pa.int32())
    return ranked.set_column(ranked.column_names.index("rank"), "rank", ranks).cast(tables.NEW_ROWS_REPORT)


def _placed(new_rows: pa.Table, placement: Placement, landmarks: Landmarks, tally: np.ndarray) -> pa.Table:
    nearest = placement.neighbors.rows[:, : tables.EVIDENCE_NEIGHBORS]
    tally_labels, tally_counts = likeliest_first(tally > 0, tally, landmarks.classes)
    similarities = placement.neighbors.similarities[:, : tables.EVIDENCE_NEIGHBORS]
    return pa.table(
        [
            new_rows["id"],
            new_rows["class_label"],
            *placement.coordinates.T,
            placement.distance_percentile,
            tally_labels,
            tally_counts,
            lists_like(nearest, landmarks.ids[nearest].ravel()),
            lists_like(nearest, landmarks.classes[landmarks.labels[nearest]].ravel()),
            lists_like(nearest, similarities.ravel()),
        ],
        schema=tables.placed_schema(placement.coordinates.shape[1]),
    )


def _label_reasons(codes: np.ndarray, tally: np.ndarray, verdicts: Verdicts, landmarks: Landmarks) -> list[str]:
    """What the training rows say of each label, in a sentence."""
    sentences = []
    for row, code in enumerate(codes.tolist()):
        suggested, share = verdicts.suggested[row], verdicts.suggested_probabilities[row]
        likeliest = landmarks.classes[suggested]
        if code == NO_LABEL:
            sentences.append(f"Without a known label; {likeliest} is likeliest ({share:.0%}).")
            continue
        sentence = label_among_neighbors(code, tally[row], landmarks.classes)
        if verdicts.suggestion_wins[row] and tally[row].argmax() != suggested:
            sentence += f"; by all training rows together {likeliest} is likelier ({share:.0%})"
        sentences.append(f"{sentence}.")
    return sentences


def _other_reason(
    kind: str, row: int, class_labels: pa.ChunkedArray, placement: Placement, landmarks: Landmarks
) -> str:
    """Why a row is of a kind that is not about its label, in a sentence."""
    if kind == "new_class":
        return f"No training row is labeled {class_labels[row].as_py()}."
    if kind == "near_duplicate":
        original, similarity = placement.neighbors.rows[row, 0], placement.neighbors.similarities[row, 0]
        return (
            f"Says nearly the same as training row {landmarks.ids[original]}, which is labeled "
            f"{landmarks.classes[landmarks.labels[original]]} (similarity {similarity:.2f})."
        )
    share = placement.distance_percentile[row]
    of_them = "any of them is" if share >= 100 else f"{math.floor(10 * share) / 10:.1f} % of them are"
    return f"Unlike the training rows: farther from its nearest ones than {of_them} from theirs."
