"""What an unknown name was meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ALIKE = 0.83  # a letter too many, too few, wrong, or two of six in each other's place


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that an unknown one is close to, if it is close to any.

    A close name differs only in case or punctuation, in a letter, or by whole words at the end.
    """
    known = list(known)
    by_letters = {_letters(each): each for each in known}
    alike = difflib.get_close_matches(_letters(name), by_letters, n=1, cutoff=_ALIKE)
    if alike:
        return by_letters[alike[0]]
    words = _words(name)
    longer = [each for each in known if words and _words(each)[: len(words)] == words]
    shorter = [each for each in known if words[: len(_words(each))] == _words(each)]
    found = longer if len(longer) == 1 else shorter
    return max(found, key=len, default=None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether a similar known name was meant; empty if there is none.

    The names may differ more than for `nearest`. Case doesn't count: one database says ``id``,
    another ``ID``.
    """
    folded = {each.casefold(): each for each in known}
    alike = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {folded[alike[0]]!r}?)" if alike else ""


def _letters(name: str) -> str:
    return "".join(_words(name))


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.casefold())
