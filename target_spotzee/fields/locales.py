"""Locales: a language, and perhaps a territory."""

from __future__ import annotations

import re
from functools import lru_cache

from target_spotzee.fields.text import Known, trimmed

MAX_LENGTH = 255

_FORM = re.compile(r"[a-z]{2,3}(?:-[A-Z]{2})?")
# Registered, but not a language: uncoded, several, none, unknown; and qaa to qtz, for private use.
_NO_LANGUAGE = re.compile(r"mis|mul|zxx|und|q[a-t][a-z]")
# Likewise not a territory. XK is for private use in the registry, but everybody uses it for Kosovo.
_NO_TERRITORY = re.compile(r"AA|Q[M-Z]|X(?!K)[A-Z]|ZZ")
# What POSIX (pt_BR.UTF-8, de_DE@euro) and Java (zh_TW_#Hant) write after a locale.
_EXTRAS = re.compile(r"[.@]|_#")
_KEPT = frozenset({"language", "extlang", "script", "territory", "grandfathered"})


def locale(value: object) -> str:
    """Return a locale as ``xx`` or ``xx-YY``, however it was written.

    Spotzee matches locales by case and falls back silently, so ``en_au`` becomes ``en-AU``,
    ``pt_BR.UTF-8`` ``pt-BR``, ``zh-hans-CN`` ``zh-CN``, and the older ``iw`` ``he``.

    Raises:
        ValueError: It is no locale, or its language or territory is not registered.
    """
    if isinstance(value, str) and len(value) <= MAX_LENGTH:
        return _standard(trimmed(value))
    raise ValueError("is not a locale")


@lru_cache(maxsize=1024)
def _standard(text: str) -> str:
    import langcodes
    from langcodes.tag_parser import LanguageTagError, parse_tag

    tag = _EXTRAS.split(text)[0]
    try:
        subtags = parse_tag(tag)  # type: ignore[no-untyped-call] # only the library's front is typed
        # Only these, since the library remembers for ever what it is asked.
        parts = [subtag for kind, subtag in subtags if kind in _KEPT]
        known = langcodes.Language.get(langcodes.standardize_tag("-".join(parts), macro=True))
    except LanguageTagError:
        raise ValueError("is not a locale") from None
    language, territory = known.language or "", known.territory or ""
    if (
        not known.is_valid()
        or _NO_LANGUAGE.fullmatch(language)
        or _NO_TERRITORY.fullmatch(territory)
    ):
        raise ValueError("is not a locale")
    for candidate in (f"{language}-{territory}", language):  # a wider region, 419, is left out
        if _FORM.fullmatch(candidate):
            return candidate
    raise ValueError("is not a locale")


def _is_standard(text: str) -> bool:
    try:
        return bool(_FORM.fullmatch(text)) and locale(text) == text
    except ValueError:
        return False


ordinary = Known(_is_standard).__getitem__
