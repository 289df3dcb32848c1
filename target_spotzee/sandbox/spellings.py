"""Spellings of an id that a server may take for the same."""

from __future__ import annotations

import unicodedata


def without_accents(text: str) -> str:
    """``text`` without the marks on its letters."""
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def folded(text: str) -> str:
    """What is the same for all spellings that differ in case and accents only."""
    return without_accents(text.casefold())
