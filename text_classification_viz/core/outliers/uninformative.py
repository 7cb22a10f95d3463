"""Texts with hardly any words: nothing that a label could be judged by.

Belongs here: telling words from numbers, punctuation and emoji in any language. What the vectors say does not
count here.
"""

import re
from itertools import islice

MIN_WORDS = 3  # a noun and its adjective may be about anything

_WORD = re.compile(r"\S*[^\W\d_]\S*")  # between spaces, with at least one letter
# One character of a script without spaces between words: Thai and Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_UNSPACED_PER_WORD = 2  # a Chinese word mostly has two


def is_uninformative(text: str) -> bool:
    """Whether `text` has fewer than `MIN_WORDS` words; numbers, punctuation and emoji are none.

    Where words are not separated by spaces, two characters count as a word.
    """
    if _at_least(MIN_WORDS, _WORD, text):
        return False
    return not _at_least(MIN_WORDS * _UNSPACED_PER_WORD, _UNSPACED, text)


def _at_least(n: int, pattern: re.Pattern[str], text: str) -> bool:
    return sum(1 for _ in islice(pattern.finditer(text), n)) == n
