"""JSON as its standard has it (RFC 8259), without what Python's own reader lets pass.

Scope: from a text to plain values. What they mean is for whoever reads the file to say.
"""

import json
import math
from collections import Counter
from typing import Any, NoReturn


def parse_strict_json(text: str) -> Any:
    """Give the value of a JSON text.

    Raises
    ------
    ValueError
        No JSON, a name twice in one object, NaN or a number beyond float64, or brackets in brackets, hundreds
        deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("brackets in brackets, too deep to read") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the name {twice[:80]!r} twice in one object")
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:80]} is beyond float64")
    return number
