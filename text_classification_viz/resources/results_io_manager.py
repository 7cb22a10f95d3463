"""The IO manager that publishes our tables and arrays, and reads them back, with where they came from.

Scope: file forms and lineage. Columns are the business of `core.tables`.
"""

import atexit
import ctypes
import functools
import gc
import json
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias
from urllib.parse import quote

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.tables import DESCRIPTIONS
from text_classification_viz.resources.failures import clear_failures
from text_classification_viz.resources.run_locks import hold_run_lock
from text_classification_viz.storage.publishing import AnyPath, open_published, published_file

if TYPE_CHECKING:
    import pandas as pd

UPSTREAM_SHA256 = "upstream_sha256"
LINEAGE = ("code_version", "config", UPSTREAM_SHA256)
Lineage = dict[str, Any]
Value: TypeAlias = pa.Table | pa.RecordBatchReader | np.ndarray


class NotPublished(InputError):  # noqa: N818  as InputErrors say what is the matter
    """A result that has not been made yet."""


class DamagedResult(InputError):  # noqa: N818  as above
    """A result that is there and cannot be read, or is none of ours."""


class ResultsIOManager(dg.IOManager):
    """Arrow tables as `<asset>.parquet`, NumPy arrays as `<asset>.npy`, each published atomically.

    A partition of an asset is `<asset>/<partition>.parquet`, its key percent-encoded, so that it names a file
    whatever it holds. A RecordBatchReader is written batch by batch, for tables beyond memory.

    Every file carries its lineage: code version, config, and the SHA-256 of each upstream file that it came
    from, which a stage takes over from its inputs. Inputs that came from different upstream files are
    refused. In Parquet the lineage is in the file's metadata; in `.npy` it follows as a second array of JSON
    bytes, which numpy.load ignores.

    Parameters
    ----------
    folder
        Of the published results.
    """

    def __init__(self, folder: AnyPath) -> None:
        self._folder = folder
        # by (run id, step key), then by upstream key: the hash, and the input that it was first seen in
        self._loaded: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}

    def handle_output(self, context: dg.OutputContext, obj: Value) -> None:
        """Publish `obj` and record row count, columns, path and lineage in the catalog."""
        hashes = self._hashes(context)
        lineage: Lineage = {
            "code_version": context.asset_spec.code_version,
            "config": context.step_context.op_config or {},
            UPSTREAM_SHA256: hashes,
        }
        with clear_failures():
            path, n_rows = publish_result(self._folder, _name_of(context), obj, lineage)
        metadata: dict[str, Any] = {
            "path": dg.MetadataValue.path(str(path)),
            "dagster/row_count": n_rows,
            UPSTREAM_SHA256: dg.MetadataValue.json(hashes),
        }
        _return_freed_memory()
        _end_without_a_search()
        if not isinstance(obj, np.ndarray):
            metadata["dagster/column_schema"] = _column_schema(obj.schema)
        context.add_output_metadata(metadata)

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame | pa.Table | np.ndarray":
        """Read a result: an array memory-mapped, a table as the Arrow table or DataFrame that is asked for."""
        name = _name_of(context)
        if context.has_input_name:
            hold_run_lock(context)
        with clear_failures():
            value, lineage = read_result(self._folder, name)
            if context.has_input_name:  # load_asset_value, outside a step, has none
                self._inherit(_step_of(context), name, lineage[UPSTREAM_SHA256])
        if isinstance(value, np.ndarray) or context.dagster_type.typing_type is pa.Table:
            return value
        return value.to_pandas()

    def _hashes(self, context: dg.OutputContext) -> dict[str, str]:
        """Those of the step's inputs, and those that a step which reads files itself states in its metadata."""
        inherited = {key: sha256 for key, (sha256, _) in self._loaded.get(_step_of(context), {}).items()}
        stated: Any = context.output_metadata.get(UPSTREAM_SHA256)
        return inherited | (stated.data if stated else {})

    def _inherit(self, step: tuple[str, str], name: str, hashes: dict[str, str]) -> None:
        inherited = self._loaded.setdefault(step, {})
        for key, sha256 in hashes.items():
            first_sha256, first_name = inherited.setdefault(key, (sha256, name))
            if first_sha256 != sha256:
                raise InputError(
                    f"{name} and {first_name}: expected both to come from the same {key}, found SHA-256 "
                    f"{sha256[:12]} and {first_sha256[:12]}; materialize the older of the two again, or wait for "
                    "the run that is about to"
                )


