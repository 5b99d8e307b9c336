"""Projection along links that the translator gave: no aligner, nothing guessed."""

import re
from collections.abc import Sequence

from ..data.records import Span as Entity
from .function_words import WORD, carries_nothing, function_words
from .projection import (
    DISCONTINUOUS,
    DROPPED,
    KEPT,
    TRIMMED,
    Projected,
    Projector,
    mark_collisions,
    overlap,
)
from .protocol import CharSpan, Link


class ProvenanceProjector(Projector):
    """Projects along the translator's links, see `make_provenance_v1`."""

    name = "spacy_clintl.ProvenanceProjector.v1"
    needs_links = True

    def __init__(self) -> None:
        self._source_words: frozenset[str] = frozenset()
        self._target_words: frozenset[str] = frozenset()

    def prepare(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> None:
        """Take the function words of the two languages; the pairs are not looked at."""
        self._source_words = function_words(source)
        self._target_words = function_words(target)

    def project(
        self,
        source_text: str,
        target_text: str,
        entities: Sequence[Entity],
        links: Sequence[Link] | None = None,
    ) -> list[Projected]:
        """Find entities by their links; see `Projector.project`."""
        links = links or ()
        found = [self._one(source_text, target_text, entity, links) for entity in entities]
        return mark_collisions(entities, found)

    def _one(
        self, source_text: str, target_text: str, entity: Entity, links: Sequence[Link]
    ) -> Projected:
        parts = entity.fragments or ((entity.start, entity.end),)
        own = [link for link in links if _overlap_any(link.source, parts)]
        spans = sorted({link.target for link in own if link.target[0] < link.target[1]})
        if not spans:
            return Projected(entity.label, 0, 0, DROPPED, 0.0)
        foreign = sorted({link.target for link in links} - set(spans))
        runs = _runs(target_text, spans, foreign)
        # A run of function words has been moved away from what it went with: it says nothing.
        telling = [run for run in runs if self._tells(target_text, run)] or runs
        start, end = max(telling, key=lambda run: (run[1] - run[0], -run[0]))
        fragments = tuple(telling) if len(telling) > 1 else ()
        start, end, cut = self._trimmed(source_text, target_text, parts, (start, end))
        telling_words = self._telling_words(source_text, parts)
        linked = [
            word for word in telling_words if _overlap_any(word, [link.source for link in own])
        ]
        covered = len(linked) / len(telling_words) if telling_words else 1.0
        exact = _exactness(source_text, parts, own)
        if covered < 1 and not fragments:
            left = len(telling_words) - len(linked)
            start, end = self._grown(target_text, (start, end), links, left)
        if fragments:
            status = DISCONTINUOUS
            held = sum(b - a for a, b in telling)
            covered *= (end - start) / held
        elif cut or len(telling) < len(runs) or covered < 1 or exact < 1:
            status = TRIMMED
        else:
            status = KEPT
        confidence = round(covered * exact, 4)
        return Projected(entity.label, start, end, status, confidence, fragments)

    def _tells(self, text: str, run: CharSpan) -> bool:
        words = WORD.findall(text[run[0] : run[1]])
        return any(not carries_nothing(word, self._target_words) for word in words)

    def _trimmed(
        self, source_text: str, target_text: str, parts: Sequence[CharSpan], span: CharSpan
    ) -> tuple[int, int, bool]:
        """Cut function words and marks off the edges that the entity does not have at its own."""
        start, end = span
        words = [
            (match[0], start + match.start(), start + match.end())
            for match in WORD.finditer(target_text[start:end])
        ]
        source = [word for a, b in parts for word in WORD.findall(source_text[a:b])]
        bare = [carries_nothing(word, self._target_words) for word, _, _ in words]
        if not source or all(bare):
            return start, end, False
        first, last = 0, len(words) - 1
        if not any(carries_nothing(word, self._source_words) for word in (source[0], source[-1])):
            while bare[first]:
                first += 1
            while bare[last]:
                last -= 1
        cut = first > 0 or last < len(words) - 1
        return words[first][1], words[last][2], cut

    def _telling_words(self, text: str, parts: Sequence[CharSpan]) -> list[CharSpan]:
        """List the words of an entity that carry meaning; all, if there are none."""
        words = [
            (match[0], (a + match.start(), a + match.end()))
            for a, b in parts
            for match in WORD.finditer(text[a:b])
        ]
        telling = [span for word, span in words if not carries_nothing(word, self._source_words)]
        return telling or [span for _, span in words]

    def _grown(self, text: str, span: CharSpan, links: Sequence[Link], most: int) -> CharSpan:
        """Take words beside the span that stand for nothing else: those of the entity's that are
        left over are likely to have become these."""
        taken = [link.target for link in links]
        words = [(match[0], match.span()) for match in WORD.finditer(text)]
        start, end = span
        behind = [word for word in words if word[1][0] >= end]
        before = [word for word in reversed(words) if word[1][1] <= start]
        for side in (behind, before):
            for word, place in side:
                free = not _overlap_any(place, taken)
                if most < 1 or not free or carries_nothing(word, self._target_words):
                    break
                start, end = min(start, place[0]), max(end, place[1])
                most -= 1
        return start, end


def make_provenance_v1() -> ProvenanceProjector:
    """Create the projector by the translator's own links.

    An entity's span is what lies between the first and the last character linked to it. If a word
    linked to something else lies in between, the entity is torn apart: of its parts those of
    function words only are left out ('trimmed'); if several are left, the largest is the span
    ('discontinuous'). Function words at an edge that only came along, as the entity has none at its
    own edges, are cut off ('trimmed'). Where a word of the entity has no link, a word beside the
    span that has none either is taken in ('trimmed'). An entity without any link is 'dropped'.

    The confidence is the share of the entity's words that have a link, times the share of the
    linked source that is the entity's own; of a torn one, times the share of its largest part.

    RETURNS (ProvenanceProjector): The projector.
    """
    return ProvenanceProjector()


def _runs(text: str, spans: Sequence[CharSpan], foreign: Sequence[CharSpan]) -> list[CharSpan]:
    """Join spans that have no foreign word between them."""
    runs = [spans[0]]
    for start, end in spans[1:]:
        before, reached = runs[-1]
        between = (reached, start)
        torn = any(
            overlap(other, between) and re.search(r"\w", text[other[0] : other[1]])
            for other in foreign
        )
        if torn:
            runs.append((start, end))
        else:
            runs[-1] = (before, max(reached, end))
    return runs


def _exactness(text: str, parts: Sequence[CharSpan], own: Sequence[Link]) -> float:
    """RETURNS (float): The share of the linked source's characters that are the entity's own."""
    linked = {
        at for source in {link.source for link in own} for at in range(*source) if text[at].strip()
    }
    inside = sum(any(a <= at < b for a, b in parts) for at in linked)
    return inside / len(linked) if linked else 1.0


def _overlap_any(one: CharSpan, others: Sequence[CharSpan]) -> bool:
    return any(overlap(one, other) for other in others)
