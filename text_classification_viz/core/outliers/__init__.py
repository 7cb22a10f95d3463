"""Which rows of a labelled training set deserve a second look, and why.

No network is trained. Every row is predicted from the other rows alone (`ridge`, `votes`, joined in `blocks`);
logistic regression turns these predictions into class probabilities (`regression`), and a model of how labels
go wrong separates a wrong label from a hard text (`noise_model`). Each other kind has a module: labels that the
data would not give (`conformal`), texts on two topics (`ambiguity`), texts unlike the rest (`atypical`), copies
(`duplicates`) and texts without words (`uninformative`). `report` gives each row one kind and its evidence.
"""

from text_classification_viz.core.outliers.report import OutlierReport, outlier_report

__all__ = ["OutlierReport", "outlier_report"]
