"""The files of the upstream project: where they are, which form each has, and the values they hold.

Scope: what is true of every key. Each key's forms stand in the module of its name (`train_set_file`,
`train_embeddings_file`, `label_transform_file`), and no pickle is ever unpickled.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import LabelTransform, Source, TrainEmbeddings, TrainSet
from text_classification_viz.sources import label_transform_file, train_embeddings_file, train_set_file
from text_classification_viz.storage.publishing import stamp_of
from text_classification_viz.storage.reading import CHUNK, RETRY_FOR_S, WAIT_AND_RETRY, UpstreamFile, read_stable

# Upstream writes the pickle, which has no suffix; the others are for whoever prefers them.
SUFFIXES = {
    "train_set": ("", ".parquet", ".jsonl"),
    "train_embeddings": ("", ".npy"),
    "label_transform": ("", ".json"),
}
SUFFIXES |= {"validation_set": SUFFIXES["train_set"], "validation_embeddings": SUFFIXES["train_embeddings"]}

# Largest files in bytes: several times what a million rows of 384 dimensions need.
TRAIN_SET_LIMIT = 512 << 20
TRAIN_EMBEDDINGS_LIMIT = 16 << 30
LABEL_TRANSFORM_LIMIT = 1 << 20
LIMITS = {
    "train_set": TRAIN_SET_LIMIT,
    "train_embeddings": TRAIN_EMBEDDINGS_LIMIT,
    "label_transform": LABEL_TRANSFORM_LIMIT,
    "validation_set": TRAIN_SET_LIMIT,
    "validation_embeddings": TRAIN_EMBEDDINGS_LIMIT,
}

MISSING = "materialize {key} upstream first, or set UPSTREAM_STORAGE to where it is"
UPSTREAM_CLASS = "text_classification.transforms.LabelTransform"  # what upstream's pickle names its class

_LOG = logging.getLogger(__name__)


def find_upstream_file(storage: Path, key: str) -> Path:
    """Find the one file of an asset key.

    Parameters
    ----------
    storage
        Upstream's storage folder.
    key
        One of `SUFFIXES`.

    Raises
    ------
    InputError
        No such folder, no file for the key, or two of them.
    """
    names = [key + suffix for suffix in SUFFIXES[key]]
    present = _names_in(storage)
    found = [name for name in names if name in present]
    if not found:
        others = sorted(name for name in present if name.startswith(f"{key}."))[:3]
        raise InputError(
            f"{storage / key}: expected a file ({' or '.join(names)}), found "
            + (
                f"only {' and '.join(others)}; give it the one of these names that its form has"
                if others
                else f"none; materialize {key} upstream first"
            )
        )
    if len(found) > 1:
        raise InputError(
            f"{storage}: expected one file for {key}, found {' and '.join(found)}; remove the one "
            "that is out of date"
        )
    return storage / found[0]


def has_upstream_file(storage: Path, key: str) -> bool:
    """Whether there is any file of an asset key, for keys that need not be there."""
    return not _names_in(storage).isdisjoint(key + suffix for suffix in SUFFIXES[key])


def stamp_of_upstream_file(path: Path) -> list[str | int]:
    """What tells a file that has changed from one that has not, without reading it.

    Raises
    ------
    InputError
        The system does not tell: no right to enter the folder, a mount that is gone, no file any more.
    """
    try:
        return stamp_of(path)
    except OSError as error:
        raise _unreachable(path.parent, error) from error


def _names_in(storage: Path) -> set[str]:
    try:
        return {path.name for path in storage.iterdir()}
    except OSError as error:
        raise _unreachable(storage, error) from error


def _unreachable(storage: Path, error: OSError) -> InputError:
    return InputError(
        f"{storage}: expected upstream's storage folder, found '{error.strerror}'; set UPSTREAM_STORAGE to the "
        f"folder that holds its files, which user {os.geteuid()} may list and enter, and see to its mount"
    )


def hash_file(path: Path, *, retry_for_s: float = RETRY_FOR_S, log: logging.Logger = _LOG) -> str:
    """Give the hexadecimal SHA-256 of a file that nobody wrote to meanwhile.

    Raises
    ------
    InputError
        As `storage.stable_read.read_stable` says.
    """
    _, source = read_stable(
        path,
        _read_to_end,
        remedy=f"materialize {path.stem} upstream again",
        missing=MISSING.format(key=path.stem),
        size_limit=LIMITS.get(path.stem),  # a file of holes takes no disk, and hours to read
        retry_for_s=retry_for_s,
        log=log,
    )
    return source.sha256


def check_unchanged(sources: Iterable[Source]) -> None:
    """Check that files which were read one after another still are as they were read.

    If they are, all of them were so at the moment when the last one had been read.

    Raises
    ------
    InputError
        One was written meanwhile, so that what was read may mix two states of upstream.
    """
    for source in sources:
        if hash_file(Path(source.path)) != source.sha256:
            raise InputError(
                f"{source.path}: expected a file that stays as it is until all upstream files are read, found "
                f"one that was written meanwhile; {WAIT_AND_RETRY}"
            )


def read_train_set(
    storage: Path,
    *,
    key: str = "train_set",
    size_limit: int = TRAIN_SET_LIMIT,
    retry_for_s: float = RETRY_FOR_S,
    log: logging.Logger = _LOG,
) -> TrainSet:
    """Read `train_set`, `train_set.parquet` or `train_set.jsonl`.

    Parameters
    ----------
    storage
        Upstream's storage folder.
    key
        `train_set`, or `validation_set`, which has the same forms.
    size_limit
        Most bytes that the file may have.
    retry_for_s
        For how many seconds to try again while the file is being written.
    log
        Where progress is reported.

    Raises
    ------
    InputError
        No file or two, one that cannot be read, or one that holds anything but at least one row with the
        fields of `TRAIN_SET`. Other fields are ignored where they are plain values.
    """
    path = find_upstream_file(storage, key)
    parsers = {
        "": train_set_file.parse_pickle,
        ".parquet": train_set_file.parse_parquet,
        ".jsonl": train_set_file.parse_jsonl,
    }
    table, source = read_stable(
        path,
        parsers[path.suffix],
        remedy=train_set_file.REMEDIES[path.suffix].format(key=key),
        missing=MISSING.format(key=key),
        size_limit=size_limit,
        retry_for_s=retry_for_s,
        log=log,
    )
    log.info("%s: %d rows", path, table.num_rows)
    return TrainSet(table, source)


def read_train_embeddings(
    storage: Path,
    *,
    key: str = "train_embeddings",
    size_limit: int = TRAIN_EMBEDDINGS_LIMIT,
    retry_for_s: float = RETRY_FOR_S,
    log: logging.Logger = _LOG,
) -> TrainEmbeddings:
    """Read `train_embeddings` (or `validation_embeddings`), or the same as `.npy`; see `read_train_set`.

    Raises
    ------
    InputError
        No file or two, one that cannot be read, or one that holds anything but a 2-D little-endian float32
        array with at least one row and column.
    """
    path = find_upstream_file(storage, key)
    parsers = {"": train_embeddings_file.parse_pickle, ".npy": train_embeddings_file.parse_npy}
    array, source = read_stable(
        path,
        parsers[path.suffix],
        remedy=train_embeddings_file.REMEDY.format(key=key),
        missing=MISSING.format(key=key),
        size_limit=size_limit,
        retry_for_s=retry_for_s,
        log=log,
    )
    log.info("%s: %d vectors of %d dimensions", path, *array.shape)
    return TrainEmbeddings(array, source)


def read_label_transform(
    storage: Path,
    class_name: str = UPSTREAM_CLASS,
    *,
    size_limit: int = LABEL_TRANSFORM_LIMIT,
    retry_for_s: float = RETRY_FOR_S,
    log: logging.Logger = _LOG,
) -> LabelTransform:
    """Read `label_transform` or `label_transform.json`; parameters as for `read_train_set`, and one more.

    Parameters
    ----------
    class_name
        Dotted name that the pickle gives its class.

    Raises
    ------
    InputError
        No file or two, one that cannot be read, an encoder that is not fitted, a field of a wrong type, or a
        class of another name.
    """
    path = find_upstream_file(storage, "label_transform")
    parsers = {"": label_transform_file.pickle_parser(class_name), ".json": label_transform_file.parse_json}
    labels, source = read_stable(
        path,
        parsers[path.suffix],
        remedy=label_transform_file.REMEDY,
        missing=MISSING.format(key="label_transform"),
        size_limit=size_limit,
        retry_for_s=retry_for_s,
        log=log,
    )
    log.info("%s: %d classes", path, len(labels.classes))
    return LabelTransform(labels.class_field, labels.class_labels, labels.classes, source)


def _read_to_end(file: UpstreamFile) -> None:
    while file.read(CHUNK):
        pass
