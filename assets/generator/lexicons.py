"""Dictionaries between the languages of the notes, from the tables of translations."""

from __future__ import annotations

from .from_english import ENGLISH
from .to_english import FRENCH, SPANISH

HEADER = "# Made by assets/generate.py for the embedded notes; rough, and no general dictionary.\n"


def _rows(table: str) -> list[list[str]]:
    lines = table.strip().split("\n")
    return [[part.strip() for part in line.split("=")] for line in lines]


def _reversed(phrases: dict[str, str]) -> dict[str, str]:
    """Of several phrases with one translation, the first is the common one."""
    back: dict[str, str] = {}
    for phrase, translation in phrases.items():
        # What ends in a colon only stands there because English has another order.
        if translation and not translation.endswith(":"):
            back.setdefault(translation, phrase)
    return back


def build_lexicons() -> dict[str, dict[str, str]]:
    """Phrases and translations by file name."""
    files = {}
    for column, (lang, table) in enumerate((("es", SPANISH), ("fr", FRENCH)), start=1):
        there = {row[0]: row[1] for row in _rows(table)}
        back = _reversed(there)
        back.update({row[0]: row[column] for row in _rows(ENGLISH)})
        files[f"{lang}-en.tsv"] = there
        files[f"en-{lang}.tsv"] = back
    return files


def encode_lexicon(phrases: dict[str, str]) -> bytes:
    lines = (f"{phrase}\t{translation}\n" for phrase, translation in phrases.items())
    return (HEADER + "".join(lines)).encode("utf-8")
