"""Projection by marks that are put around entities before translation and looked for behind it."""

import re
from collections.abc import Sequence

from ..data.records import Span as Entity
from .projection import (
    DISCONTINUOUS,
    DROPPED,
    KEPT,
    TRIMMED,
    Projected,
    Projector,
    mark_collisions,
)
from .protocol import CharSpan, Link

# What a translator may make of [1] and [/1]: other brackets, added spaces, a turned slash.
_MARK = re.compile(
    r"[\[(\uff3b\u3010\u3014<\uff08]\s*(?P<slash>[/\\\uff0f]?)\s*(?P<number>\d{1,4})\s*"
    r"[\])\uff3d\u3011\u3015>\uff09]"
)


class MarkerProjector(Projector):
    """Projects by marks in the text, see `make_markers_v1`."""

    name = "spacy_clintl.MarkerProjector.v1"
    needs_markers = True

    def mark(self, text: str, entities: Sequence[Entity]) -> str:
        """Put marks around entities: `[1]` and `[/1]`, numbers that the text does not have so.

        text (str): The source text.
        entities (Sequence[Entity]): Its entities; of discontinuous ones each fragment is marked.
        RETURNS (str): What to translate.
        """
        parts: list[str] = []
        last = 0
        for at, mark in _marks(text, entities):
            parts.extend((text[last:at], mark))
            last = at
        return "".join([*parts, text[last:]])

    def original(
        self, spans: Sequence[CharSpan], text: str, entities: Sequence[Entity]
    ) -> tuple[CharSpan, ...]:
        """Say where spans of the marked text are in the source; those of marks alone are left out.

        spans (Sequence[CharSpan]): Spans of what `mark` gave.
        text (str): The source text.
        entities (Sequence[Entity]): Its entities.
        RETURNS (tuple[CharSpan, ...]): The same in the source text.
        """
        marks = _marks(text, entities)

        def moved(place: int) -> int:
            added = 0
            for at, mark in marks:
                if place <= at + added:
                    break
                added += min(len(mark), place - at - added)
            return place - added

        found = ((moved(start), moved(end)) for start, end in spans)
        return tuple((start, end) for start, end in found if start < end)

    def unmark(
        self, marked: str, text: str, entities: Sequence[Entity]
    ) -> tuple[str, tuple[Link, ...]]:
        """Take the marks out of a translation.

        marked (str): The translation of what `mark` gave.
        text (str): The source text.
        entities (Sequence[Entity]): Its entities.
        RETURNS (tuple[str, tuple[Link, ...]]): The translation, and a link from each marked span to
            what its marks enclose. A mark that is missing, doubled or turned around gives none.
        """
        spans = _numbered(text, entities)
        matches = [match for match in _MARK.finditer(marked) if int(match["number"]) in spans]
        numbers = [int(match["number"]) for match in matches]
        found: dict[int, list[tuple[bool, int]]] = {}
        parts: list[str] = []
        length = last = 0
        for match, number in zip(matches, numbers):
            # A slash may be lost or turned: of two marks the first opens, the second closes.
            closes = number in found if numbers.count(number) > 1 else bool(match["slash"])
            piece = marked[last : match.start()]
            last = match.end()
            # White space inside of marks is the translator's.
            if closes:
                piece = piece.rstrip(" ")
            elif marked[last : last + 1] == " ":
                last += 1
            parts.append(piece)
            length += len(piece)
            found.setdefault(number, []).append((bool(match["slash"]), length))
        clean = "".join([*parts, marked[last:]])
        links = []
        for number, marks in found.items():
            if len(marks) != 2:
                continue
            (one, start), (other, end) = marks
            inside = clean[start:end]
            end -= len(inside) - len(inside.rstrip())
            start += len(inside) - len(inside.lstrip())
            if start < end and not (one and not other):
                links.append(Link(spans[number], (start, end)))
        return clean, tuple(links)

    def project(
        self,
        source_text: str,
        target_text: str,
        entities: Sequence[Entity],
        links: Sequence[Link] | None = None,
    ) -> list[Projected]:
        """Take what the marks enclosed; `links` are those of `unmark`."""
        targets = {link.source: link.target for link in links or ()}
        found = []
        for entity in entities:
            parts = _parts(entity)
            got = sorted(targets[part] for part in parts if part in targets)
            if not got:
                found.append(Projected(entity.label, 0, 0, DROPPED, 0.0))
                continue
            start, end = max(got, key=lambda span: span[1] - span[0])
            status = KEPT if len(got) == len(parts) else TRIMMED
            fragments = tuple(got) if len(got) > 1 else ()
            if fragments:
                status = DISCONTINUOUS
            found.append(
                Projected(entity.label, start, end, status, len(got) / len(parts), fragments)
            )
        return mark_collisions(entities, found)


def make_markers_v1() -> MarkerProjector:
    """Create the projector by marks, for translators that keep them.

    After EasyProject (Chen et al. 2023, section 3), with numbers in the marks. Entities are marked
    as `[1]…[/1]`, translated, and read back with tolerance for added spaces, other brackets and
    lost slashes. The marks are part of what is translated, so that they may change the translation
    and are paid for. An entity whose marks do not both come back, in order, is 'dropped'.

    RETURNS (MarkerProjector): The projector.
    """
    return MarkerProjector()


def _parts(entity: Entity) -> tuple[CharSpan, ...]:
    return entity.fragments or ((entity.start, entity.end),)


def _marks(text: str, entities: Sequence[Entity]) -> list[tuple[int, str]]:
    """RETURNS (list[tuple[int, str]]): Where in the text to put which mark, in order."""
    marks: list[tuple[int, int, int, str]] = []
    for number, (start, end) in _numbered(text, entities).items():
        # Of marks at one place, closing ones come first, and what nests closes inside out.
        marks.append((start, 1, -(end - start), f"[{number}]"))
        marks.append((end, 0, end - start, f"[/{number}]"))
    return [(at, mark) for at, _, _, mark in sorted(marks)]


def _numbered(text: str, entities: Sequence[Entity]) -> dict[int, CharSpan]:
    """Give each different span a number that no bracket of the text holds already."""
    taken = {int(match["number"]) for match in _MARK.finditer(text)}
    spans = sorted({part for entity in entities for part in _parts(entity)})
    free = (n for n in range(1, len(spans) + len(taken) + 1) if n not in taken)
    return dict(zip(free, spans))
