"""Spellings of an id that a server may take for the same.

Measured on the platform that Spotzee descends from, November 2026.
"""

from __future__ import annotations

import unicodedata


def without_accents(text: str) -> str:
    """Return text without the marks on its letters."""
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def folded(text: str) -> str:
    """Return text without case and accents: the same for all spellings that differ in these."""
    return without_accents(text.casefold())
