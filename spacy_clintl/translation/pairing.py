"""Two documents that translate each other, cut into pairs of sentences."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from spacy.tokens import Doc

from ..data.docs import to_record
from ..data.records import Record
from ..data.records import Span as Entity
from ..pairs import SEPARATOR
from .alignment.tasks import Task, Text
from .beads import pair_sentences
from .evidence import Evidence
from .plans import moved
from .protocol import CharSpan
from .segments import LINES, Protected, sentence_starts, shortened

# A sentence of more characters, as of a text without marks, is cut at a blank.
LONGEST = 2000


class Side(NamedTuple):
    """A document, or one side of a pair, cut up.

    sentences (list[CharSpan]): Its sentences.
    lines (list[list[CharSpan]]): The same within lines; empty if sentences go on in the next line.
    """

    sentences: list[CharSpan]
    lines: list[list[CharSpan]]


@dataclass
class Sentences:
    """A document cut into sentences, never inside an entity.

    record (Record): The document.
    words (list[CharSpan]): Its tokens, without white space.
    sides (list[Side]): Both sides of a pair, or one.
    """

    record: Record
    words: list[CharSpan]
    sides: list[Side]

    @cached_property
    def by_start(self) -> list[tuple[int, int]]:
        """Where the record's entities begin and their numbers, in order."""
        return sorted((one.start, n) for n, one in enumerate(self.record.spans or ()))


def cut_document(doc: Doc) -> Sentences:
    """Cut a document into sentences, as annotated or by final punctuation.

    doc (Doc): The document.
    RETURNS (Sentences): Its sentences; those that an entity crosses are one.
    """
    record = to_record(doc)
    words = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
    entities = Protected((entity.start, entity.end) for entity in record.spans or ())
    found = sentence_starts(doc) if len(doc) else []
    starts = [at for at in found if not entities.holds(at)]
    text = record.text
    breaks = [
        at for at in (match.end() for match in LINES.finditer(text)) if not entities.holds(at)
    ]
    borders = [n for n, char in enumerate(text) if char == SEPARATOR]
    sides = []
    for first, last in zip([0, *(n + 1 for n in borders)], [*borders, len(text)]):
        lines = _cut(text, (first, last), breaks)
        wrapped = any(text[start:end].lstrip()[0].islower() for start, end in lines[1:])
        sentences, *by_line = (
            [
                piece
                for start, end in _cut(text, line, starts)
                for piece in shortened(text, start, end, entities, LONGEST)
            ]
            for line in ((first, last), *(() if wrapped else lines))
        )
        sides.append(Side(sentences, by_line))
    return Sentences(record, words, sides)


def _cut(text: str, span: CharSpan, places: Sequence[int]) -> list[CharSpan]:
    """RETURNS (list[CharSpan]): The parts that are not blank; `places` are in order."""
    first, last = span
    cuts = [first, *places[bisect_right(places, first) : bisect_left(places, last)], last]
    return [(a, b) for a, b in itertools.pairwise(cuts) if text[a:b].strip()]


def length_ratio(pairs: Sequence[tuple[Sentences, Sentences]]) -> float | None:
    """Say how long translations are.

    pairs (Sequence[tuple[Sentences, Sentences]]): Documents and their translations.
    RETURNS (float | None): Target characters for one of the source, where both have as many
        sentences; None if that is nowhere so.
    """
    alike = [
        (len(one.record.text), len(other.record.text))
        for one, other in pairs
        if len(_sentences(one)) == len(_sentences(other))
    ]
    source, target = (sum(lengths) for lengths in zip(*alike)) if alike else (0, 0)
    return target / source if source and target else None


def iter_beads(
    source: Sentences,
    target: Sentences,
    ratio: float | None = None,
    known: Mapping[str, set[str]] = MappingProxyType({}),
) -> Iterator[tuple[CharSpan, CharSpan]]:
    """Pair the sentences of a document and its translation, line by line if the lines match.

    source, target (Sentences): Both.
    ratio (float | None): See `pair_sentences`.
    known (Mapping[str, set[str]]): Words that may translate each other, see `lexicon_keys`.
    YIELDS (tuple[CharSpan, CharSpan]): Characters of source and target; an empty span where a
        sentence has no counterpart.
    """
    blocks = [(_sentences(source), _sentences(target))]
    if len(source.sides) == len(target.sides):
        blocks = []
        for one, other in zip(source.sides, target.sides):
            if len(one.lines) == len(other.lines) > 0:
                blocks += zip(one.lines, other.lines)
            else:
                blocks.append((one.sentences, other.sentences))
    for ours, theirs in blocks:
        source_lengths, target_lengths = (
            [end - start for start, end in sentences] for sentences in (ours, theirs)
        )
        evidence = None
        if max(len(ours), len(theirs)) > 1:
            evidence = Evidence(_words(source, ours), _words(target, theirs), known)
        for first, second in pair_sentences(source_lengths, target_lengths, ratio, evidence):
            yield _hull([ours[n] for n in first]), _hull([theirs[n] for n in second])


def _words(document: Sentences, sentences: Sequence[CharSpan]) -> list[list[str]]:
    return [_text(document, sentence).forms() for sentence in sentences]


def _sentences(document: Sentences) -> list[CharSpan]:
    return [sentence for side in document.sides for sentence in side.sentences]


def _hull(spans: Sequence[CharSpan]) -> CharSpan:
    return (spans[0][0], spans[-1][1]) if spans else (0, 0)


def make_task(source: Sentences, target: Sentences, first: CharSpan, second: CharSpan) -> Task:
    """Make the task of one bead; offsets count from the sentences' starts."""
    entities = [moved(entity, -first[0]) for entity in entities_of(source, first)]
    return Task(_text(source, first), _text(target, second), entities)


def entities_of(document: Sentences, span: CharSpan) -> list[Entity]:
    """RETURNS (list[Entity]): The entities that lie in a span."""
    start, end = span
    found = document.by_start
    first = bisect_left(found, start, key=lambda one: one[0])
    last = bisect_right(found, end, key=lambda one: one[0])
    spans = document.record.spans or []
    return [spans[n] for n in sorted(n for _, n in found[first:last]) if spans[n].end <= end]


def _text(whole: Sentences, span: CharSpan) -> Text:
    start, end = span
    first, last = (bisect_left(whole.words, (at, at)) for at in span)
    words = [(a - start, b - start) for a, b in whole.words[first:last]]
    return Text(whole.record.text[start:end], words)
