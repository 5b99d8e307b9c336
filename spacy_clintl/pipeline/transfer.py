"""What `translation_transfer` writes: results on a translation, carried to its source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

from ..data.records import Span as Entity
from ..translation.backwards import TranslatedText, project_back
from ..translation.projection import COLLIDED, DROPPED, Projected, Projector, overlap
from ..translation.protocol import CharSpan


@dataclass
class Found:
    """A span of the translation, and what became of it.

    english (Span): The span.
    projected (Projected): Where it is in the source; its start and end are those of tokens.
    span (Span | None): The tokens; None where it was dropped.
    """

    english: Span
    projected: Projected
    span: Span | None

    @property
    def is_placed(self) -> bool:
        """Whether it has tokens of its own."""
        return self.span is not None and self.projected.status != COLLIDED

    @property
    def tokens(self) -> range:
        """The numbers of its tokens."""
        return range(0) if self.span is None else range(self.span.start, self.span.end)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        data: dict[str, Any] = {
            "label": self.english.label_,
            "target": [self.english.start_char, self.english.end_char],
            "status": self.projected.status,
            "confidence": self.projected.confidence,
        }
        if self.span is not None:
            data["source"] = [self.projected.start, self.projected.end]
        if self.projected.fragments:
            data["fragments"] = [list(part) for part in self.projected.fragments]
        return data


class Writer:
    """Annotates a document with what was found in its translation.

    doc (Doc): The document; changed in place.
    text (TranslatedText): Its translation.
    predicted (Doc): The annotated translation.
    overwrite (bool): Whether what is there gives way.
    confidence (str | None): The attribute of spans that gets confidences, if any.
    """

    def __init__(
        self,
        doc: Doc,
        text: TranslatedText,
        predicted: Doc,
        *,
        overwrite: bool,
        confidence: str | None,
    ):
        self.doc = doc
        self.text = text
        self.predicted = predicted
        self.overwrite = overwrite
        self.confidence = confidence

    def write_categories(self, tasks: Sequence[str] | None) -> None:
        """Take categories over.

        tasks (Sequence[str] | None): The parts before the slash of their keys; None: all.
        """
        cats = {
            key: float(score)
            for key, score in self.predicted.cats.items()
            if tasks is None or key.partition("/")[0] in tasks
        }
        self.doc.cats = {**self.doc.cats, **cats} if self.overwrite else {**cats, **self.doc.cats}

    def write_entities(self, projector: Projector) -> list[dict[str, Any]]:
        """Carry entities and groups of spans to the document.

        projector (Projector): Finds them.
        RETURNS (list[dict]): What became of each, as plain values.
        """
        told = [found.to_dict() for found in self._write_ents(projector)]
        for key, group in self.predicted.spans.items():
            if self.overwrite or key not in self.doc.spans:
                for found in self._write_group(key, group, projector):
                    told.append({**found.to_dict(), "group": key})
        return told

    def _write_ents(self, projector: Projector) -> list[Found]:
        found = self._find(self.predicted.ents, projector)
        failed = self._tokens(self.text.failed)
        stays = [
            ent
            for ent in self.doc.ents
            if not self.overwrite or failed.issuperset(range(ent.start, ent.end))
        ]
        gone = {token.i for ent in self.doc.ents for token in ent}
        taken = {token.i for ent in stays for token in ent}
        for one in found:
            if not taken.isdisjoint(one.tokens):
                one.projected = replace(one.projected, status=COLLIDED)
        new = [(one.span, one) for one in found if one.span is not None and one.is_placed]
        taken.update(token.i for span, _ in new for token in span)
        unsure = self._unsure(found)
        missing = (unsure | (gone & failed)) - taken if self.overwrite else set()
        outside = set(range(len(self.doc))) - taken - failed - unsure
        self.doc.set_ents(
            [*stays, *(span for span, _ in new)],
            missing=self._spans(missing),
            outside=self._spans(outside),
            # What another component said of the other tokens, if any did, stays.
            default="unmodified",
        )
        if self.confidence is not None:
            for span, one in new:
                span._.set(self.confidence, one.projected.confidence * self._sure(one.english))
        return found

    def _write_group(self, key: str, group: SpanGroup, projector: Projector) -> list[Found]:
        found = self._find(group, projector)
        sure = group.attrs.get("scores")
        if sure is None or len(sure) != len(found):
            sure = [self._sure(one.english) for one in found]
        placed = [
            (one.span, one.projected.confidence * float(score))
            for one, score in zip(found, sure)
            if one.span is not None
        ]
        spans, scores = [span for span, _ in placed], [score for _, score in placed]
        self.doc.spans[key] = SpanGroup(self.doc, name=key, spans=spans, attrs={"scores": scores})
        return found

    def _find(self, spans: Iterable[Span], projector: Projector) -> list[Found]:
        """Find spans of the translation, and grow them to tokens."""
        spans = list(spans)
        entities = [Entity(span.start_char, span.end_char, span.label_) for span in spans]
        found = []
        for english, one in zip(spans, project_back(self.text, entities, projector)):
            span = None if one.status == DROPPED else self._snapped(one, english)
            if span is None:
                found.append(Found(english, Projected(one.label, 0, 0, DROPPED, 0.0), None))
            else:
                one = replace(one, start=span.start_char, end=span.end_char)
                found.append(Found(english, one, span))
        _mark_meetings(found)
        return found

    def _snapped(self, one: Projected, english: Span) -> Span | None:
        span = self.doc.char_span(one.start, one.end, alignment_mode="expand")
        if span is None:
            return None
        start, end = span.start, span.end
        while start < end and self.doc[start].is_space:
            start += 1
        while end > start and self.doc[end - 1].is_space:
            end -= 1
        if start == end:
            return None
        return Span(
            self.doc,
            start,
            end,
            label=english.label_,
            kb_id=english.kb_id_,
            span_id=english.id_,
        )

    def _unsure(self, found: Iterable[Found]) -> set[int]:
        """List the tokens that may belong to an entity which has no sure place."""
        spans: list[CharSpan] = []
        for one in found:
            if one.span is None:
                english = (one.english.start_char, one.english.end_char)
                spans.extend(self.text.sources[slice(*self.text.segments_of(english))])
            elif one.projected.status == COLLIDED:
                spans.append((one.projected.start, one.projected.end))
            spans.extend(one.projected.fragments)
        return self._tokens(spans)

    def _tokens(self, spans: Iterable[CharSpan]) -> set[int]:
        tokens: set[int] = set()
        for start, end in spans:
            span = self.doc.char_span(start, end, alignment_mode="expand")
            if span is not None:
                tokens.update(range(span.start, span.end))
        return tokens

    def _spans(self, tokens: set[int]) -> list[Span]:
        """Make spans of tokens, one for each run of them."""
        starts = sorted(n for n in tokens if n - 1 not in tokens)
        ends = sorted(n + 1 for n in tokens if n + 1 not in tokens)
        return [self.doc[start:end] for start, end in zip(starts, ends)]

    def _sure(self, english: Span) -> float:
        """Give the wrapped pipeline's confidence, 1 where it has none."""
        value = english._.get(self.confidence) if self.confidence is not None else None
        return 1.0 if value is None else float(value)


def _mark_meetings(found: Sequence[Found]) -> None:
    """Mark spans that share a token, though their characters and those of the translation do not.

    As `mark_collisions`, but in a time that does not grow with the square of the spans.
    """
    order = sorted(
        (n for n, one in enumerate(found) if one.is_placed),
        key=lambda n: (-found[n].projected.confidence, -len(found[n].tokens), n),
    )
    holders: dict[int, list[Span]] = {}
    for n in order:
        one = found[n]
        rivals = (other for token in one.tokens for other in holders.get(token, ()))
        here = (one.english.start_char, one.english.end_char)
        if any(not overlap(here, (other.start_char, other.end_char)) for other in rivals):
            one.projected = replace(one.projected, status=COLLIDED)
            continue
        for token in one.tokens:
            holders.setdefault(token, []).append(one.english)
