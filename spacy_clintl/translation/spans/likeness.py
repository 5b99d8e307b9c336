"""How words of a sentence and its translation resemble each other."""

from collections.abc import Sequence

import numpy as np

from ..words import encode_words, similarities, spell
from .grid import Grid

# Less likeness than this says nothing of two words.
FLOOR = 0.5
# Letters of an entity that are compared as a whole.
LETTERS = 40
# Initials of shorter words are left out of acronyms.
SHORT = 3


def is_capital(word: str) -> bool:
    """RETURNS (bool): Whether a word begins with a capital."""
    return word[:1].isupper()


def is_mark(word: str) -> bool:
    """RETURNS (bool): Whether a word has no letter and no digit."""
    return not any(char.isalnum() for char in word)


def above_floor(values: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Values from FLOOR to 1 stretched to 0 to 1, lesser ones 0."""
    return np.maximum(values - FLOOR, 0.0) / (1 - FLOOR)


def likeness(source: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Compare spelling. RETURNS (ndarray): (sources, targets), 0 to 1."""
    first = encode_words([spell(word) for word in source])
    second = encode_words([spell(word) for word in target])
    rows = np.repeat(np.arange(len(source)), len(target))
    columns = np.tile(np.arange(len(target)), len(source))
    found = similarities((first[0][rows], first[1][rows]), (second[0][columns], second[1][columns]))
    # A single letter in common says nothing, unless there are no others.
    short = np.minimum(first[1][rows], second[1][columns]) < 2
    return np.where(short & (found < 1), 0.0, found).reshape(len(source), len(target))


def joined_likeness(entity: Sequence[str], target: Sequence[str], grid: Grid) -> np.ndarray:
    """Compare an entity's words, written as one, with those of each span, as compounds want it.

    RETURNS (ndarray): (starts, lengths), 0 to 1.
    """
    whole = "".join(spell(word) for word in entity if not is_mark(word))
    words = ["" if is_mark(word) else spell(word) for word in target]
    texts = ["".join(words[start:end]) for start, end in grid.spans()]
    codes, lengths = encode_words([whole], LETTERS)
    n = len(texts)
    found = np.zeros(grid.shape)
    found[grid.valid] = similarities(
        (np.repeat(codes, n, 0), np.repeat(lengths, n)), encode_words(texts, LETTERS)
    )
    return found


def containment(entity: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Mark the target words that hold an entity's word as a part: (words, targets), 0 or 1."""
    found = np.zeros((len(entity), len(target)))
    wholes = [spell(word) for word in target]
    for i, word in enumerate(entity):
        part = spell(word)
        if len(part) < 4 and not (word.isupper() and len(part) > 1):
            continue
        # The end of a longer word may be another in a compound.
        kept = part if len(part) < 6 else part[:-1]
        for j, whole in enumerate(wholes):
            found[i, j] = float(len(whole) > len(part) + 1 and kept in whole)
    return found


def acronyms(entity: Sequence[str], target: Sequence[str], grid: Grid) -> np.ndarray:
    """Mark the spans that have an entity's initials, in any order, or spell its acronym out.

    RETURNS (ndarray): (starts, lengths), 0 or 1.
    """
    found = np.zeros(grid.shape)
    if len(entity) == 1 and entity[0].isupper() and 2 <= len(entity[0]) <= 5:
        letters = sorted(entity[0])
        for start, end in grid.spans():
            words = target[start:end]
            at_edges = len(words[0]) > SHORT and len(words[-1]) > SHORT and is_capital(words[0])
            if at_edges and _initials(words) == letters:
                found[start, end - start - 1] = 1.0
    elif len(entity) > 1:
        letters = _initials(entity)
        for j, word in enumerate(target):
            if 2 <= len(word) <= 5 and word.isupper() and sorted(word) == letters:
                found[j, 0] = 1.0
    return found


def _initials(words: Sequence[str]) -> list[str]:
    return sorted(word[0].upper() for word in words if len(word) > SHORT)
