"""Look-alikes: texts that the eye takes for the same one, and which of their characters differ.

They differ in what Unicode composes or decomposes, in letters of another script or width, in invisible characters, or
in kinds of spaces, dashes and quotes. The data are Unicode's own: `unicodedata`, and the confusables of Unicode
Technical Standard 39 as `confusable_homoglyphs` has them.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata

# Longer texts are not compared: nobody looks at them character by character.
_LONGEST = 10_000
_MOST_NAMED = 2
# Digits that stand higher or lower say something else than those on the line: 10² is no 102.
_NOT_NORMALISED = re.compile(r"[^\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209f\u2150-\u218f]+")
# Variation selectors and fillers, which have no category of their own.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
UNSEEN = (
    r"[\s\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]"
)
"""A regular expression of a character that cannot be seen: blank, or without width."""
_SIGNS = {"Zs": " ", "Pd": "-", "Pi": "'", "Pf": "'", "Cf": ""}


def normalised(text: str) -> str:
    """Return a text composed, its letters and digits in their plain width (NFKC, but for raised and lowered digits)."""
    if text.isascii():
        return text
    return _NOT_NORMALISED.sub(lambda run: unicodedata.normalize("NFKC", run.group()), text)


def look_alike(one: str, two: str) -> bool:
    """Tell whether two different texts look the same."""
    if one == two or max(len(one), len(two)) > _LONGEST or (one.isascii() and two.isascii()):
        return False
    return skeleton(one) == skeleton(two)


def told_apart(one: str, two: str) -> str:
    """Return which characters of two look-alikes differ: `U+0041 → U+0410 CYRILLIC CAPITAL LETTER A`."""
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    changes = [
        f"{named(one[a:b])} → {named(two[c:d])}" for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]
    return ", ".join([*changes[:_MOST_NAMED], *["…"] * (len(changes) > _MOST_NAMED)])


def named(characters: str) -> str:
    """Return the code points and names of characters, the first two: `U+200B ZERO WIDTH SPACE`."""
    names = [f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip() for char in characters[:_MOST_NAMED]]
    return " + ".join([*names, *["…"] * (len(characters) > _MOST_NAMED)]) or "nothing"


def skeleton(text: str) -> str:
    """Return what all look-alikes of a text have in common."""
    return "".join(map(_plain, normalised(unicodedata.normalize("NFC", text))))


@functools.lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """Return the ASCII character that a character looks like, nothing for an invisible one, else itself."""
    if char.isascii():
        return char
    if unicodedata.category(char) in _SIGNS:
        return _SIGNS[unicodedata.category(char)]
    if char in _FILLERS or "VARIATION SELECTOR" in unicodedata.name(char, ""):
        return ""
    from confusable_homoglyphs.confusables import confusables_data

    return next((other["c"] for other in confusables_data.get(char, ()) if other["c"].isascii()), char)
