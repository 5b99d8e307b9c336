"""What every reader gives and every conversion takes: one annotated text, and the way to a Doc."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan
from spacy.util import filter_spans

from ..errors import ClintlError, Errors

MISALIGNED = ("snap", "drop")


class Span(NamedTuple):
    """An entity: character offsets into the record's text (end exclusive) and a label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Record:
    """One annotated text between a reader and a Doc.

    For `cats` and `spans`, None says 'not annotated for this', an empty value 'annotated, none
    there'.

    text (str): The text. With `tokens`, the tokens joined as `spaces` says.
    cats (dict[str, float] | None): Categories, keys `task/label`.
    spans (list[Span] | None): Entities. They may overlap and may miss token borders.
    tokens (list[str] | None): The tokens, where the source has its own tokenisation.
    spaces (list[bool] | None): Whether a space follows a token. None with tokens: the source does
        not say; `text` then has one space between tokens.
    meta (dict[str, Any]): Whatever else shall travel with the text. Must fit into JSON.
    where (str): Source file and line, for messages.
    id (str): The record's name in its source.
    repaired (int): Entity tags that the reader had to mend.
    """

    text: str
    cats: dict[str, float] | None = None
    spans: list[Span] | None = None
    tokens: list[str] | None = None
    spaces: list[bool] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    id: str = ""
    repaired: int = 0


@dataclass
class ConversionCounts:
    """What a conversion read, wrote, changed and left out. All counts start at zero."""

    documents: int = 0
    tokens: int = 0
    documents_with_entities_annotated: int = 0
    documents_with_categories_annotated: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    snapped: int = 0
    dropped: int = 0
    trimmed: int = 0
    overlapping: int = 0
    repaired: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, where: str, reason: str) -> None:
        """Note a record that was left out: `where` is file and line, `reason` quotes no text."""
        self.skipped.append((where, reason))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a dict that fits into JSON, labels in alphabetical order."""
        return {
            **vars(self),
            "entities": dict(sorted(self.entities.items())),
            "categories": dict(sorted(self.categories.items())),
            "skipped": [{"where": where, "reason": reason} for where, reason in self.skipped],
        }


def to_doc(
    record: Record, nlp: Language, counts: ConversionCounts, *, misaligned: str = "snap"
) -> Doc:
    """Make a Doc of a record.

    Entities are set where the record is annotated for them and stay missing (no ENT_IOB) where it
    is not. The record's id and meta lie in `doc.user_data["id"]` and `doc.user_data["meta"]`.

    record (Record): The annotated text.
    nlp (Language): Gives the vocabulary, and the tokenizer for records without tokens.
    counts (ConversionCounts): Counts what is kept, changed and lost.
    misaligned (str): 'snap' grows an entity that misses token borders to the tokens it touches,
        'drop' leaves it out. Of overlapping entities the longest is kept.
    RETURNS (Doc): The annotated document.
    RAISES (ClintlError): An offset outside the text, or an unknown policy.
    """
    if misaligned not in MISALIGNED:
        raise ClintlError(Errors.CL141.format(policy=misaligned))
    if record.tokens is None:
        # The tokenizer, not make_doc: this is no place for the length limit of a parser.
        doc = nlp.tokenizer(record.text)
    else:
        doc = Doc(nlp.vocab, words=record.tokens, spaces=record.spaces)
    if record.spans is not None:
        doc.set_ents(_entities(doc, record, counts, misaligned), default="outside")
        counts.documents_with_entities_annotated += 1
        counts.entities.update(ent.label_ for ent in doc.ents)
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
    return doc


def _entities(doc: Doc, record: Record, counts: ConversionCounts, misaligned: str) -> list[DocSpan]:
    found = []
    for start, end, label in record.spans or []:
        if not 0 <= start <= end <= len(record.text):
            raise ClintlError(
                Errors.CL142.format(where=record.where, start=start, end=end, n=len(record.text))
            )
        content = record.text[start:end]
        left = len(content) - len(content.lstrip())
        right = len(content) - len(content.rstrip())
        if left == len(content):
            counts.dropped += 1
            continue
        if left or right:
            counts.trimmed += 1
            start, end = start + left, end - right
        span = doc.char_span(start, end, label=label)
        if span is None and misaligned == "snap":
            span = doc.char_span(start, end, label=label, alignment_mode="expand")
            counts.snapped += span is not None
        if span is None:
            counts.dropped += 1
        else:
            found.append(span)
    kept = filter_spans(found)
    counts.overlapping += len(found) - len(kept)
    return kept
