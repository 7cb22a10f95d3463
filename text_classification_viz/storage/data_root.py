"""Where results go: the folders under DATA_ROOT, and files for people beside the tables."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from text_classification_viz.storage.publishing import published_file


class DataRoot(dg.ConfigurableResource):
    """The folder of all results."""

    path: str = Field(description="DATA_ROOT: the folder under which all results go.")

    @property
    def tables(self) -> Path:
        """Folder of the tables, and of pictures and other files made of them."""
        return Path(self.path) / "visualization"

    @property
    def projector_runs(self) -> Path:
        """Folder of the TensorBoard runs."""
        return Path(self.path) / "embeddings" / "train"

    @property
    def reviews(self) -> Path:
        """Folder in which people leave their decisions."""
        return Path(self.path) / "reviews"

    def publish(self, name: str, content: bytes) -> Path:
        """Publish a file beside the tables and return its path."""
        path = self.tables / name
        with published_file(path) as file:
            file.write(content)
        return path
