"""Words as an aligner sees them: folded, cut to stems, compared letter by letter."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

# A run of letters and digits, or one character that is neither and no white space.
WORD = re.compile(r"[^\W_]+|\S")
# The same, but hyphens and decimal signs hold a word together.
WHOLE_WORD = re.compile(r"[^\W_]+(?:(?:-|(?<=\d)[.,](?=\d))[^\W_]+)*|\S")
# The letters of a word that are compared; what follows is cut off.
LETTERS = 20
# Spellings of one sound in different languages, so that cognates look alike.
SOUNDS = (("ph", "f"), ("th", "t"), ("ck", "k"), ("qu", "k"), ("ß", "ss"), ("y", "i"))
LETTER_SOUNDS = str.maketrans("cqwj", "kkvi")


def find_words(text: str) -> list[tuple[int, int]]:
    """Cut a text into words and single marks.

    text (str): Any text.
    RETURNS (list[tuple[int, int]]): Character offsets, start and end of each.
    """
    return [match.span() for match in WHOLE_WORD.finditer(text)]


def fold(word: str) -> str:
    """Lower a word's case and write it in composed form, so that equal words are equal."""
    return unicodedata.normalize("NFC", word).lower()


def stem(word: str, length: int = 5) -> str:
    """Cut a word to its first letters, a stem that needs no knowledge of the language.

    word (str): A folded word.
    length (int): How many characters stay. Numbers stay whole.
    """
    return word if word[:1].isdigit() else word[:length]


def spell(word: str) -> str:
    """Write a word without accents and with one letter a sound, to compare across languages."""
    plain = unicodedata.normalize("NFD", word.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    for written, sound in SOUNDS:
        plain = plain.replace(written, sound)
    plain = plain.translate(LETTER_SOUNDS)
    return re.sub(r"(.)\1", r"\1", plain) if plain.isalpha() else plain


def encode_words(words: Sequence[str], letters: int = LETTERS) -> tuple[np.ndarray, np.ndarray]:
    """Write words as rows of numbers for `similarities`.

    words (Sequence[str]): Spelled words.
    letters (int): What follows is cut off.
    RETURNS (tuple[ndarray, ndarray]): Code points (words, letters), filled up with 0, and lengths.
    """
    codes = np.zeros((len(words), letters), dtype=np.int32)
    lengths = np.zeros(len(words), dtype=np.int32)
    for row, word in enumerate(words):
        cut = word[:letters]
        codes[row, : len(cut)] = [ord(char) for char in cut]
        lengths[row] = len(cut)
    return codes, lengths


def similarities(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Compare words pairwise: one minus the edit distance by the longer word's length.

    All pairs go through the table of Wagner and Fischer (1974) at once, cell by cell.

    first (tuple[ndarray, ndarray]): Rows and lengths of n words, as `encode_words` gives them.
    second (tuple[ndarray, ndarray]): The same of the n words to compare with.
    RETURNS (ndarray): (n,), from 0 for nothing in common to 1 for equal.
    """
    (a, a_lengths), (b, b_lengths) = first, second
    n = len(a)
    rows = np.arange(n)
    longest = int(max(a_lengths.max(initial=0), b_lengths.max(initial=0)))
    above = np.broadcast_to(np.arange(longest + 1, dtype=np.int16), (n, longest + 1)).copy()
    distance = np.where(a_lengths == 0, b_lengths, 0).astype(np.int16)
    for i in range(1, longest + 1):
        current = np.empty_like(above)
        current[:, 0] = i
        changed = (a[:, i - 1, None] != b[:, :longest]).astype(np.int16)
        diagonal = np.minimum(above[:, :-1] + changed, above[:, 1:] + 1)
        # The cell to the left: a running minimum of value - column, plus column.
        columns = np.arange(1, longest + 1, dtype=np.int16)
        shifted = np.concatenate([current[:, :1], diagonal - columns], axis=1)
        current = np.minimum.accumulate(shifted, axis=1)
        current[:, 1:] += columns
        done = a_lengths == i
        distance[done] = current[rows[done], b_lengths[done]]
        above = current
    longer = np.maximum(np.maximum(a_lengths, b_lengths), 1)
    return 1.0 - distance / longer
