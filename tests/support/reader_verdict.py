"""The verdict on what the readers make of some bytes: a refusal or a sound value, and whatever else is a defect.

Scope: which forms of file there are, what is watched and measured while one is read, and what the value is
held against. Which bytes are tried is for `mutants`, `fuzz_target` and the tests to say.
"""

import codecs
import io
import pickle
import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.genuine_pickles import NUMPY_CORES, READERS
from tests.support.memory import resident
from tests.support.watch import watched
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs.upstream import TRAIN_SET, LabelTransform, TrainEmbeddings, TrainSet
from text_classification_viz.core.reviews.decisions import Decision
from text_classification_viz.sources.incoming_file import ROWS as BATCH_ROWS
from text_classification_viz.sources.incoming_file import read_part
from text_classification_viz.sources.reviews import read_reviews
from text_classification_viz.sources.upstream_files import SUFFIXES

PICKLES = tuple(READERS)
OPEN_FORMS = tuple(key + suffix for key in READERS for suffix in SUFFIXES[key] if suffix)
REVIEWS = ("reviews.csv", "reviews.json")
BATCH = "batch.parquet"
FORMS = (*PICKLES, *OPEN_FORMS, *REVIEWS, BATCH)

MEMORY = 100 << 20  # bytes that a reader may take beside those of its file
# Address space beyond that. Arrow sets aside what a page says it holds, of which it takes what it writes.
SET_ASIDE = {"train_set.parquet": 3 << 30, BATCH: 3 << 30}
LONGEST_S = 30  # for a file that is read in a millisecond; more is a hang
LONGEST_MESSAGE = 10_000  # characters, for a person to read
REFUSED, ACCEPTED, EQUAL, NO_PICKLE = "refused", "accepted", "equal to pickle's", "accepted, and pickle refuses"


class Defect(Exception):  # noqa: N818
    """What no bytes may bring about."""


@dataclass(frozen=True)
class Verdict:
    """How reading some bytes went.

    Attributes
    ----------
    outcome
        REFUSED, ACCEPTED, EQUAL or NO_PICKLE.
    memory
        Bytes by which the process grew at most, less those of the file.
    seconds
        How long it took.
    """

    outcome: str
    memory: int
    seconds: float


def place(form: str, content: bytes, folder: Path) -> Path:
    """Write bytes as a file of a form, alone in a folder of its own in `folder`."""
    home = folder / f"of_{form}"
    home.mkdir(exist_ok=True)
    (home / form).write_bytes(content)
    return home


def read(form: str, home: Path) -> object:
    """Let the reader of a form read the file that was placed."""
    if form == BATCH:
        return read_part(home / form, retry_for_s=0)
    return read_reviews(home) if form in REVIEWS else READERS[form.partition(".")[0]](home, retry_for_s=0)


def plain(key: str, value: object) -> object:
    """The parts of a value that are read, whether it was parsed or unpickled."""
    if key == "train_set":
        rows = value.table.to_pylist() if isinstance(value, TrainSet) else value
        return [{name: row[name] for name in TRAIN_SET.names} for row in rows]
    if key == "train_embeddings":
        array = value.array if isinstance(value, TrainEmbeddings) else value
        return array.shape, array.astype("<f4").tobytes()  # numpy takes "|f4" for it too
    classes = value.classes if isinstance(value, LabelTransform) else value.label_encoder.classes_
    return value.class_field, getattr(value, "class_labels", None), list(map(str, classes))


def judge(form: str, content: bytes, folder: Path) -> Verdict:
    """Read bytes and say how that went; only for a process that may be killed.

    Raises
    ------
    Defect
        Code ran, too much memory was wanted, the message is none for people, or the value is not sound.
    Exception
        Whatever the reader raises that is no InputError.
    """
    home = place(form, content, folder)
    refusal = value = None
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    with watched() as events, _limits(MEMORY + len(content) + SET_ASIDE.get(form, 0)):
        start = time.perf_counter()
        try:
            value = read(form, home)
        except InputError as error:
            refusal = error
        seconds = time.perf_counter() - start
    memory = resident("VmHWM") - before - len(content)
    if events:
        raise Defect(f"code: {events}")
    if memory > MEMORY:
        raise Defect(f"{memory >> 20} MB of memory for {len(content):,} bytes")
    if refusal is not None:
        _check_message(home / form, refusal)
        return Verdict(REFUSED, memory, seconds)
    _check_sound(value)
    return Verdict(_compared(form, content, value) if form in PICKLES else ACCEPTED, memory, seconds)


