"""Crafted and damaged pickles: refused with a message, with no code run and little memory used."""

import os
import pickle
import struct
import tracemalloc

import pytest

from tests.support.genuine_pickles import READERS, ROWS, embeddings, label_transform, pickle_with
from tests.support.watch import watched
from text_classification_viz.core.errors import InputError
from text_classification_viz.storage.reading.pickle_parser import MAX_STACK

GENUINE = {
    "train_set": pickle.dumps(ROWS, 4),
    "train_embeddings": pickle_with("numpy.core", embeddings(), 4),
    "label_transform": label_transform(),
}


def read(storage, key, content):
    """Read bytes as the file of a key; fail if anything is imported, run or loaded on the way."""
    (storage / key).write_bytes(content)
    with watched() as events:
        try:
            return READERS[key](storage, retry_for_s=0)
        finally:
            assert events == []


@pytest.fixture(autouse=True)
def _warm(tmp_path):
    """What the readers import, they import before they are watched."""
    for key, content in GENUINE.items():
        (tmp_path / key).write_bytes(content)
        READERS[key](tmp_path)


def text(value: bytes | str) -> bytes:
    encoded = value.encode() if isinstance(value, str) else value
    return b"\x8c" + bytes([len(encoded)]) + encoded


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


HUGE = 2**40
COMMAND = text("touch pwned")
SYSTEM = stack_global("os", "system")
RECONSTRUCT = stack_global("numpy.core.multiarray", "_reconstruct")
EMPTY_ARRAY = RECONSTRUCT + stack_global("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
TRANSFORM = stack_global("text_classification.transforms", "LabelTransform") + b")\x81"
# The published crash: a structured dtype, whose flags make numpy read the payload as pointers.
STRUCTURED = (
    stack_global("numpy", "dtype")
    + text("V8")
    + b"\x89\x88\x87R(K\x03"
    + text("|")
    + b"N"
    + (text("a") + b"\x85")
    + (b"}" + text("a") + stack_global("numpy", "dtype") + text("O8") + b"\x89\x88\x87RK\x00\x86s")
    + b"K\x08K\x01K\x1btb"
)

ATTACKS = {
    "REDUCE of os.system": SYSTEM + COMMAND + b"\x85R.",
    "REDUCE of posix.system by GLOBAL": b"cposix\nsystem\n" + COMMAND + b"\x85R.",
    "REDUCE of builtins.eval": stack_global("builtins", "eval") + text("1+1") + b"\x85R.",
    "REDUCE of builtins.getattr": stack_global("builtins", "getattr") + SYSTEM + text("__call__") + b"\x86R.",
    "call as a row": b"](" + SYSTEM + COMMAND + b"\x85Re.",
    "call as an id": b"](}" + text("id") + SYSTEM + COMMAND + b"\x85Rse.",
    "GLOBAL with a dotted name": b"cnumpy\nndarray.__reduce__\n.",
    "GLOBAL with a dotted name on the stack": stack_global("numpy", "ndarray.tobytes") + b".",
    "GLOBAL of numpy.load": stack_global("numpy", "load") + COMMAND + b"\x85R.",
    "GLOBAL without an end": b"c" + b"a" * 100_000,
    "GLOBAL with a prefix of an allowed module": stack_global("numpy.core.multiarray.x", "_reconstruct") + b".",
    "module and name as one": stack_global("", "numpy.ndarray") + b".",
    "names of a global that are no texts": b"K\x01K\x02\x93.",
    "codecs.encode to another codec": stack_global("_codecs", "encode") + text("x") + text("zip") + b"\x86R.",
    "codecs.decode": stack_global("_codecs", "decode") + text("x") + text("hex") + b"\x86R.",
    "INST": b"(" + COMMAND + b"ios\nsystem\n.",
    "OBJ": b"(" + SYSTEM + COMMAND + b"o.",
    "NEWOBJ of a foreign class": stack_global("subprocess", "Popen") + COMMAND + b"\x85\x81.",
    "NEWOBJ_EX": stack_global("subprocess", "Popen") + COMMAND + b"\x85}\x92.",
    "EXT1": b"\x82\x01.",
    "EXT2": b"\x83\x01\x00.",
    "EXT4": b"\x84\x01\x00\x00\x00.",
    "PERSID": b"Pfile\n.",
    "BINPERSID": text("file") + b"Q.",
    "NEXT_BUFFER": b"\x97.",
    "READONLY_BUFFER": b"\x97\x98.",
    "DUP": b"]2a.",
    "POP": b"N0N.",
    "POP_MARK": b"(NN1N.",
    "GET as text": b"]q\x00g0\n.",
    "PUT as text": b"]p99999999\n.",
    "INT as text": b"I1\n.",
    "LONG as text": b"L" + b"9" * 100_000 + b"L\n.",
    "STRING as text": b"S'x'\n.",
    "UNICODE as text": b"Vx\n.",
    "FLOAT as text": b"F1e5\n.",
    "EMPTY_SET": b"\x8f.",
    "FROZENSET": b"(\x91.",
    "PROTO again": b"\x80\x04N.",
    "LONG4 that is huge": b"\x8b" + u32(2**31 - 1) + b"\x01.",
    "BINBYTES that is huge": b"B" + u32(2**32 - 1) + b"x.",
    "BINBYTES8 that is huge": b"\x8e" + u64(HUGE) + b"x.",
    "BINBYTES8 that is negative": b"\x8e" + u64(2**64 - 1) + b"x.",
    "BYTEARRAY8 that is huge": b"\x96" + u64(HUGE) + b"x.",
    "BINUNICODE that is huge": b"X" + u32(2**32 - 1) + b"x.",
    "BINUNICODE8 that is huge": b"\x8d" + u64(HUGE) + b"x.",
    "FRAME that is huge": b"\x95" + u64(HUGE) + b"N.",
    "LONG_BINPUT that is huge": b"]r" + u32(2**32 - 1) + b".",
    "BINPUT twice": b"]q\x00q\x00.",
    "BINGET of nothing": b"h\x00.",
    "LONG_BINGET that is huge": b"j" + u32(2**32 - 1) + b".",
    "list in itself": b"]\x94h\x00a.",
    "dict in itself": b"](}\x94" + text("id") + b"h\x01se.",
    "dict changed after it was placed": b"](}\x94" + text("id") + b"K\x01seh\x00" + text("id") + b"K\x02s.",
    "marks in marks": b"(" * 100_000 + b".",
    "lists in lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "tuples in tuples": b")" + b"\x85" * 100_000 + b".",
    "dicts without end": b"](" + b"}" * 100_000 + b"e.",
    "billion laughs": b"]" + b"(" + b"".join(b"h" + bytes([i]) * 10 + b"t\x94" for i in range(20)) + b"e.",
    "memo without end": b"N" + b"\x94" * 100_000 + b".",
    "nothing at all": b".",
    "two values": b"NN.",
    "a mark left open": b"N(.",
    "APPEND to nothing": b"a.",
    "APPENDS to a dict": b"}(Ne.",
    "SETITEM of a list": b"]NNs.",
    "SETITEMS of an odd number": b"}(" + text("id") + b"u.",
    "int as key": b"](}K\x01K\x02se.",
    "dict as key": b"](}}K\x02se.",
    "TUPLE2 of one": b"N\x86.",
    "TUPLE without a mark": b"Nt.",
    "BUILD of a list": b"]}b.",
    "BUILD of a class": stack_global("numpy", "ndarray") + b"}b.",
    "BUILD in BUILD": TRANSFORM + b"}" + text("__class__") + TRANSFORM + b"}b" + b"sb.",
    "BUILD of __setstate__": TRANSFORM + b"}" + text("__setstate__") + SYSTEM + b"sb" + COMMAND + b"b.",
    "BUILD twice": TRANSFORM + b"}b}b.",
    "REDUCE without a tuple": RECONSTRUCT + b"NR.",
    "REDUCE of a text": text("x") + b")R.",
    "array that nobody filled": EMPTY_ARRAY + b".",
    "array of a foreign class": RECONSTRUCT + RECONSTRUCT + b"K\x00\x85C\x01b\x87R.",
    "array of another placeholder": RECONSTRUCT + stack_global("numpy", "ndarray") + b"K\x00\x85C\x01O\x87R.",
    "structured dtype": EMPTY_ARRAY + b"(K\x01K\x01\x85" + STRUCTURED + b"\x89C\x08AAAAAAAAtb.",
    "structured dtype alone": STRUCTURED + b".",
}


