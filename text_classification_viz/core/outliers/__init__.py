"""Which rows of a labeled training set deserve a second look, and why.

No network is trained. Every row is predicted from the other rows alone (`ridge`, `votes`, joined in `blocks`);
logistic regression turns these predictions into class probabilities (`regression`), and a model of how labels
go wrong separates a wrong label from a hard text (`noise_model`). Each other kind has a module: labels that the
data would not give (`conformal`), texts on two topics (`ambiguity`), texts unlike the rest (`atypical`), copies
(`duplicates`) and texts without words (`uninformative`). `report` gives each row one kind and its evidence.
"""

from text_classification_viz.core.outliers.ambiguity import topic_strengths, two_topics
from text_classification_viz.core.outliers.atypical import atypicality, nearest_similarity
from text_classification_viz.core.outliers.duplicates import find_duplicates
from text_classification_viz.core.outliers.reasons import label_among_neighbors
from text_classification_viz.core.outliers.report import OutlierReport, outlier_report

__all__ = [
    "OutlierReport",
    "atypicality",
    "find_duplicates",
    "label_among_neighbors",
    "nearest_similarity",
    "outlier_report",
    "topic_strengths",
    "two_topics",
]
