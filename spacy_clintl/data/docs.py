"""From a Record to a Doc, by a stated policy and with everything counted, and back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.tokens import Span as DocSpan
from spacy.util import filter_spans

from ..errors import ClintlError, Errors
from .records import ConversionCounts, Record, Span

# What entities are called where figures stand beside those of tasks.
ENTITIES = "entities"
MISALIGNED = ("snap", "drop")
DISCONTINUOUS = ("hull", "longest", "drop")


@dataclass(frozen=True)
class Policy:
    """Where entities go, and what becomes of those that do not fit `doc.ents`. Of overlapping ones
    the longest stays.

    misaligned (str): An entity that misses token borders: 'snap' grows it to the tokens it
        touches, 'drop' leaves it out.
    discontinuous (str): One in several fragments: 'hull' takes all from the first to the last
        character, 'longest' its longest fragment, 'drop' leaves it out.
    spans_key (str | None): A group of `doc.spans` that gets the entities as well, for an `iob_ner`
        that learns from this group: corpora of several schemata can then feed one pipeline.
    RAISES (ClintlError): An unknown policy.
    """

    misaligned: str = "snap"
    discontinuous: str = "hull"
    spans_key: str | None = None

    def __post_init__(self) -> None:
        for option, known in (("misaligned", MISALIGNED), ("discontinuous", DISCONTINUOUS)):
            value = getattr(self, option)
            if value not in known:
                raise ClintlError(
                    Errors.CL141.format(policy=value, option=option, known=", ".join(known))
                )


DEFAULT_POLICY = Policy()


def has_entities(doc: Doc) -> bool:
    """RETURNS (bool): Whether a Doc is annotated for entities; without tokens it is not."""
    return len(doc) > 0 and doc.has_annotation("ENT_IOB")


def to_doc(
    record: Record, nlp: Language, counts: ConversionCounts, policy: Policy = DEFAULT_POLICY
) -> Doc:
    """Make a Doc of a record.

    Entities are set where the record is annotated for them and stay missing (no ENT_IOB) where it
    is not, which may be some of its tokens. The record's id and meta lie in `doc.user_data["id"]`
    and `doc.user_data["meta"]`; the entities as the source gave them lie in
    `doc.user_data["spans"]` where `doc.ents` cannot hold all of them, or not all that is said of
    them.

    record (Record): The annotated text.
    nlp (Language): Gives the vocabulary, and the tokenizer for records without tokens.
    counts (ConversionCounts): Counts what is kept, changed and lost.
    policy (Policy): What becomes of entities that do not fit.
    RETURNS (Doc): The annotated document.
    RAISES (ClintlError): An offset outside the text.
    """
    doc = tokenized(record, nlp)
    annotate(doc, record, counts, policy)
    return doc


def tokenized(record: Record, nlp: Language) -> Doc:
    """Make a Doc of a record's text alone.

    record (Record): The text, with its tokens where the source has its own.
    nlp (Language): Gives the vocabulary, and the tokenizer for records without tokens.
    RETURNS (Doc): The document, without annotation but for sentences.
    """
    if record.tokens is None:
        # The tokenizer, not make_doc: this is no place for the length limit of a parser.
        return nlp.tokenizer(record.text)
    starts: list[bool | int | None] | None = None
    if record.sentences is not None:
        first = set(record.sentences)
        starts = [i in first for i in range(len(record.tokens))]
    return Doc(nlp.vocab, words=record.tokens, spaces=record.spaces, sent_starts=starts)


def annotate(
    doc: Doc, record: Record, counts: ConversionCounts, policy: Policy = DEFAULT_POLICY
) -> None:
    """Annotate a Doc in place with what a record holds; the second half of `to_doc`.

    doc (Doc): What `tokenized` made.
    record (Record): Its record.
    counts (ConversionCounts): Counts what is kept, changed and lost.
    policy (Policy): What becomes of entities that do not fit.
    RAISES (ClintlError): An offset outside the text.
    """
    if record.spans is not None:
        ents = _entities(doc, record, counts, policy)
        doc.set_ents(ents, missing=_unknown(doc, ents, record.missing), default="outside")
        if policy.spans_key is not None:
            group = SpanGroup(doc, name=policy.spans_key, spans=list(doc.ents))
            doc.spans[policy.spans_key] = group
        counts.documents_with_entities_annotated += 1
        counts.entities.update(ent.label_ for ent in doc.ents)
        held = {_key(_span(ent)) for ent in doc.ents}
        if any(not span.bare or _key(span) not in held for span in record.spans):
            doc.user_data["spans"] = {
                "source": [span.to_dict() for span in record.spans],
                "ents": [[ent.start, ent.end, ent.label_] for ent in doc.ents],
            }
    if record.cats is not None:
        doc.cats = {key: float(value) for key, value in record.cats.items()}
        counts.documents_with_categories_annotated += 1
        counts.categories.update(key for key, value in doc.cats.items() if value >= 0.5)
    if record.id:
        doc.user_data["id"] = record.id
    if record.meta:
        doc.user_data["meta"] = dict(record.meta)
    counts.documents += 1
    counts.tokens += len(doc)
    counts.repaired += record.repaired


def to_record(doc: Doc, where: str = "") -> Record:
    """Make a record of a Doc, with the entities of its source unless `doc.ents` has changed since.

    doc (Doc): A document, from `to_doc` or any other.
    where (str): File and place, for messages.
    RETURNS (Record): What the document holds.
    """
    tokens = [token.text for token in doc]
    spaces = None if doc.has_unknown_spaces else [bool(token.whitespace_) for token in doc]
    text = " ".join(tokens) if spaces is None else doc.text
    sentences = None
    if doc.has_annotation("SENT_START"):
        sentences = [token.i for token in doc if token.is_sent_start]
    return Record(
        text=text,
        cats=dict(doc.cats) or None,
        spans=_spans(doc),
        missing=_missing(doc),
        tokens=tokens,
        spaces=spaces,
        sentences=sentences,
        meta=_plain(doc.user_data.get("meta") or {}),
        where=where,
        id=str(doc.user_data.get("id") or ""),
    )


def _spans(doc: Doc) -> list[Span] | None:
    if not doc.has_annotation("ENT_IOB"):
        return None
    kept: dict[str, Any] = _plain(doc.user_data.get("spans") or {})
    ents = [[ent.start, ent.end, ent.label_] for ent in doc.ents]
    if kept.get("ents") == ents:
        return _linked(doc, [Span.from_dict(data) for data in kept["source"]])
    return [_span(ent) for ent in doc.ents]


def _span(ent: DocSpan) -> Span:
    return Span(ent.start_char, ent.end_char, ent.label_, kb_id=ent.kb_id_, ent_id=ent.id_)


def _key(span: Span) -> tuple[int, int, str, str, str]:
    return span.start, span.end, span.label, span.kb_id, span.ent_id


def _linked(doc: Doc, spans: list[Span]) -> list[Span]:
    """Give entities of the source the ids that were given to those of the Doc since."""
    ids = {
        (ent.start, ent.end, ent.label_): (ent.kb_id_, ent.id_)
        for ent in doc.ents
        if ent.kb_id_ or ent.id_
    }
    if not ids:
        return spans
    places = []
    for span in spans:
        tokens = doc.char_span(span.start, span.end, alignment_mode="expand")
        places.append((-1, -1, "") if tokens is None else (tokens.start, tokens.end, span.label))
    met = Counter(places)
    # Of several in one place the Doc holds but one.
    return [
        replace(span, kb_id=ids[place][0], ent_id=ids[place][1])
        if place in ids and met[place] == 1
        else span
        for span, place in zip(spans, places)
    ]


def _missing(doc: Doc) -> list[tuple[int, int]]:
    """List the runs of tokens that are not annotated for entities, in a Doc of which others are."""
    if not doc.has_annotation("ENT_IOB"):
        return []
    runs: list[tuple[int, int]] = []
    last = -2
    for i in np.flatnonzero(doc.to_array("ENT_IOB") == 0).tolist():
        token = doc[i]
        start = runs.pop()[0] if i == last + 1 else token.idx
        runs.append((start, token.idx + len(token)))
        last = i
    return runs


def _unknown(doc: Doc, ents: list[DocSpan], missing: Sequence[tuple[int, int]]) -> list[DocSpan]:
    """Find the tokens in spans of characters, without those of entities."""
    found: set[int] = set()
    for start, end in missing:
        span = doc.char_span(start, end, alignment_mode="expand")
        if span is not None:
            found.update(range(span.start, span.end))
    for ent in ents:
        found.difference_update(range(ent.start, ent.end))
    return [doc[i : i + 1] for i in sorted(found)]


def _plain(value: Any) -> Any:
    """Make lists of tuples: a DocBin turns the one into the other."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _entities(doc: Doc, record: Record, counts: ConversionCounts, policy: Policy) -> list[DocSpan]:
    found = []
    for span in record.spans or []:
        start, end = span.start, span.end
        if not 0 <= start <= end <= len(record.text):
            raise ClintlError(
                Errors.CL142.format(where=record.where, start=start, end=end, n=len(record.text))
            )
        if span.fragments:
            counts.discontinuous += 1
            if policy.discontinuous == "drop":
                counts.dropped += 1
                continue
            if policy.discontinuous == "longest":
                start, end = max(span.fragments, key=lambda part: part[1] - part[0])
        content = record.text[start:end]
        left = len(content) - len(content.lstrip())
        right = len(content) - len(content.rstrip())
        if left == len(content):
            counts.dropped += 1
            continue
        if left or right:
            counts.trimmed += 1
            start, end = start + left, end - right
        named: dict[str, Any] = {"label": span.label, "kb_id": span.kb_id, "span_id": span.ent_id}
        ent = doc.char_span(start, end, **named)
        if ent is None and policy.misaligned == "snap":
            ent = doc.char_span(start, end, **named, alignment_mode="expand")
            counts.snapped += ent is not None
        if ent is None:
            counts.dropped += 1
        else:
            found.append(ent)
    kept = filter_spans(found)
    counts.overlapping += len(found) - len(kept)
    return kept
