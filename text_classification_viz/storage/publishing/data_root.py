"""Where results go: the folders under DATA_ROOT, and files for people beside the tables."""

from dataclasses import dataclass

from text_classification_viz.storage.publishing.store import AnyPath, open_published, published_file


@dataclass(frozen=True)
class DataRoot:
    """The folder of all results; no setting of a run, so that whoever launches one cannot write elsewhere.

    Attributes
    ----------
    path
        DATA_ROOT: a folder of this machine, or s3://bucket/prefix.
    """

    path: AnyPath

    @property
    def tables(self) -> AnyPath:
        """Folder of the tables, and of pictures and other files made of them."""
        return self.path / "visualization"

    @property
    def projector_runs(self) -> AnyPath:
        """Folder of the TensorBoard runs."""
        return self.path / "embeddings" / "train"

    @property
    def incoming(self) -> AnyPath:
        """Folder in which batches of new rows arrive."""
        return self.path / "incoming"

    @property
    def scratch(self) -> AnyPath:
        """Folder for what runs need on their way, and nobody else."""
        return self.path / ".scratch"

    @property
    def reviews(self) -> AnyPath:
        """Folder in which people leave their decisions."""
        return self.path / "reviews"

    def publish(self, name: str, content: bytes) -> AnyPath:
        """Publish a file beside the tables and return its path."""
        path = self.tables / name
        with published_file(path) as file:
            file.write(content)
        return path

    def read(self, name: str) -> bytes | None:
        """Read what was published under that name beside the tables; None if nothing was."""
        try:
            with open_published(self.tables / name) as file:
                return file.read()
        except FileNotFoundError:
            return None