def warm_up(files: dict[str, tuple[bytes, ...]], folder: Path) -> None:
    """Read files of each form, sound and cut short, so that what the readers import is imported before judging."""
    for form, contents in files.items():
        for content in contents:
            for end in (None, -3, len(content) // 2):
                with suppress(InputError):
                    read(form, place(form, content[:end], folder))


@contextmanager
def _limits(memory: int) -> Iterator[None]:
    """Give `memory` bytes and LONGEST_S seconds; one that takes longer is killed by SIGALRM."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + memory, most))
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _check_message(path: Path, refusal: InputError) -> None:
    reasons, error = [], refusal
    while error := error.__cause__ or error.__context__:
        reasons.append(error)
    if any(isinstance(reason, MemoryError) or "bad_alloc" in str(reason) for reason in reasons):
        raise Defect(f"more memory was wanted than there is: {reasons[0]}")
    message = str(refusal)
    message.encode()  # a lone surrogate could not be printed
    if not re.match(rf"{re.escape(str(path))}.*: expected .+, found .+; .+", message, re.DOTALL):
        raise Defect(f"a message of another form: {message[:LONGEST_MESSAGE]}")
    if len(message) > LONGEST_MESSAGE:
        raise Defect(f"a message of {len(message):,} characters")


def _check_sound(value: object) -> None:
    """Check that a value is of the types that everybody who takes it counts on."""
    match value:
        case TrainSet(table=table):
            sound = table.schema == TRAIN_SET and table.num_rows > 0
            table.validate(full=True)
            table.to_pylist()
        case TrainEmbeddings(array=array):
            sound = array.dtype == np.dtype("<f4") and array.ndim == 2 and array.size > 0
            sound = sound and array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
        case LabelTransform(class_field=field, class_labels=labels, classes=classes):
            texts = [field, *classes, *(labels or {}), *filter(None, (labels or {}).values())]
            sound = all(type(text) is str for text in texts) and len(classes) > 0
            "".join(texts).encode()
        case TrainSet(table=table), TrainEmbeddings(array=array):
            sound = table.schema == BATCH_ROWS and table.num_rows == len(array) > 0 and array.dtype == np.float32
            sound = sound and array.ndim == 2 and array.size > 0
            table.validate(full=True)
            table.to_pylist()
        case list():
            sound = all(isinstance(decision, Decision) for decision in value)
            repr(value).encode()
        case _:
            sound = False
    if not sound:
        raise Defect(f"an unsound value: {value!r:.2000}")


class _Object:
    """For a class of upstream's or scikit-learn's."""


_GENUINE = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
    ("text_classification.transforms", "LabelTransform"): _Object,
    ("sklearn.preprocessing._label", "LabelEncoder"): _Object,
    **{(f"{core}.multiarray", "_reconstruct"): np._core.multiarray._reconstruct for core in NUMPY_CORES},
    **{(f"{core}.numeric", "_frombuffer"): np._core.numeric._frombuffer for core in NUMPY_CORES},
}


class _Unpickler(pickle.Unpickler):
    """Python's own, which finds what genuine files name and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _GENUINE:
            raise Defect(f"{module}.{name} was accepted")
        return _GENUINE[module, name]


def unpickled(content: bytes) -> object:
    """What `pickle` itself gives; Defect if the pickle names anything that genuine ones do not."""
    return _Unpickler(io.BytesIO(content)).load()


def _compared(key: str, content: bytes, value: object) -> str:
    try:
        loaded = unpickled(content)
    except Defect:
        raise
    except Exception:  # frames that overlap, or nonsense in an attribute that nobody reads
        return NO_PICKLE
    # As text, so that 1, 1.0 and True differ.
    parsed, expected = repr(plain(key, value)), repr(plain(key, loaded))
    if parsed != expected:
        raise Defect(f"a value of {parsed[:2000]} for {expected[:2000]}")
    return EQUAL
