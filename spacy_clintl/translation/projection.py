"""What projectors take and give: entities of a source text, found again in its translation.

A projector is a registered function (`spacy_misc`) that makes an object with the methods of
`Projector`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..data.records import Span as Entity
from .protocol import CharSpan, Link

KEPT = "kept"
TRIMMED = "trimmed"
DISCONTINUOUS = "discontinuous"
DROPPED = "dropped"
COLLIDED = "collided"
UNTRANSLATED = "untranslated"
STATUSES = (KEPT, TRIMMED, DISCONTINUOUS, DROPPED, COLLIDED, UNTRANSLATED)


@dataclass(frozen=True)
class Projected:
    """Where an entity is in the translation, and how sure that is.

    label (str): The entity's label.
    start (int): Its first character in the target; 0 where it was dropped.
    end (int): Behind its last character; 0 where it was dropped.
    status (str): One of
        'kept': all of the entity, and nothing else;
        'trimmed': words at an edge that did not belong were cut off, or part of the entity has no
        counterpart;
        'discontinuous': it is torn apart; the span is its largest part;
        'dropped': nothing stands for it, so there is no span;
        'collided': its span overlaps that of an entity it did not overlap in the source, or shares
        a token with it;
        'untranslated': the span is found, and a word of it stands there as it was in the source.
    confidence (float): From 0 to 1.
    fragments (tuple[CharSpan, ...]): All parts of a discontinuous one, in order; else empty.
    """

    label: str
    start: int
    end: int
    status: str
    confidence: float
    fragments: tuple[CharSpan, ...] = ()


class Projector:
    """What every projector offers."""

    name: ClassVar[str] = ""
    # Whether it works from links that the translator gave.
    needs_links: ClassVar[bool] = False
    # Whether it puts marks into the text before translation, see `MarkerProjector`.
    needs_markers: ClassVar[bool] = False
    # Whether `prepare` wants to see all pairs of texts before the first is projected.
    needs_pairs: ClassVar[bool] = False
    # Whether it can do without such pairs, less well.
    works_untrained: ClassVar[bool] = False

    def prepare(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> None:
        """Learn from the pairs at hand, before the first is projected; most learn nothing.

        pairs (Sequence[tuple[str, str]]): Source text and target text of each segment.
        source (str): The language of the source.
        target (str): The language of the target.
        """

    def fingerprint(self) -> str:
        """Name all that a projection depends on, beside texts and links."""
        return self.name

    def project(
        self,
        source_text: str,
        target_text: str,
        entities: Sequence[Entity],
        links: Sequence[Link] | None = None,
    ) -> list[Projected]:
        """Find entities again in the translation.

        source_text (str): The text that was translated.
        target_text (str): Its translation.
        entities (Sequence[Entity]): Entities of the source; may overlap, nest, or have fragments.
        links (Sequence[Link] | None): Linked characters, where the translator gave them.
        RETURNS (list[Projected]): One an entity, in their order.
        """
        raise NotImplementedError


def mark_collisions(entities: Sequence[Entity], found: Sequence[Projected]) -> list[Projected]:
    """Mark entities whose spans overlap in the target, though they did not in the source.

    Of two that collide, the surer, then the longer, then the first keeps its status.

    entities (Sequence[Entity]): The source's entities.
    found (Sequence[Projected]): One an entity, in their order.
    RETURNS (list[Projected]): The same, some with the status 'collided'.
    """
    order = sorted(
        (n for n, one in enumerate(found) if one.start < one.end),
        key=lambda n: (-found[n].confidence, found[n].start - found[n].end, n),
    )
    kept: list[int] = []
    marked = list(found)
    for n in order:
        if any(
            overlap((found[n].start, found[n].end), (found[k].start, found[k].end))
            and not overlap(
                (entities[n].start, entities[n].end), (entities[k].start, entities[k].end)
            )
            for k in kept
        ):
            marked[n] = replace(found[n], status=COLLIDED)
        else:
            kept.append(n)
    return marked


def mark_untranslated(
    entities: Sequence[Entity], found: Sequence[Projected], untranslated: Sequence[CharSpan]
) -> list[Projected]:
    """Mark the kept and trimmed entities of which a word was not translated.

    entities (Sequence[Entity]): The source's entities.
    found (Sequence[Projected]): One an entity, in their order.
    untranslated (Sequence[CharSpan]): Source words that were not translated.
    RETURNS (list[Projected]): The same, some with the status 'untranslated'.
    """
    return [
        replace(one, status=UNTRANSLATED)
        if one.status in (KEPT, TRIMMED)
        and any(
            overlap(span, part)
            for span in untranslated
            for part in entity.fragments or ((entity.start, entity.end),)
        )
        else one
        for entity, one in zip(entities, found)
    ]


def overlap(one: CharSpan, other: CharSpan) -> bool:
    """RETURNS (bool): Whether two spans share a character."""
    return one[0] < other[1] and other[0] < one[1]
