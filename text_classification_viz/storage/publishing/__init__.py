"""Publishing results atomically, on a disk or on an object store.

Scope: a reader finds the last good file or the new one, whole, whatever happens to the writer. `store` chooses
between `disk` and `object_store`; `data_root` names the folders under DATA_ROOT.
"""

from text_classification_viz.storage.publishing.data_root import DataRoot
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix, read_object
from text_classification_viz.storage.publishing.store import (
    AnyPath,
    list_folder,
    local_file,
    newest_folder,
    open_published,
    published_file,
    published_folder,
    remove_old_folders,
    scratch_folder,
    stamp_of,
)

__all__ = [
    "AnyPath",
    "DataRoot",
    "bucket_and_prefix",
    "list_folder",
    "local_file",
    "newest_folder",
    "open_published",
    "published_file",
    "published_folder",
    "read_object",
    "remove_old_folders",
    "scratch_folder",
    "stamp_of",
]
