"""A document on its way through translation: cut up, and put together again."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile

from spacy.language import Language
from spacy.tokens import Doc

from ..data.docs import annotate, to_record, tokenized
from ..data.records import ConversionCounts, Record
from ..data.records import Span as Entity
from .backwards import join
from .projection import COLLIDED, DISCONTINUOUS, DROPPED, Projected, overlap
from .protocol import CharSpan, Translation
from .segments import cut, sentence_starts, stripped

# Why the tokens of a segment are not annotated for entities in the result.
LOST = "entity without a place"
UNSURE = "confidence"
RATIO = "length ratio"
# Why only the entities of a segment are annotated.
PARTLY = "partly annotated in the source"
ALONE = "without a counterpart in the source"
# Shorter segments vary in length too much to be judged by it.
RATIO_FROM = 20


@dataclass(frozen=True)
class Filters:
    """Which segments are not to be learned from as translated.

    min_confidence (float): Least confidence of each entity of a segment.
    length_ratio (tuple[float, float] | None): Least and greatest length of the target in lengths
        of the source, in characters, for sources of 20 characters or more.
    """

    min_confidence: float = 0.0
    length_ratio: tuple[float, float] | None = None

    def masks(self, source: "Piece", target: str, found: Sequence[Projected]) -> str:
        """Say why a segment's tokens shall have no annotation for entities, or nothing.

        source (Piece): The segment.
        target (str): Its translation.
        found (Sequence[Projected]): Its entities.
        RETURNS (str): The reason, or an empty text.
        """
        if source.crossed or any(one.status == DROPPED for one in found):
            # It may stand anywhere; to call all of the segment's tokens 'outside' would be a guess.
            return LOST
        if any(one.confidence < self.min_confidence for one in found):
            return UNSURE
        if self.length_ratio and len(source.text) >= RATIO_FROM:
            least, greatest = self.length_ratio
            if not least <= len(target) / len(source.text) <= greatest:
                return RATIO
        return ""


@dataclass
class Piece:
    """A segment of a document.

    span (CharSpan): Where it is in the source text.
    text (str): Its text.
    entities (list[Entity]): Its entities, offsets from its start.
    partly (bool): Whether the source says of some of its tokens not even that they belong to none.
    crossed (bool): Whether an entity goes on beyond it, as one across both sides of a pair.
    """

    span: CharSpan
    text: str
    entities: list[Entity] = field(default_factory=list)
    partly: bool = False
    crossed: bool = False


@dataclass
class Plan:
    """A document and its segments.

    record (Record): The document.
    pieces (list[Piece]): Its segments; all of the text between them is white space.
    astray (list[Entity]): Entities that lie in no segment: of a pair across both sides, or white
        space alone.
    group_spans (int): How many spans are in its groups, which are not translated.
    """

    record: Record
    pieces: list[Piece]
    astray: list[Entity] = field(default_factory=list)
    group_spans: int = 0


def plan_document(doc: Doc) -> Plan:
    """Cut a document into segments; its entities go with them.

    doc (Doc): The document, with the vocabulary of its language.
    RETURNS (Plan): What to translate.
    """
    record = to_record(doc)
    entities = [trimmed(entity, record.text) for entity in record.spans or ()]
    protected = [(one.start, one.end) for one in entities]
    starts = sentence_starts(doc) if len(doc) else []
    spans = cut(record.text, starts, protected)
    pieces = [
        Piece(span, record.text[slice(*span)], partly=partly_annotated(record, span))
        for span in spans
    ]
    plan = Plan(record, pieces, group_spans=sum(map(len, doc.spans.values())))
    for entity in entities:
        n = bisect_left(pieces, entity.end, key=lambda piece: piece.span[1])
        empty = entity.start == entity.end
        if empty or n == len(pieces) or entity.start < pieces[n].span[0]:
            plan.astray.append(entity)
            for piece in () if empty else pieces:
                piece.crossed |= overlap(piece.span, (entity.start, entity.end))
        else:
            pieces[n].entities.append(moved(entity, -pieces[n].span[0]))
    return plan


def partly_annotated(record: Record, span: CharSpan) -> bool:
    """Say whether tokens of a span, other than white space, are missing annotation for entities.

    record (Record): The document, of which other parts are annotated.
    span (CharSpan): Characters of it.
    RETURNS (bool): Whether it is so.
    """
    start, end = span
    first = bisect_right(record.missing, start, key=lambda run: run[1])
    runs = takewhile(lambda run: run[0] < end, islice(record.missing, first, None))
    return any(record.text[max(a, start) : min(b, end)].strip() for a, b in runs)


def put_together(
    plan: Plan,
    translations: Sequence[Translation],
    found: Sequence[Sequence[Projected]],
    masked: Sequence[bool],
    nlp: Language,
) -> tuple[Doc, list[list[Projected]]]:
    """Make the translated document.

    Its categories, id and meta are those of the source. `doc.user_data["translation"]` says what
    became of each entity. Those that fall into one token collide: it can be neither.

    plan (Plan): The document.
    translations (Sequence[Translation]): Of its segments, none with an error.
    found (Sequence[Sequence[Projected]]): The entities of each segment.
    masked (Sequence[bool]): Whether the tokens of a segment are not annotated for entities.
    nlp (Language): The blank pipeline of the target language.
    RETURNS (tuple[Doc, list[list[Projected]]]): The document, and `found` with what collided.
    """
    text = join(plan.record.text, [piece.span for piece in plan.pieces], translations)
    doc = tokenized(Record(text.target), nlp)
    found = _mark_meetings(doc, plan, text.targets, found, masked)
    spans: list[Entity] = []
    missing: list[CharSpan] = []
    notes: list[dict] = []
    for piece, (start, end), ones, hidden in zip(plan.pieces, text.targets, found, masked):
        if hidden or piece.partly:
            # Where in the translation the tokens are that nobody annotated would be a guess.
            missing.append((start, end))
        for entity, one in zip(piece.entities, ones):
            notes.append(told(one, start, masked=hidden))
            if one.status == DROPPED or hidden:
                continue
            if one.status == COLLIDED:
                missing.append((start + one.start, start + one.end))
                continue
            spans.append(
                replace(entity, start=start + one.start, end=start + one.end, fragments=())
            )
            if one.status == DISCONTINUOUS:
                missing.extend((start + a, start + b) for a, b in one.fragments)
    notes.extend(told(Projected(one.label, 0, 0, DROPPED, 0.0), 0) for one in plan.astray)
    record = Record(
        text=text.target,
        cats=plan.record.cats,
        spans=None if plan.record.spans is None else spans,
        meta=plan.record.meta,
        id=plan.record.id,
        missing=missing,
    )
    annotate(doc, record, ConversionCounts())
    first = translations[0] if translations else Translation("")
    doc.user_data["translation"] = {
        "backend": first.backend,
        "version": first.version,
        "entities": notes,
    }
    return doc, found


def _mark_meetings(
    doc: Doc,
    plan: Plan,
    starts: Sequence[CharSpan],
    found: Sequence[Sequence[Projected]],
    masked: Sequence[bool],
) -> list[list[Projected]]:
    """Mark entities that share a token in the target, though they do not overlap in the source.

    None of them keeps its status, as the token is no entity of either kind.

    doc (Doc): The translation, tokenized.
    plan (Plan): The source.
    starts (Sequence[CharSpan]): Where its segments are in the target.
    found (Sequence[Sequence[Projected]]): The entities of each segment.
    masked (Sequence[bool]): Whether those of a segment are not annotated, so that they are in
        nobody's way.
    RETURNS (list[list[Projected]]): The same, some with the status 'collided'.
    """
    marked = [list(ones) for ones in found]
    holders: dict[int, list[tuple[CharSpan, int, int]]] = {}
    for n, (piece, (start, _)) in enumerate(zip(plan.pieces, starts)):
        for k, (entity, one) in enumerate(zip(piece.entities, marked[n])):
            if masked[n] or one.status in (DROPPED, COLLIDED):
                continue
            span = doc.char_span(start + one.start, start + one.end, alignment_mode="expand")
            origin = (piece.span[0] + entity.start, piece.span[0] + entity.end)
            for token in span or ():
                holders.setdefault(token.i, []).append((origin, n, k))
    for sharing in holders.values():
        # Two spans do not overlap if one begins where the other has ended.
        begun = max(start for (start, _), _, _ in sharing)
        ended = min(end for (_, end), _, _ in sharing)
        for (start, end), n, k in sharing:
            if end <= begun or ended <= start:
                marked[n][k] = replace(marked[n][k], status=COLLIDED)
    return marked


def told(one: Projected, offset: int, *, masked: bool = False) -> dict:
    """Say what became of an entity, as it is kept in `doc.user_data["translation"]`.

    one (Projected): The entity.
    offset (int): Where its segment begins in the text.
    masked (bool): Whether it is left out, as its segment is not annotated.
    RETURNS (dict): Plain values; `masked` only if it has a place.
    """
    data: dict = {"label": one.label, "status": one.status, "confidence": one.confidence}
    if one.status != DROPPED:
        data["start"], data["end"] = one.start + offset, one.end + offset
        if masked:
            data["masked"] = True
        if one.fragments:
            data["fragments"] = [[a + offset, b + offset] for a, b in one.fragments]
    return data


def trimmed(entity: Entity, text: str) -> Entity:
    """RETURNS (Entity): The same without white space at its edges, which segments do not have."""
    span, *fragments = (
        stripped(text, part) for part in ((entity.start, entity.end), *entity.fragments)
    )
    kept = tuple(part for part in fragments if part[0] < part[1])
    return replace(entity, start=span[0], end=span[1], fragments=kept)


def moved(entity: Entity, by: int) -> Entity:
    """RETURNS (Entity): The same, so many characters further on."""
    fragments = tuple((start + by, end + by) for start, end in entity.fragments)
    return replace(entity, start=entity.start + by, end=entity.end + by, fragments=fragments)
