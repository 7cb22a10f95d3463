"""The forms of `label_transform`: a pickled object, or JSON.

Scope: from an open file to class field, labels and classes, each of its type. Whether they fit each
other and the training set is for the gate to say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import MAX_LABEL
from text_classification_viz.storage.reading import (
    ARRAY_GLOBALS,
    ARRAY_OPCODES,
    COMMON_OPCODES,
    Call,
    Global,
    Grammar,
    PickleParser,
    RawArray,
    UpstreamFile,
    kind_of,
    parse_strict_json,
    raw_array,
)

REMEDY = "materialize label_transform upstream again"
LABEL_ENCODER = Global("sklearn.preprocessing._label", "LabelEncoder")
LIST_OPCODES = frozenset({"EMPTY_LIST", "APPEND", "APPENDS"})  # the data of an array of objects
OBJECT_OPCODES = LIST_OPCODES | {"NEWOBJ", "EMPTY_TUPLE", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINFLOAT"}
MAX_LABEL_BYTES = 4 * MAX_LABEL  # a pickle can repeat a text for 2 bytes
NOT_FITTED = "call label_encoder.fit upstream and materialize label_transform again"


@dataclass(frozen=True)
class Labels:
    """What a file holds: the fields of `core.upstream.LabelTransform` without its source."""

    class_field: str
    class_labels: dict[str, str | None] | None
    classes: tuple[str, ...]


def pickle_parser(class_name: str) -> Callable[[UpstreamFile], Labels]:
    """Make the parser for pickles whose class has the dotted name `class_name`.

    Raises
    ------
    InputError
        A name without a dot.
    """
    module, _, name = class_name.rpartition(".")
    if not module:
        raise InputError(
            f"LABEL_TRANSFORM_CLASS: expected a dotted name like package.module.Class, found {class_name!r}; "
            "set it to the name of the class upstream"
        )
    label_transform = Global(module, name)
    grammar = Grammar(
        value=f"a {class_name} (or else set LABEL_TRANSFORM_CLASS)",
        opcodes=COMMON_OPCODES | ARRAY_OPCODES | OBJECT_OPCODES,
        globals=ARRAY_GLOBALS | {label_transform, LABEL_ENCODER},
        max_opcodes=20_000,  # five for each class: thousands of classes
        max_marks=8,  # a genuine file has four: two objects, the array's state and the dtype's
        max_dict_items=10_000,
    )

    def parse(file: UpstreamFile) -> Labels:
        transform = _attributes(file, PickleParser(file, grammar).parse(), label_transform)
        if b"label_encoder" not in transform:
            raise file.fault("the attribute 'label_encoder'", "none: it is not fitted", NOT_FITTED)
        encoder = _attributes(file, transform[b"label_encoder"], LABEL_ENCODER)
        if b"classes_" not in encoder:
            raise file.fault("the attribute 'label_encoder.classes_'", "none: it is not fitted", NOT_FITTED)
        labels = transform.get(b"class_labels")
        if type(labels) is dict:
            labels = {_decoded(file, key): _decoded(file, label) for key, label in labels.items()}
        return _checked(
            file,
            _decoded(file, transform.get(b"class_field")),
            labels,
            _array_items(file, raw_array(file, encoder[b"classes_"])),
        )

    return parse


def parse_json(file: UpstreamFile) -> Labels:
    """Give the labels of a JSON object with `class_field`, `class_labels` and `classes`."""
    try:
        value = parse_strict_json(file.read().decode("utf-8-sig"))
    except ValueError as error:
        raise file.fault("a JSON object in UTF-8", f"something else ({error})") from None
    if type(value) is not dict:
        raise file.fault("a JSON object", kind_of(value))
    return _checked(file, value.get("class_field"), value.get("class_labels"), value.get("classes"))


def _attributes(file: UpstreamFile, value: object, class_: Global) -> dict:
    """Give the attributes of an object of `class_`; one without any has no state."""
    match value:
        case Call(function=function, state=dict() as state) if function == class_:
            return state
        case Call(function=function, state=None) if function == class_:
            return {}
        case _:
            raise file.fault(f"an object of {class_.module}.{class_.name} with attributes", kind_of(value))


def _decoded(file: UpstreamFile, value: object) -> object:
    """Give a text of a pickle as str, and any other value as it is."""
    if type(value) is not bytes:
        return value
    if len(value) > MAX_LABEL_BYTES:
        raise file.fault(f"labels of at most {MAX_LABEL_BYTES:,} bytes", f"one of {len(value):,}")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise file.fault("texts in UTF-8", f"{value[:40]!r} ({error})") from None


def _array_items(file: UpstreamFile, array: RawArray) -> list:
    if len(array.shape) != 1:
        raise file.fault("a 1-D array as label_encoder.classes_", f"shape {array.shape}")
    if isinstance(array.data, list):
        return [_decoded(file, item) for item in array.data]
    if array.dtype.kind != "U":
        raise file.fault("classes of type str", f"dtype {array.dtype.str}")
    # Decoded here rather than by numpy, which lets lone surrogates pass.
    encoding = "utf-32-be" if array.dtype.str.startswith(">") else "utf-32-le"
    try:
        items = [bytes(item).decode(encoding) for item in array.data.reshape(-1, array.dtype.itemsize)]
    except UnicodeDecodeError as error:
        raise file.fault("classes in UTF-32", str(error)) from None
    return [item.rstrip("\0") for item in items]


def _checked(file: UpstreamFile, class_field: object, class_labels: object, classes: object) -> Labels:
    if not _is_text(class_field):
        raise file.fault("class_field of type str", kind_of(class_field))
    if class_labels is not None and type(class_labels) is not dict:
        raise file.fault("class_labels of type dict or None", kind_of(class_labels))
    for class_, label in (class_labels or {}).items():
        if not _is_text(class_) or not (label is None or _is_text(label)):
            raise file.fault(f"class_labels[{class_!r}] of type str or None", kind_of(label))
    if type(classes) is not list:
        raise file.fault("classes as a list", kind_of(classes))
    for index, class_ in enumerate(classes):
        if not _is_text(class_):
            raise file.fault(f"classes[{index}] of type str", kind_of(class_))
    longest = max((text or "" for text in (*classes, *(class_labels or {}).values())), key=len, default="")
    if len(longest) > MAX_LABEL:
        raise file.fault(f"classes and labels of at most {MAX_LABEL:,} characters", f"one of {len(longest):,}")
    if not classes:
        raise file.fault("at least one class", "none: label_encoder is not fitted", NOT_FITTED)
    return Labels(class_field, class_labels, tuple(classes))


def _is_text(value: object) -> TypeGuard[str]:
    """Whether this is a str that can be written as UTF-8; JSON may spell lone surrogates, which cannot."""
    return type(value) is str and not any("\ud800" <= character <= "\udfff" for character in value)