@pytest.mark.parametrize("key", READERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_no_code_runs(tmp_path, monkeypatch, key, attack):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=key):
        read(tmp_path, key, b"\x80\x04" + ATTACKS[attack])
    assert not os.path.lexists("pwned")


def test_the_watch_sees_what_an_unpickler_does(tmp_path):
    (tmp_path / "pwn").write_bytes(b"")
    with watched() as events:
        pickle.loads(b"\x80\x04" + stack_global("builtins", "len") + text("x") + b"\x85R.")
    assert "pickle.find_class" in events


@pytest.mark.parametrize("key", READERS)
@pytest.mark.parametrize("attack", [name for name in ATTACKS if "huge" in name or "without end" in name])
def test_a_bomb_takes_little_memory(tmp_path, key, attack):
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read(tmp_path, key, b"\x80\x04" + ATTACKS[attack])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def genuine_array(dtype: bytes, state: bytes, payload: bytes = b"C\x08AAAAAAAA", shape: bytes = b"K\x01K\x02\x86"):
    made = stack_global("numpy", "dtype") + dtype + b"\x89\x88\x87R" + state + b"b"
    return b"\x80\x04" + EMPTY_ARRAY + b"(K\x01" + shape + made + b"\x89" + payload + b"tb."


MINUS_ONE = b"J\xff\xff\xff\xff"
PLAIN_STATE = b"(K\x03" + text("<") + b"NNN" + MINUS_ONE * 2 + b"K\x00t"


