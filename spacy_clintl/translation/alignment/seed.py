"""Seed lexica: word translations that are known before any pair is read.

The embedded one (`seed_lexicon.tsv`, written for this project) holds frequent words, names of
countries and peoples, and plain medical words in English, Spanish, German, Italian and French, each
column a language. A user's own has two columns, source and target.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ...errors import ClintlError, Errors
from ..protocol import primary_subtag
from ..words import find_words, fold
from .bitext import Bitext

EMBEDDED = Path(__file__).with_name("seed_lexicon.tsv")
# A lexicon's word stands for its inflected forms: this much of a longer word's end may differ.
ENDING, SHORTEST = 2, 4
# What an inflected form and a compound are worth, beside the word itself.
INFLECTED, COMPOUND = 0.75, 0.4
# The share of a text's words that the embedded lexicon must know to tell its language.
KNOWN = 0.2


class SeedLexicon:
    """Pairs of words that may translate each other.

    pairs (Iterable[tuple[str, str]]): Source and target words.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()):
        self.pairs = sorted({(fold(source), fold(target)) for source, target in pairs})

    def __len__(self) -> int:
        return len(self.pairs)

    def __add__(self, other: "SeedLexicon") -> "SeedLexicon":
        return SeedLexicon([*self.pairs, *other.pairs])

    def cells(self, bitext: Bitext) -> np.ndarray:
        """Mark the pairs of types that are in the lexicon, inflected forms of its words included.

        bitext (Bitext): Sentence pairs.
        RETURNS (ndarray): (cells,) 1 where the lexicon has both words, less for inflected ones.
        """
        sources = _matches({source for source, _ in self.pairs}, bitext.source.words)
        targets = _matches({target for _, target in self.pairs}, bitext.target.words)
        width = len(bitext.target)
        keys, values = [], []
        for source, target in self.pairs:
            for first, exact in sources.get(source, ()):
                for second, exact_too in targets.get(target, ()):
                    keys.append(first * width + second)
                    values.append(min(exact, exact_too))
        found = np.zeros(bitext.n_cells)
        places = np.searchsorted(bitext.keys, keys)
        places = np.minimum(places, bitext.n_cells - 1)
        known = bitext.keys[places] == np.array(keys, dtype=np.int64)
        np.maximum.at(found, places[known], np.array(values)[known])
        found[0] = 0.0
        return found


def _matches(wanted: set[str], words: Sequence[str]) -> dict[str, list[tuple[int, float]]]:
    """Find the types that are forms of each word, and how sure that is."""
    by_edge = defaultdict(set)
    for number, word in enumerate(words):
        by_edge[word[:SHORTEST]].add(number)
        by_edge[word[-SHORTEST:]].add(number)
    nothing: set[int] = set()
    found = {}
    for word in wanted:
        near = by_edge.get(word[:SHORTEST], nothing) | by_edge.get(word[-SHORTEST:], nothing)
        forms = [(number, _form_of(word, words[number])) for number in sorted(near)]
        found[word] = [(number, sure) for number, sure in forms if sure]
    return found


def _form_of(word: str, form: str) -> float:
    """RETURNS (float): How sure a type is a form of a lexicon's word, or a compound with it."""
    if form == word:
        return 1.0
    if len(word) <= SHORTEST:
        return 0.0
    if len(form) <= len(word) + ENDING:
        return INFLECTED if form.startswith(word[: max(SHORTEST, len(word) - ENDING)]) else 0.0
    return COMPOUND if form.startswith(word) or form.endswith(word) else 0.0


def read_seed_lexicon(path: str | Path) -> SeedLexicon:
    """Read a lexicon of two columns, divided by a tab: source word, target word.

    path (str | Path): UTF-8 text. Several translations are divided by commas; lines that begin
        with '#' are left out.
    RAISES (ClintlError): It cannot be read, or a line has no two columns.
    """
    return SeedLexicon(
        pair for source, target in _columns(path) for pair in _products(source, target)
    )


def read_parallel(path: str | Path) -> list[tuple[list[str], list[str]]]:
    """Read sentence pairs in two columns, divided by a tab: source, target.

    path (str | Path): UTF-8 text; lines that begin with '#' are left out.
    RETURNS (list[tuple[list[str], list[str]]]): Their words.
    RAISES (ClintlError): It cannot be read, or a line has no two columns.
    """
    return [
        (
            [source[start:end] for start, end in find_words(source)],
            [target[start:end] for start, end in find_words(target)],
        )
        for source, target in _columns(path)
    ]


def _columns(path: str | Path) -> list[tuple[str, str]]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ClintlError(Errors.CL651.format(path=path, reason=type(error).__name__)) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) < 2 or not columns[0] or not columns[1]:
            raise ClintlError(Errors.CL652.format(path=path, line=number))
        found.append((columns[0], columns[1]))
    if not found:
        raise ClintlError(Errors.CL653.format(path=path))
    return found


def _products(source: str, target: str) -> list[tuple[str, str]]:
    sources = [word for part in source.split(",") for word in part.split()]
    targets = [word for part in target.split(",") for word in part.split()]
    return [(first, second) for first in sources for second in targets]


def embedded_columns() -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): The columns of the embedded lexicon by language."""
    header, *lines = EMBEDDED.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return {name: [row[i] for row in rows] for i, name in enumerate(header.split("\t"))}


def embedded_lexicon(source: str, target: str) -> SeedLexicon:
    """Give the embedded lexicon of two languages; empty if it has not both.

    source, target (str): Language codes, such as 'en' or 'es-MX'.
    """
    columns = embedded_columns()
    source, target = map(primary_subtag, (source, target))
    if source not in columns or target not in columns:
        return SeedLexicon()
    rows = zip(columns[source], columns[target])
    return SeedLexicon(pair for first, second in rows for pair in _products(first, second))


def guess_language(words: Iterable[str]) -> str | None:
    """Tell the language of a text by the share of its words that the embedded lexicon has.

    words (Iterable[str]): Words of the text.
    RETURNS (str | None): A language of the embedded lexicon, or None if it can be none of them.
    """
    text = [fold(word) for word in words if word[:1].isalpha()]
    if not text:
        return None
    shares = {}
    for language, cells in embedded_columns().items():
        known = {word for cell in cells for part in cell.split(",") for word in part.split()}
        shares[language] = sum(word in known for word in text) / len(text)
    best = max(shares, key=lambda language: shares[language])
    return best if shares[best] >= KNOWN else None
