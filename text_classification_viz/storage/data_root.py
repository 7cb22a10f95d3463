"""Where results go: the folders under DATA_ROOT, and files for people beside the tables."""

from dataclasses import dataclass
from pathlib import Path

from text_classification_viz.storage.publishing import published_file


@dataclass(frozen=True)
class DataRoot:
    """The folder of all results; no setting of a run, so that whoever launches one cannot write elsewhere.

    Attributes
    ----------
    path
        DATA_ROOT.
    """

    path: Path

    @property
    def tables(self) -> Path:
        """Folder of the tables, and of pictures and other files made of them."""
        return self.path / "visualization"

    @property
    def projector_runs(self) -> Path:
        """Folder of the TensorBoard runs."""
        return self.path / "embeddings" / "train"

    @property
    def reviews(self) -> Path:
        """Folder in which people leave their decisions."""
        return self.path / "reviews"

    def publish(self, name: str, content: bytes) -> Path:
        """Publish a file beside the tables and return its path."""
        path = self.tables / name
        with published_file(path) as file:
            file.write(content)
        return path
