"""Texts that occur twice: the same, nearly the same (MinHash), or within a longer one."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ClintlError, Errors

WORD = re.compile(r"\w+")
# Both 'pain .' and 'pain.' end a sentence: tokenized and running text are cut alike.
# Notes may have a sentence a line, or break their lines anywhere, with headings or without: all
# three are tried. Behind a heading a line begins with no small letter.
_ENDS, _BLANK_LINE = r"(?<=[.!?])\s+", r"\s*\n[^\S\n]*\n\s*"
CUTS = (
    re.compile(rf"{_ENDS}|\s*\n\s*"),
    re.compile(rf"{_ENDS}|{_BLANK_LINE}"),
    re.compile(rf"{_ENDS}|{_BLANK_LINE}|\s*\n\s*(?![\sa-z\u00df-\u00f6\u00f8-\u00ff])"),
)
# Soft hyphens, joiners, marks of direction and of the order of bytes: nobody sees them.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# Word 3-shingles: two texts that share four fifths of theirs differ by a word here and there.
SHINGLE = 3
PERMUTATIONS = 128
# 'METHODS :' is no leak.
LEAST_WORDS = 8


@dataclass(frozen=True)
class Text:
    """A text to compare.

    part (str): The split or collection it belongs to.
    name (str): What names it in a report.
    text (str): The text.
    """

    part: str
    name: str
    text: str


@dataclass(frozen=True)
class Pair:
    """Two texts that share most of what they hold.

    kind (str): 'same text', 'near duplicate' or 'contained'.
    part_a (str), a (str): The part and the name of the one that came first.
    part_b (str), b (str): Those of the other.
    """

    kind: str
    part_a: str
    a: str
    part_b: str
    b: str


class TwinIndex:
    """Finds texts that are the same or nearly so. Holds hashes, no texts.

    Case, punctuation, white space and how Unicode writes a letter do not count.

    threshold (float): The least Jaccard similarity of the sets of word 3-shingles that makes a
        near duplicate, above 0 and at most 1; it is estimated (Broder 1997).
    min_words (int): Shorter texts are passed over.
    RAISES (ClintlError): datasketch is not installed, or the threshold makes no sense.
    """

    def __init__(self, threshold: float = 0.8, min_words: int = LEAST_WORDS) -> None:
        if not 0 < threshold <= 1:
            raise ClintlError(Errors.CL166.format(option="--threshold", value=threshold))
        try:
            from datasketch import MinHashLSH
        except ImportError as error:
            raise ClintlError(Errors.CL167.format(library="datasketch")) from error
        self.threshold = threshold
        self.min_words = min_words
        # Candidates alone: the index is not made for thresholds close to 1.
        self._index = MinHashLSH(threshold=min(threshold, 0.9), num_perm=PERMUTATIONS)
        self._sketches: dict[bytes, Any] = {}
        # The first text of each part by what it says.
        self._names: dict[bytes, dict[str, str]] = defaultdict(dict)

    def add(self, text: Text) -> list[Pair]:
        """Compare a text with those added before, then add it.

        RETURNS (list[Pair]): Its twins, of equal texts the first one in each part.
        """
        return self._compare(text, keep=True)

    def compare(self, text: Text) -> list[Pair]:
        """Compare a text with those that were added, as `add`; memory does not grow."""
        return self._compare(text, keep=False)

    def _compare(self, text: Text, keep: bool) -> list[Pair]:
        words = WORD.findall(plain(text.text))
        if len(words) < self.min_words:
            return []
        digest = _hash(words)
        known = digest in self._names
        kinds = dict.fromkeys([digest] if known else [], "same text")
        sketch = self._sketches.get(digest) or _sketch(words)
        for other in self._index.query(sketch):
            if other != digest and sketch.jaccard(self._sketches[other]) >= self.threshold:
                kinds[other] = "near duplicate"
        pairs = [
            Pair(kind, part, name, text.part, text.name)
            for other, kind in kinds.items()
            for part, name in self._names[other].items()
        ]
        if keep:
            self._names[digest].setdefault(text.part, text.name)
            if not known:
                self._sketches[digest] = sketch
                self._index.insert(digest, sketch)
        return pairs


class SentenceIndex:
    """Finds texts whose sentences occur in other, perhaps much longer texts.

    Labelled corpora often hold single sentences or sections of the notes that a pile of raw text
    holds as a whole; whole texts are then not alike. Holds hashes of the labelled texts alone.

    threshold (float): The least share of a text's words in sentences that were met.
    min_words (int): Shorter sentences are passed over.
    """

    def __init__(self, threshold: float = 0.8, min_words: int = LEAST_WORDS) -> None:
        self.threshold = threshold
        self.min_words = min_words
        self._texts: list[tuple[str, str]] = []
        # Each text by each way of cutting it: whose it is, and the words of its sentences.
        self._cut: list[tuple[int, int]] = []
        self._holders: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        self._met: dict[bytes, str] = {}

    def add(self, text: Text) -> int:
        """Add a text to look for.

        RETURNS (int): Words in the sentences that are long enough; a text without is never found.
        """
        most = 0
        for sentences in self._sentences(text.text):
            total = 0
            for digest, n_words in sentences:
                self._holders[digest].append((len(self._cut), n_words))
                total += n_words
            self._cut.append((len(self._texts), total))
            most = max(most, total)
        self._texts.append((text.part, text.name))
        return most

    def look_in(self, text: Text) -> set[bytes]:
        """Look for the texts that were added in another.

        RETURNS (set[bytes]): Hashes of the sentences that were met in it.
        """
        met = {
            digest
            for sentences in self._sentences(text.text)
            for digest, _ in sentences
            if digest in self._holders
        }
        for digest in met:
            self._met.setdefault(digest, text.name)
        return met

    def found(self, part: str) -> Iterator[Pair]:
        """Yield the texts that were found, with the first text that holds a sentence of each.

        part (str): What the texts that were looked in are called together.
        """
        first: dict[int, str] = {}
        for digest, name in self._met.items():
            for cut, _ in self._holders[digest]:
                first.setdefault(self._cut[cut][0], name)
        for number in sorted({self._cut[cut][0] for cut in self._found()}):
            own_part, own_name = self._texts[number]
            yield Pair("contained", own_part, own_name, part, first[number])

    def sentences_found(self) -> set[bytes]:
        """RETURNS (set[bytes]): Hashes of the sentences of the texts that were found."""
        found = set(self._found())
        return {d for d in self._met if any(n in found for n, _ in self._holders[d])}

    def _found(self) -> list[int]:
        words_met: dict[int, int] = defaultdict(int)
        for digest in self._met:
            for cut, n_words in self._holders[digest]:
                words_met[cut] += n_words
        return [n for n in sorted(words_met) if words_met[n] >= self.threshold * self._cut[n][1]]

    def _sentences(self, text: str) -> Iterator[set[tuple[bytes, int]]]:
        """Yield the hashes and lengths of a text's sentences, for each way of cutting it."""
        text = _composed(text)
        done: list[set[tuple[bytes, int]]] = []
        for cut in CUTS if "\n" in text else CUTS[:1]:
            sentences = set()
            for sentence in cut.split(text):
                words = WORD.findall(sentence.casefold())
                if len(words) >= self.min_words:
                    sentences.add((_hash(words), len(words)))
            if sentences not in done:
                yield sentences
            done.append(sentences)


def plain(text: str) -> str:
    """Take what does not count from a text: case, how Unicode writes a letter, what is not seen.

    text (str): The text.
    RETURNS (str): In NFKC and without case.
    """
    return _composed(text).casefold()


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", _UNSEEN.sub("", text))


def hash_of_words(text: str) -> bytes:
    """Hash what a text says: its words, see `plain`, without punctuation and white space.

    text (str): The text; one without words, such as '+++', counts by its other characters.
    RETURNS (bytes): 16 bytes.
    """
    # Word by word: the list of all words of a long text would take ten times its room.
    digest, empty = hashlib.blake2b(digest_size=16), True
    for match in WORD.finditer(plain(text)):
        empty = False
        digest.update(match[0].encode("utf-8", "surrogatepass") + b" ")
    return _hash(text.split()) if empty else digest.digest()


def _hash(words: list[str]) -> bytes:
    return hashlib.blake2b(
        " ".join(words).encode("utf-8", "surrogatepass"), digest_size=16
    ).digest()


def _sketch(words: list[str]) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=PERMUTATIONS)
    starts = range(max(1, len(words) - SHINGLE + 1))
    shingles = {" ".join(words[i : i + SHINGLE]) for i in starts}
    sketch.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in shingles])
    return sketch