def _return_freed_memory() -> None:
    """Give the system what a step has freed, which Arrow and the C library would keep from the steps after it."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, others return memory by themselves
    if trim:
        trim(0)


@functools.cache
def _end_without_a_search() -> None:
    """Let this process, which runs our steps, end without its last search for cycles.

    That takes over a second and frees what ends with the process anyway.
    """
    atexit.register(gc.freeze)


def publish_result(folder: AnyPath, name: str, value: Value, lineage: Lineage) -> tuple[AnyPath, int]:
    """Publish a result and its lineage as one file, and return its path and the number of its rows.

    Raises
    ------
    InputError
        The system refuses to write; what was published before stays.
    """
    path = folder / f"{name}{'.npy' if isinstance(value, np.ndarray) else '.parquet'}"
    with published_file(path) as file:
        if isinstance(value, np.ndarray):
            _write_npy(value, lineage, file)
            return path, len(value)
        return path, _write_parquet(value, lineage, file)


def read_result(folder: AnyPath, name: str) -> tuple[pa.Table | np.ndarray, Lineage]:
    """Read the published result `name` and its lineage.

    Returns
    -------
    pyarrow.Table or numpy.memmap
        The value.
    dict
        `code_version`, `config`, and `upstream_sha256` by upstream key.

    Raises
    ------
    NotPublished
        There is no such result yet.
    DamagedResult
        The file is damaged, or nothing that was published here.
    InputError
        The store does not hand it out.
    """
    parquet, npy = folder / f"{name}.parquet", folder / f"{name}.npy"
    for path, read in ((parquet, _read_parquet), (npy, _read_npy)):
        # One open file for value and lineage, so that a result published in between cannot mix with this one.
        try:
            file = open_published(path)
        except FileNotFoundError:
            continue
        with file:
            try:
                return read(file)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DamagedResult(
                    f"{path}: expected the published {name}, found what cannot be read ({error}); materialize "
                    f"{name} again"
                ) from error
    raise NotPublished(f"{parquet}: expected the published {name}, found no file; materialize {name} first")


def _read_parquet(file: BinaryIO) -> tuple[pa.Table, Lineage]:
    table = pq.ParquetFile(file).read()  # in one piece where read_table gives many, which would have to be joined
    stored = table.schema.metadata or {}
    return table, {key: json.loads(stored[key.encode()]) for key in LINEAGE}


def _read_npy(file: BinaryIO) -> tuple[np.memmap, Lineage]:
    array = _map_npy(file)
    stored = json.loads(np.load(file, allow_pickle=False).tobytes())
    return array, {key: stored[key] for key in LINEAGE}


def _write_parquet(value: pa.Table | pa.RecordBatchReader, lineage: Lineage, file: BinaryIO) -> int:
    """Write a table at once, or a reader's batches one by one, each a row group; give the number of rows."""
    stored = {key.encode(): json.dumps(value, sort_keys=True) for key, value in lineage.items()}
    schema = value.schema.with_metadata({**(value.schema.metadata or {}), **stored})
    n_rows = 0
    with pq.ParquetWriter(file, schema) as writer:
        for part in [value] if isinstance(value, pa.Table) else value:
            writer.write(part)
            n_rows += part.num_rows
    return n_rows


def _write_npy(array: np.ndarray, lineage: Lineage, file: BinaryIO) -> None:
    stored = np.frombuffer(json.dumps(lineage, sort_keys=True).encode(), np.uint8)
    # numpy.save hands the numbers to C's buffered files, and a full disk can go unnoticed there.
    for part in map(np.ascontiguousarray, (array, stored)):
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(part))
        file.write(part.data)


def _map_npy(file: BinaryIO) -> np.memmap:
    """Map the first array of an open `.npy` file read-only, and leave the file at what follows it."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    array = np.memmap(file, dtype=dtype, mode="r", offset=start, shape=shape)
    file.seek(start + array.nbytes)
    return array


def _column_schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                str(field.type),
                description=DESCRIPTIONS.get(field.name),
                constraints=dg.TableColumnConstraints(nullable=field.nullable),
            )
            for field in schema
        ]
    )


def _name_of(context: dg.InputContext | dg.OutputContext) -> str:
    """Where in the folder the result is, without suffix: the asset, or the one partition of it that is meant."""
    asset = context.asset_key.to_user_string()
    return f"{asset}/{quote(context.asset_partition_key, safe='')}" if context.has_asset_partitions else asset


def _step_of(context: dg.InputContext | dg.OutputContext) -> tuple[str, str]:
    step = context.step_context
    return step.run_id, step.step.key
