"""Cognates: words of two languages that are spelled alike, found in raw texts of both.

Clinical terms are Greek and Latin in every European language, and rare enough to be missing from
a general translator's dictionary: nefrostomía is no word of it, and nephrostomy is one of any pile
of English notes.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.raw import read_texts
from ..errors import ClintlError, Errors
from ..util import whole_file
from .protocol import Segment, Translator
from .words import encode_words, similarities, spell

# Shorter words are alike by chance.
LETTERS = 5
# Words are compared with those that begin alike.
INITIALS = 3
_WORD = re.compile(r"[^\W\d_]+")
# How spelled words (see `spell`) are brought together further: regular correspondences between
# English and the Romance languages, of letters and of the first ending that matches.
_LETTERS = tuple(
    (re.compile(written), norm)
    for written, norm in (
        ("h", ""),
        ("x", "ks"),
        ("z", "s"),
        ("[ao]e", "e"),
        ("mf", "nf"),
        ("pn", "n"),
        ("^ps", "s"),
        ("^e(?=s[tpkml])", ""),
        ("k(?=[ei])", "s"),
        (r"(.)\1", r"\1"),
    )
)
_ENDINGS = tuple(
    (re.compile(f"(?:{ending})$"), norm)
    for ending, norm in (
        ("(?:ks|kt|k|t|s)ion(?:es|s)?", "tion"),
        ("[dt]ades|[dt]ad|tat|tes?|ties|t[ia]", "te"),
        ("ikamente|ikement|ikal[ei]?|ikales|ikaux|ik[aeio]?s?", "ik"),
        ("os[oa]s?|ous|eux|euses?", "os"),
        ("iv[aeo]?s?|ifs?", "iv"),
        ("ari[oa]?s?|aires?|ar(?:es)?", "ar"),
        ("ori[oa]?s?|oires?", "or"),
        ("ad[oa]s?|ated?", "at"),
        ("ennes?|iens?|ian|an[oa]?s?", "an"),
        ("oide?s?|oide[oa]s?", "oid"),
        ("itis|ites?", "itis"),
        ("osis|oses?", "osis"),
        ("ale?s?|aux", "al"),
        ("i[ae]?s?", "i"),
        ("um(?:es)?|[uaoe]s|[saoe]", ""),
    )
)
# As many letters are left of a word, or it has no ending: malar is not malaria.
_STEM = 5


@dataclass(frozen=True)
class Cognate:
    """Two words that are spelled alike.

    source (str): The word, in lower case.
    target (str): The word of the other language.
    likeness (float): From 0 to 1 for the same spelling.
    count (int): How often the source word was seen.
    """

    source: str
    target: str
    likeness: float
    count: int


def count_words(paths: Iterable[str | Path]) -> Counter[str]:
    """Count the words of raw texts that are long enough and written in lower case.

    What begins with a capital may be a name, which is no cognate and shall stand in no dictionary.

    paths (Iterable[str | Path]): Files and folders, see `read_texts`.
    RETURNS (Counter[str]): The words.
    RAISES (ClintlError): A path cannot be read, or there is no such word in any.
    """
    paths = list(paths)
    words: Counter[str] = Counter()
    for raw in read_texts(paths):
        text = unicodedata.normalize("NFC", raw.text)
        words.update(w for w in _WORD.findall(text) if len(w) >= LETTERS and w.islower())
    if not words:
        named = ", ".join(map(str, paths))
        raise ClintlError(Errors.CL618.format(path=named, letters=LETTERS))
    return words


def unknown_words(
    words: Mapping[str, int], translator: Translator, source: str, target: str
) -> Counter[str]:
    """Leave out the words that a translator knows.

    words (Mapping[str, int]): Words and their counts.
    translator (Translator): It lists what it left untranslated.
    source (str): The language of the words.
    target (str): The language it translates to.
    RETURNS (Counter[str]): Words that it left as they were; those it failed on are left out.
    RAISES (ClintlError): The translator does not have the pair.
    """
    listed = list(words)
    made = translator.translate([Segment(word) for word in listed], source, target)
    return Counter(
        {
            word: words[word]
            for word, one in zip(listed, made)
            if not one.error and (0, len(word)) in one.untranslated
        }
    )


def find_cognates(
    words: Mapping[str, int], vocabulary: Mapping[str, int], likeness: float = 0.85
) -> Iterator[Cognate]:
    """Find for each word the most alike of another language.

    Likeness is that of the spelling with accents, doubled letters and spellings of one sound
    levelled (a third), and of the same with regular endings levelled, too (two thirds); each is one
    minus the edit distance by the longer word's length.

    words (Mapping[str, int]): Words and their counts.
    vocabulary (Mapping[str, int]): Words of the other language; of those equally alike the most
        frequent is taken.
    likeness (float): How alike they must be, 0 to 1.
    YIELDS (Cognate): In the order of the words; words without one are left out.
    """
    index: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for other in vocabulary:
        spelled = spell(_plain(other))
        stem = _stem(spelled)
        index[stem[:INITIALS]].append((stem, spelled, other))
    coded = {
        initials: (encode_words([row[0] for row in rows]), encode_words([row[1] for row in rows]))
        for initials, rows in index.items()
    }
    for word, count in words.items():
        spelled = spell(_plain(word))
        stem = _stem(spelled)
        rows = index.get(stem[:INITIALS])
        if not rows:
            continue
        stems, whole = coded[stem[:INITIALS]]
        alike = (2 * _compared(stem, stems) + _compared(spelled, whole)) / 3
        # Hundredths say nothing: of those as alike, the frequent one.
        nearly = np.round(alike, 2)
        equals = np.flatnonzero(nearly == nearly.max())
        best = max(equals.tolist(), key=lambda row: vocabulary[rows[row][2]])
        if alike[best] >= likeness:
            yield Cognate(word, rows[best][2], float(alike[best]), count)


def write_cognates(cognates: Sequence[Cognate], path: Path) -> None:
    """Write a dictionary as the lexicon translator reads it, the most frequent words first.

    cognates (Sequence[Cognate]): The words.
    path (Path): A .tsv file.
    """
    with whole_file(path) as whole, whole.open("w", encoding="utf-8") as file:
        for one in sorted(cognates, key=lambda one: (-one.count, one.source)):
            file.write(f"{one.source}\t{one.target}\n")


def _plain(word: str) -> str:
    return word.replace("œ", "oe").replace("æ", "ae")


def _stem(spelled: str) -> str:
    for pattern, norm in _LETTERS:
        spelled = pattern.sub(norm, spelled)
    for pattern, norm in _ENDINGS:
        match = pattern.search(spelled)
        if match:
            stem = spelled[: match.start()] + norm
            if len(stem) >= _STEM + bool(norm):
                return stem
    return spelled


def _compared(word: str, others: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    codes, lengths = encode_words([word])
    n = len(others[0])
    return similarities((np.repeat(codes, n, axis=0), np.repeat(lengths, n)), others)
