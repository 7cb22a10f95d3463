"""Texts with hardly any words: nothing that a label could be judged by.

Scope: telling words from numbers, punctuation, emoji, addresses and markup in any language. What the
vectors say does not count here.
"""

import re

MIN_WORDS = 3  # a noun and its adjective may be about anything

# Scripts without spaces between words, and how many letters make a word.
_HAN = "\u3005\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_PER_WORD = 2
# Thai, Lao and Tibetan; Myanmar; Khmer; kana and bopomofo; kana of half the width.
_UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\uff66-\uff9f"
_UNSPACED_PER_WORD = 3

# What is matched without a name is passed over: web and mail addresses, tags, entities. Python's letters are
# neither digits nor the marks above and below other letters, and the "st" of "1st" is no word.
_PARTS = re.compile(
    rf"""(?:https?://|ftp://|www\.)[!-~]+ | (?<!\S)[!-~]+@[!-~]+ | </?[a-z][^<>]*> | &\#?[a-z0-9]+;
    | (?P<han>[{_HAN}])
    | (?P<unspaced>[{_UNSPACED}])(?<=[^\W\d_])
    | (?P<word>(?<![\da-z])[^\W\d_{_HAN}{_UNSPACED}](?:[^\s/{_HAN}{_UNSPACED}]*[^\W\d_{_HAN}{_UNSPACED}])?)""",
    re.IGNORECASE | re.VERBOSE,
)


def is_uninformative(text: str) -> bool:
    """Whether `text` has fewer than `MIN_WORDS` different words.

    Numbers, punctuation, emoji, addresses and markup are none. Where words are not separated by spaces, two
    different Chinese characters or three letters of another script count as a word.
    """
    words, han, n_unspaced = set(), set(), 0
    for part in _PARTS.finditer(text):
        match part.lastgroup:
            case "word":
                words.add(part[0].casefold())
            case "han":
                han.add(part[0])
            case "unspaced":
                n_unspaced += 1
        if len(words) + len(han) / _HAN_PER_WORD + n_unspaced / _UNSPACED_PER_WORD >= MIN_WORDS:
            return False
    return True
