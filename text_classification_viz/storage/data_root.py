"""Where results go: the folders under DATA_ROOT, and the pictures in them."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from text_classification_viz.storage.publishing import published_file


class DataRoot(dg.ConfigurableResource):
    """The folder of all results."""

    path: str = Field(description="DATA_ROOT: the folder under which all results go.")

    @property
    def tables(self) -> Path:
        """Folder of the tables and the full-size pictures."""
        return Path(self.path) / "visualization"

    @property
    def projector_runs(self) -> Path:
        """Folder of the TensorBoard runs."""
        return Path(self.path) / "embeddings" / "train"

    def publish_picture(self, asset: str, png: bytes) -> Path:
        """Publish the full-size picture of an asset beside its table and return its path."""
        path = self.tables / f"{asset}.png"
        with published_file(path) as file:
            file.write(png)
        return path
