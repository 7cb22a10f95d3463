"""The pickle opcodes, read as data: nothing is imported, called or built but plain values and stand-ins.

Scope: what each opcode does to the stack and the memo, and the limits that hold for every file. What a
certain file may hold is a `Grammar`, and what its stand-ins mean is for the module of that file to say. The
machine that comes with Python is no alternative, even with an allow-list of classes: handing it numpy's own
classes lets a crafted file crash the process.

A genuine file is what CPython's pickler writes in protocol 2 to 5 for a value without shared containers. The
opcodes are described in the docstrings of CPython's `pickletools`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.storage.reading.stable_read import UpstreamFile

PROTOCOLS = range(2, 6)
MAX_STACK = 2_048  # the pickler writes at most 1,000 items or pairs (`_BATCHSIZE`) after one mark
MAX_NAME = 256  # bytes of a module's or a global's name
MAX_MEMO = 1 << 26  # the pickler writes four for a row


@dataclass(frozen=True)
class Global:
    """The name of a class or function; never looked up."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """What would be `function(*args)`, with `state` set on it; never called."""

    function: Global
    args: tuple
    state: object = None


@dataclass(eq=False)
class Binary:
    """A bytes or bytearray value.

    Attributes
    ----------
    data
        uint8 array (length,), aligned and writable.
    """

    data: np.ndarray


@dataclass(frozen=True)
class Grammar:
    """What the genuine files of one kind hold; everything else is refused.

    Attributes
    ----------
    value
        The value in words, for messages.
    opcodes
        Names of the opcodes, as in `pickletools`; PROTO and STOP are implied.
    globals
        Classes and functions that may be named.
    max_opcodes
        Most opcodes in a file; None where the number of rows decides.
    max_marks
        Most marks open at a time.
    max_dict_items
        Most items in a dict.
    remedies
        What to do about values of a foreign package that people write at times, by its name.
    """

    value: str
    opcodes: frozenset[str]
    globals: frozenset[Global]
    max_opcodes: int | None
    max_marks: int
    max_dict_items: int
    remedies: Mapping[str, str] = field(default_factory=dict)


class PickleParser:
    """Reads one pickle, from the first byte of a file to its last.

    A str becomes its UTF-8 bytes as they stand in the file, unchecked; bytes and bytearray become `Binary`. int,
    float, bool, None, tuple, list and dict are themselves, and whatever else there is becomes a `Call`.

    Parameters
    ----------
    file
        Open at its first byte.
    grammar
        What the file may hold.
    """

    def __init__(self, file: UpstreamFile, grammar: Grammar) -> None:
        self.file = file
        self.grammar = grammar
        self.stack: list = []
        self.outer_stacks: list[list] = []  # one for each open mark, the outermost first
        self._memo: list = []
        self._read = file.read
        self._handlers = {
            byte: getattr(self, f"_{name.lower()}") for name, byte in OPCODES.items() if name in grammar.opcodes
        }

    def parse(self) -> object:
        """Give the value of the file.

        Raises
        ------
        InputError
            Anything that a genuine file of this kind does not hold.
        """
        self._check_protocol()
        read, handler_of, max_opcodes = self._read, self._handlers.get, self.grammar.max_opcodes
        n_opcodes = 0
        while handler := handler_of(opcode := read(1)):
            n_opcodes += 1
            if n_opcodes == max_opcodes:
                raise self.refuse(f"fewer than {max_opcodes:,} opcodes", "more")
            try:
                handler()
            except IndexError:
                raise self.refuse(
                    "opcodes in their order", f"{_show(opcode)} with too little to work on"
                ) from None
            if len(self.stack) > MAX_STACK:
                raise self.refuse(f"at most {MAX_STACK:,} values in one go", "more")
        if opcode != STOP:
            raise self._no_opcode(opcode)
        return self._finish()

    def refuse(self, expected: str, found: str, remedy: str | None = None) -> InputError:
        """Make the error for what stands just before the current position."""
        return self.file.fault(
            f"a pickle of {self.grammar.value}: {expected}",
            f"{found} (before byte {self.file.tell():,})",
            remedy,
        )

    def append(self, target: list, items: list) -> None:
        """Add items to a list; a subclass may take the items elsewhere."""
        target.extend(items)

    def _check_protocol(self) -> None:
        first = self.file.read_exactly(1)
        if first != PROTO:
            raise self.refuse(
                f"protocol {PROTOCOLS[0]} to {PROTOCOLS[-1]}",
                f"the first byte {_show(first)}, which is protocol 0 or 1 or no pickle",
            )
        protocol = self.file.read_exactly(1)[0]
        if protocol not in PROTOCOLS:
            raise self.refuse(f"protocol {PROTOCOLS[0]} to {PROTOCOLS[-1]}", f"protocol {protocol}")

    def _no_opcode(self, opcode: bytes) -> InputError:
        if not opcode:
            return self.file.cut_short(
                f"a pickle of {self.grammar.value}, which ends with the opcode STOP",
                f"the end of the file at byte {self.file.size:,}",
            )
        return self.refuse("only the opcodes that it takes", f"the forbidden opcode {_show(opcode)}")

    def _finish(self) -> object:
        if self.outer_stacks or len(self.stack) != 1:
            raise self.refuse("one value at the end", f"{len(self.stack)} and {len(self.outer_stacks)} open marks")
        if self.file.remaining():
            raise self.file.fault(
                f"a pickle of {self.grammar.value} that ends where the file ends",
                f"{self.file.remaining():,} bytes after its end at byte {self.file.tell():,}",
            )
        return self.stack[0]

    # Numbers and lengths

    def _byte(self) -> int:
        try:
            return self._read(1)[0]
        except IndexError:
            return self.file.read_exactly(1)[0]  # which says that the file is truncated

    def _unsigned(self, width: int) -> int:
        return int.from_bytes(self.file.read_exactly(width), "little")

    def _signed(self, width: int) -> int:
        return int.from_bytes(self.file.read_exactly(width), "little", signed=True)

    def _binint(self) -> None:
        self.stack.append(self._signed(4))

    def _binint1(self) -> None:
        self.stack.append(self._byte())

    def _binint2(self) -> None:
        self.stack.append(self._unsigned(2))

    def _long1(self) -> None:
        self.stack.append(self._signed(self._byte()))

    def _binfloat(self) -> None:
        self.stack.append(struct.unpack(">d", self.file.read_exactly(8))[0])

    def _none(self) -> None:
        self.stack.append(None)

    def _newtrue(self) -> None:
        self.stack.append(True)

    def _newfalse(self) -> None:
        self.stack.append(False)

    # Texts and bytes

    def _short_binunicode(self) -> None:
        self.stack.append(self.file.read_exactly(self._byte()))

    def _binunicode(self) -> None:
        self.stack.append(self.file.read_exactly(self._unsigned(4)))

    def _short_binbytes(self) -> None:
        self.stack.append(Binary(self.file.read_array(self._byte())))

    def _binbytes(self) -> None:
        self.stack.append(Binary(self.file.read_array(self._unsigned(4))))

    def _binbytes8(self) -> None:
        self.stack.append(Binary(self.file.read_array(self._unsigned(8))))

    _bytearray8 = _binbytes8

    # Containers

    def _mark(self) -> None:
        if len(self.outer_stacks) == self.grammar.max_marks:
            raise self.refuse(f"at most {self.grammar.max_marks} marks open at a time", "more")
        self.outer_stacks.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list:
        items = self.stack
        self.stack = self.outer_stacks.pop()
        return items

    def _tuple(self) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _empty_tuple(self) -> None:
        self.stack.append(())

    def _last_as_tuple(self, n_items: int) -> None:
        if len(self.stack) < n_items:
            raise IndexError
        self.stack[-n_items:] = [tuple(self.stack[-n_items:])]

    def _tuple1(self) -> None:
        self._last_as_tuple(1)

    def _tuple2(self) -> None:
        self._last_as_tuple(2)

    def _tuple3(self) -> None:
        self._last_as_tuple(3)

    def _empty_list(self) -> None:
        self.stack.append([])

    def _append(self) -> None:
        self._append_all([self.stack.pop()])

    def _appends(self) -> None:
        self._append_all(self._since_mark())

    def _append_all(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise self.refuse("items only for lists", f"items for a {type(target).__name__}")
        self.append(target, items)

    def _empty_dict(self) -> None:
        self.stack.append({})

    def _setitem(self) -> None:
        value = self.stack.pop()
        self._set_all([self.stack.pop(), value])

    def _setitems(self) -> None:
        self._set_all(self._since_mark())

    def _set_all(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise self.refuse("pairs for dicts", f"{len(items)} items for a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not bytes:
                raise self.refuse("dict keys of type str", f"a key of type {type(key).__name__}")
            target[key] = value
        if len(target) > self.grammar.max_dict_items:
            raise self.refuse(f"at most {self.grammar.max_dict_items:,} items in a dict", f"{len(target):,}")

    # The memo, in which the pickler numbers what it has written, from 0 on

    def _memoize(self) -> None:
        value = self.stack[-1]
        if len(self._memo) == MAX_MEMO:
            raise self.refuse(f"at most {MAX_MEMO:,} values in the memo", "more")
        # A list or dict that could be had a second time could change, or hold itself, after it was checked.
        self._memo.append(_UNSHARED if type(value) in (list, dict) else value)

    def _put(self, index: int) -> None:
        if index != len(self._memo):
            raise self.refuse(f"memo index {len(self._memo):,} next", f"{index:,}")
        self._memoize()

    def _binput(self) -> None:
        self._put(self._byte())

    def _long_binput(self) -> None:
        self._put(self._unsigned(4))

    def _get(self, index: int) -> None:
        if index >= len(self._memo):
            raise self.refuse(f"a memo index below {len(self._memo):,}", f"{index:,}")
        value = self._memo[index]
        if value is _UNSHARED:
            raise self.refuse("each list and dict in one place only", "one that stands in two places")
        self.stack.append(value)

    def _binget(self) -> None:
        self._get(self._byte())

    def _long_binget(self) -> None:
        self._get(self._unsigned(4))

    # Names and calls

    def _name(self, module: object, name: object) -> None:
        if type(module) is not bytes or type(name) is not bytes:
            raise self.refuse("the names of a global as str", "other values")
        found = Global(*(part[: MAX_NAME + 1].decode(errors="replace") for part in (module, name)))
        if found not in self.grammar.globals:
            known = ", ".join(sorted(f"{one.module}.{one.name}" for one in self.grammar.globals)) or "none at all"
            raise self.refuse(
                f"of globals only {known}",
                f"the foreign global '{found.module}.{found.name}'",
                self.grammar.remedies.get(found.module.partition(".")[0]),
            )
        self.stack.append(found)

    def _global(self) -> None:
        module, name = (self.file.readline(MAX_NAME) for _ in range(2))
        if not (module.endswith(b"\n") and name.endswith(b"\n")):
            raise self.refuse("a global in two short lines", "none")
        self._name(module[:-1], name[:-1])

    def _stack_global(self) -> None:
        name = self.stack.pop()
        self._name(self.stack.pop(), name)

    def _reduce(self) -> None:
        args = self.stack.pop()
        function = self.stack.pop()
        if type(function) is not Global or type(args) is not tuple:
            raise self.refuse("calls of a global with a tuple", f"one of a {type(function).__name__}")
        self.stack.append(Call(function, args))

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not Call or target.state is not None:
            raise self.refuse("a state, once, for objects", f"one for a {type(target).__name__}")
        target.state = state

    # A class and its arguments, as REDUCE has a function and its arguments.
    _newobj = _reduce

    def _frame(self) -> None:
        length = self._unsigned(8)
        if length > self.file.remaining():
            raise self.file.cut_short(
                f"a pickle of {self.grammar.value}: frames that end in the file of {self.file.size:,} bytes",
                f"one of {length:,} bytes (before byte {self.file.tell():,})",
            )


PROTO = b"\x80"
STOP = b"."
_UNSHARED = object()

# The method `_name` of PickleParser carries out the opcode NAME.
OPCODES = {
    "BINFLOAT": b"G",
    "BININT": b"J",
    "BININT1": b"K",
    "BININT2": b"M",
    "LONG1": b"\x8a",
    "NONE": b"N",
    "NEWTRUE": b"\x88",
    "NEWFALSE": b"\x89",
    "SHORT_BINUNICODE": b"\x8c",
    "BINUNICODE": b"X",
    "SHORT_BINBYTES": b"C",
    "BINBYTES": b"B",
    "BINBYTES8": b"\x8e",
    "BYTEARRAY8": b"\x96",
    "MARK": b"(",
    "TUPLE": b"t",
    "EMPTY_TUPLE": b")",
    "TUPLE1": b"\x85",
    "TUPLE2": b"\x86",
    "TUPLE3": b"\x87",
    "EMPTY_LIST": b"]",
    "APPEND": b"a",
    "APPENDS": b"e",
    "EMPTY_DICT": b"}",
    "SETITEM": b"s",
    "SETITEMS": b"u",
    "MEMOIZE": b"\x94",
    "BINPUT": b"q",
    "LONG_BINPUT": b"r",
    "BINGET": b"h",
    "LONG_BINGET": b"j",
    "GLOBAL": b"c",
    "STACK_GLOBAL": b"\x93",
    "REDUCE": b"R",
    "NEWOBJ": b"\x81",
    "BUILD": b"b",
    "FRAME": b"\x95",
}
# What the grammars share; GLOBAL and STACK_GLOBAL stand here so that a foreign name is refused by its name.
COMMON_OPCODES = (
    frozenset({"FRAME", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"})
    | {"NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"}
    | {"SHORT_BINUNICODE", "BINUNICODE", "GLOBAL", "STACK_GLOBAL"}
)


def _show(opcode: bytes) -> str:
    return f"0x{opcode.hex()} ({opcode!r})"


def kind_of(value: object) -> str:
    """Name the type that a value of a parsed pickle had when it was written, for messages."""
    match value:
        case Call(function=function):
            return f"a {function.module}.{function.name}"
        case Global(module=module, name=name):
            return f"the name {module}.{name}"
        case bytes():
            return "a str"
        case Binary():
            return "bytes"
        case None:
            return "None"
        case _:
            return f"a {type(value).__name__}"
