"""From the translation back: what was found in a translated document, in the source again."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..data.records import Span as Entity
from .projection import DROPPED, Projected, Projector, mark_untranslated, overlap
from .protocol import CharSpan, Link, Translation


@dataclass(frozen=True)
class TranslatedText:
    """A text and its translation, segment by segment; between segments both have the same.

    source (str): The text.
    target (str): Its translation. A segment without one is empty there: words in another language
        would only be taken for something.
    sources (tuple[CharSpan, ...]): The segments in the source.
    targets (tuple[CharSpan, ...]): The segments in the target.
    translations (tuple[Translation, ...]): What became of each, with offsets from its start.
    """

    source: str
    target: str
    sources: tuple[CharSpan, ...]
    targets: tuple[CharSpan, ...]
    translations: tuple[Translation, ...]

    @property
    def failed(self) -> list[CharSpan]:
        """Where in the source there is no translation."""
        return [span for span, made in zip(self.sources, self.translations) if made.error]

    @property
    def is_lost(self) -> bool:
        """Whether not one of its segments has a translation; a blank text is not lost."""
        return bool(self.translations) and all(made.error for made in self.translations)

    def links(self) -> list[Link]:
        """List the links of all segments, with offsets into the whole texts."""
        return list(self._links(0, len(self.sources)))

    def untranslated(self) -> list[CharSpan]:
        """List the source words that were not translated, with offsets into the whole text."""
        return [
            (start + a, start + b)
            for (start, _), made in zip(self.sources, self.translations)
            for a, b in made.untranslated
        ]

    def segments_of(self, span: CharSpan) -> tuple[int, int]:
        """Say which segments a span of the target touches.

        span (CharSpan): Offsets into the target; not empty.
        RETURNS (tuple[int, int]): The first, and the one behind the last; equal if there is none.
        """
        first = bisect_right(self.targets, span[0], key=lambda target: target[1])
        last = bisect_left(self.targets, span[1], key=lambda target: target[0])
        return first, max(first, last)

    def _links(self, first: int, last: int) -> Iterator[Link]:
        for n in range(first, last):
            (start, _), (begin, _) = self.sources[n], self.targets[n]
            for (a, b), (c, d) in self.translations[n].links or ():
                yield Link((start + a, start + b), (begin + c, begin + d))


def join(
    text: str, spans: Sequence[CharSpan], translations: Sequence[Translation]
) -> TranslatedText:
    """Put the translations of a text's segments together.

    text (str): The text.
    spans (Sequence[CharSpan]): Its segments, in order.
    translations (Sequence[Translation]): One a segment.
    RETURNS (TranslatedText): Both texts.
    """
    parts: list[str] = []
    targets: list[CharSpan] = []
    length = last = 0
    for (start, end), made in zip(spans, translations, strict=True):
        gap = text[last:start]
        parts.extend((gap, made.text))
        targets.append((length + len(gap), length + len(gap) + len(made.text)))
        length, last = targets[-1][1], end
    parts.append(text[last:])
    return TranslatedText(text, "".join(parts), tuple(spans), tuple(targets), tuple(translations))


def project_back(
    text: TranslatedText, entities: Sequence[Entity], projector: Projector
) -> list[Projected]:
    """Find entities of the translation in the source.

    An entity is looked for in the segment it lies in; one that reaches across a border, in all the
    segments that it touches.

    text (TranslatedText): Both texts.
    entities (Sequence[Entity]): Entities of the target; they may overlap.
    projector (Projector): Prepared for the target's language and the source's, in this order.
    RETURNS (list[Projected]): One an entity, in their order, with offsets into the source.
    """
    found = [Projected(entity.label, 0, 0, DROPPED, 0.0) for entity in entities]
    for (first, last), numbers in _groups(text, entities).items():
        ones = [entities[n] for n in numbers]
        for n, one in zip(numbers, _project_group(text, first, last, ones, projector)):
            found[n] = one
    return found


def _groups(text: TranslatedText, entities: Sequence[Entity]) -> dict[tuple[int, int], list[int]]:
    """Group entities by the segments that they share, as each goes on where another ends."""
    touched = []
    for n, entity in enumerate(entities):
        first, last = text.segments_of((entity.start, entity.end))
        if first < last:
            touched.append((first, last, n))
    groups: dict[tuple[int, int], list[int]] = {}
    now = (0, 0)
    for first, last, n in sorted(touched):
        if first < now[1]:
            numbers = groups.pop(now)
            now = (now[0], max(now[1], last))
            groups[now] = [*numbers, n]
        else:
            now = (first, last)
            groups[now] = [n]
    return groups


def _project_group(
    text: TranslatedText,
    first: int,
    last: int,
    entities: Sequence[Entity],
    projector: Projector,
) -> list[Projected]:
    start, end = text.sources[first][0], text.sources[last - 1][1]
    # An entity may begin or end in the white space between segments.
    begin = min(text.targets[first][0], *(entity.start for entity in entities))
    stop = max(text.targets[last - 1][1], *(entity.end for entity in entities))
    forth = list(text._links(first, last))
    back = sorted(Link((c - begin, d - begin), (a - start, b - start)) for (a, b), (c, d) in forth)
    known = all(made.links is not None or made.error for made in text.translations[first:last])
    moved = [_moved(entity, -begin) for entity in entities]
    found = projector.project(
        text.target[begin:stop], text.source[start:end], moved, back if known else None
    )
    kept = [
        (text.sources[n][0] + a, text.sources[n][0] + b)
        for n in range(first, last)
        for a, b in text.translations[n].untranslated
    ]
    copied = [
        (c - begin, d - begin)
        for source, (c, d) in forth
        if any(overlap(source, span) for span in kept)
    ]
    return [
        replace(
            one,
            start=one.start + start,
            end=one.end + start,
            fragments=tuple((a + start, b + start) for a, b in one.fragments),
        )
        if one.status != DROPPED
        else one
        for one in mark_untranslated(moved, found, copied)
    ]


def _moved(entity: Entity, by: int) -> Entity:
    return replace(entity, start=entity.start + by, end=entity.end + by)
