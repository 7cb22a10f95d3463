"""A set of new rows beside the training rows, class by class: which have grown, and which are covered thinly.

Scope: figures of whole classes. Rows by themselves stand in `report`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core import tables

CHANGED_Z = 3.0  # about three in a thousand classes that have not changed
FAR_PERCENTILE = 90.0  # a tenth of rows that are like the training rows lies beyond it
THIN_SHARE = 0.2  # of a class's rows beyond it; twice as many as there should be
ONE_SIDED_Z = 1.645  # 95 %


def compare_class_mix(training_labels: np.ndarray, report: pa.Table) -> pa.Table:
    """Compare the labels of new rows with those of the training rows.

    `z_score` is the difference of two shares in standard errors of the pooled share; `change` is told from
    `CHANGED_Z` on. A class is covered thinly where the lower bound of the share of its rows beyond
    `FAR_PERCENTILE` (Wilson 1927, 95 % one-sided) is more than `THIN_SHARE`.

    Parameters
    ----------
    training_labels
        Label of each training row, (n,) of str.
    report
        Schema `tables.NEW_ROWS_REPORT`; rows without a label do not count.

    Returns
    -------
    pyarrow.Table
        Schema `tables.CLASS_MIX`, by class label.
    """
    labeled = report.filter(pc.is_valid(report["class_label"]))
    new = labeled["class_label"].to_numpy(zero_copy_only=False)
    classes, codes = np.unique(np.concatenate([training_labels, new]), return_inverse=True)
    old_codes, new_codes = codes[: len(training_labels)], codes[len(training_labels) :]

    def count(where: np.ndarray) -> np.ndarray:
        return np.bincount(new_codes[where], minlength=len(classes))

    n_old, n_new = np.bincount(old_codes, minlength=len(classes)), count(np.ones(len(new), dtype=bool))
    n_far = count(labeled["distance_percentile"].to_numpy() >= FAR_PERCENTILE)
    n_wrong = count(pc.equal(labeled["kind"], "mislabelled").to_numpy())
    old_share, new_share = n_old / len(training_labels), n_new / max(len(new), 1)
    pooled = (n_old + n_new) / (len(training_labels) + len(new))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * (1 - pooled) * (1 / len(training_labels) + 1 / len(new))) if len(new) else np.nan
        z = (new_share - old_share) / error
        far_share = n_far / n_new
    changes = np.where(z >= CHANGED_Z, "grown", "shrunk")
    return pa.table(
        [
            classes,
            n_old,
            n_new,
            old_share,
            new_share,
            pa.array(z, from_pandas=True),
            pa.array(changes, mask=~(np.abs(z) >= CHANGED_Z)),
            n_wrong,
            pa.array(far_share, from_pandas=True),
            _wilson_lower(n_far, n_new) > THIN_SHARE,
        ],
        schema=tables.CLASS_MIX,
    )


def _wilson_lower(successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Lower bound of a share at `ONE_SIDED_Z` standard errors; 0 of no trials."""
    n = np.maximum(trials, 1)
    share, z2 = successes / n, ONE_SIDED_Z**2
    center, spread = share + z2 / (2 * n), ONE_SIDED_Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return np.where(trials > 0, (center - spread) / (1 + z2 / n), 0)