def test_the_array_that_the_tricks_start_from_is_sound(tmp_path):
    array = read(tmp_path, "train_embeddings", genuine_array(text("f4"), PLAIN_STATE)).array
    assert array.tobytes() == b"AAAAAAAA"


ARRAY_TRICKS = {
    "flags": (genuine_array(text("f4"), PLAIN_STATE.replace(b"K\x00t", b"K\x3ft")), "dtype"),
    "item size": (genuine_array(text("f4"), PLAIN_STATE.replace(MINUS_ONE, b"K\x01", 1)), "dtype"),
    "subarray": (genuine_array(text("f4"), PLAIN_STATE.replace(b"NNN", b"K\x02NN")), "dtype"),
    "names": (genuine_array(text("f4"), PLAIN_STATE.replace(b"NNN", b"N" + text("a") + b"N")), "dtype"),
    "metadata": (genuine_array(text("f4"), PLAIN_STATE.replace(b"K\x00t", b"K\x00Nt")), "dtype"),
    "text with commas": (genuine_array(text("f4,O"), PLAIN_STATE), "dtype 'f4,O'"),
    "code of objects": (genuine_array(text("O8"), PLAIN_STATE), "dtype"),
    "objects from bytes": (
        genuine_array(text("O8"), PLAIN_STATE.replace(text("<"), text("|")).replace(b"K\x00t", b"K\x3ft")),
        "2 objects",
    ),
    "shape too large": (genuine_array(text("f4"), PLAIN_STATE, shape=b"K\x01K\x03\x86"), "12 bytes"),
    "shape overflows 64 bits": (
        genuine_array(text("f4"), PLAIN_STATE, shape=2 * (b"\x8a\x05" + b"\0" * 4 + b"\x01") + b"\x86"),
        "73,786,976,294,838,206,464 bytes",
    ),
    "length of 2,000 bits": (
        genuine_array(text("f4"), PLAIN_STATE, shape=b"\x8a\xfa" + b"\x7f" * 250 + b"K\x01\x86"),
        "whole numbers of 63 bits",
    ),
    "product of more digits than Python prints": (
        genuine_array(text("f4"), PLAIN_STATE, shape=b"(" + b"J\xff\xff\xff\x7f" * 65 + b"t"),
        "at most 64 whole numbers",
    ),
    "shape of negatives": (genuine_array(text("f4"), PLAIN_STATE, shape=MINUS_ONE * 2 + b"\x86"), "shape"),
    "shape of bools": (genuine_array(text("f4"), PLAIN_STATE, shape=b"\x88K\x02\x86"), "shape"),
}


@pytest.mark.parametrize("trick", ARRAY_TRICKS)
def test_a_dtype_or_shape_trick_is_refused(tmp_path, trick):
    content, message = ARRAY_TRICKS[trick]
    with pytest.raises(InputError, match=message):
        read(tmp_path, "train_embeddings", content)


def test_a_text_that_is_repeated_into_gigabytes_is_refused(tmp_path):
    """The pickler writes a text once and then two bytes for each time that it comes back."""
    rows = [{**ROWS[0], "id": i, "headline": text_} for text_ in ["x" * 1_000_000] for i in range(2_200)]
    content = pickle.dumps(rows, 4)
    assert len(content) < 1_100_000
    with pytest.raises(InputError, match="at most 1,073,741,824 bytes of text"):
        read(tmp_path, "train_set", content)
    label = "x" * 10_001
    with pytest.raises(InputError, match="labels of at most 4,000 bytes, found one of 10,001"):
        read(tmp_path, "label_transform", label_transform(class_labels={"A": label, "B": label}))


def test_one_dict_in_two_places_is_refused(tmp_path):
    with pytest.raises(InputError, match="in one place only"):
        read(tmp_path, "train_set", pickle.dumps([ROWS[0], ROWS[0]], 4))


def test_the_limits_on_opcodes_and_fields(tmp_path):
    with pytest.raises(InputError, match="fewer than 500 opcodes"):
        read(tmp_path, "train_embeddings", b"\x80\x04" + b"N" * 501 + b".")
    with pytest.raises(InputError, match="fewer than 20,000 opcodes"):
        read(tmp_path, "label_transform", label_transform(class_labels={str(i): str(i) for i in range(9_000)}))
    with pytest.raises(InputError, match="at most 256 items in a dict"):
        read(tmp_path, "train_set", pickle.dumps([{**ROWS[0], **{str(i): i for i in range(300)}}], 4))
    with pytest.raises(InputError, match=f"at most {MAX_STACK:,} values"):
        read(tmp_path, "train_set", b"\x80\x04](" + b"N" * (MAX_STACK + 1) + b"e.")


def test_thousands_of_rows_and_classes_are_within_the_limits(tmp_path):
    rows = [{**ROWS[0], "id": i} for i in range(5_001)]
    assert read(tmp_path, "train_set", pickle.dumps(rows, 4)).table["id"].to_pylist() == list(range(5_001))
    labels = {str(i): f"label {i}" for i in range(3_000)}
    assert read(tmp_path, "label_transform", label_transform(class_labels=labels)).class_labels == labels
