"""Cutting texts into segments to translate: at sentences and lines, never inside an entity."""

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.util import get_lang_class

from ..errors import ClintlError, Errors
from ..pairs import SEPARATOR
from .protocol import CharSpan, primary_subtag

# Longer ones are cut at a blank: backends have limits, and none needs so much context.
LONGEST = 1000
_SENTENCIZER = Sentencizer()
LINES = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028]+")


def blank_pipeline(lang: str) -> Language:
    """Give the blank pipeline of a language.

    lang (str): The language's code.
    RETURNS (Language): The pipeline.
    RAISES (ClintlError): spaCy has none, or it needs a package that is not installed.
    """
    try:
        return get_lang_class(primary_subtag(lang))()
    except ImportError as error:
        raise ClintlError(Errors.CL608.format(lang=lang)) from error


def sentence_starts(doc: Doc) -> list[int]:
    """List where sentences begin: as annotated, else by the language's final punctuation.

    doc (Doc): The document.
    RETURNS (list[int]): Character offsets.
    """
    if not doc.has_annotation("SENT_START"):
        # Not by a pipeline: to look its factory up would load every plugin that is installed.
        doc = _SENTENCIZER(doc.copy())
    return [sent.start_char for sent in doc.sents]


class Protected:
    """Where a text must not be cut: inside of entities.

    spans (Iterable[CharSpan]): The entities; they may overlap.
    """

    def __init__(self, spans: Iterable[CharSpan]):
        # One after the other, so that looking a place up does not look at every entity.
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(span for span in spans if span[0] < span[1]):
            if self.ends and start < self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def holds(self, at: int) -> bool:
        """RETURNS (bool): Whether a place is inside of an entity, not at its border."""
        n = bisect_left(self.starts, at) - 1
        return n >= 0 and at < self.ends[n]


def cut(
    text: str,
    starts: Sequence[int],
    protected: Sequence[CharSpan],
    longest: int = LONGEST,
) -> list[CharSpan]:
    """Cut a text into segments.

    text (str): The text.
    starts (Sequence[int]): Where sentences begin.
    protected (Sequence[CharSpan]): Entities, inside of which is not cut. Only the character that
        divides the two sides of a pair is always cut at.
    longest (int): Characters of a segment, unless an entity is longer.
    RETURNS (list[CharSpan]): Spans without white space around them, in order; all else of the text
        is white space.
    """
    entities = Protected(protected)
    wanted = {*starts, *(match.end() for match in LINES.finditer(text))}
    borders = [at for at in sorted(wanted) if not entities.holds(at)]
    sides = [n for n, char in enumerate(text) if char == SEPARATOR]
    borders = sorted({0, len(text), *borders, *sides, *(n + 1 for n in sides)})
    spans = []
    for start, end in itertools.pairwise(borders):
        for first, last in shortened(text, start, end, entities, longest):
            span = stripped(text, (first, last))
            if span[0] < span[1]:
                spans.append(span)
    return spans


def stripped(text: str, span: CharSpan) -> CharSpan:
    """RETURNS (CharSpan): A span without the white space at its edges; empty if it is all."""
    start, end = span
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, span[0] + len(piece.rstrip()))


def shortened(
    text: str, start: int, end: int, protected: Protected, longest: int
) -> list[CharSpan]:
    """Cut a long span at blanks, or where it must be.

    text (str): The text.
    start, end (int): The span.
    protected (Protected): Entities, inside of which is not cut.
    longest (int): Characters of a part, unless an entity is longer.
    RETURNS (list[CharSpan]): Its parts, in order.
    """
    pieces = []
    while end - start > longest:
        limit = start + longest
        blanks = [n for n in range(start + 1, limit + 1) if text[n].isspace()]
        places = [n for n in blanks if not protected.holds(n)]
        if places:
            at = places[-1]
        else:
            # No blank: cut where it must be, though not in an entity; a longer entity stays whole.
            at = next((n for n in range(limit, end) if not protected.holds(n)), end)
        pieces.append((start, at))
        start = at
    return [*pieces, (start, end)]
