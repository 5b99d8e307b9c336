"""The interchange between formats and Docs: one annotated text, and what a conversion counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# How many skipped records are named; the others are only counted.
NAMED = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """An entity of a source: character offsets into the record's text (end exclusive) and a label.

    start (int): The first character, of a discontinuous entity that of its first fragment.
    end (int): Behind the last character, of a discontinuous entity that of its last fragment.
    label (str): What it is.
    fragments (tuple[tuple[int, int], ...]): The parts of a discontinuous entity, in order; else
        empty.
    id (str): Its name in the source, to which relations may refer.
    attributes (Mapping[str, Any]): What the source says of it: assertion, negation, a concept's
        identifier. Must fit into JSON.
    notes (tuple[str, ...]): Free remarks of the annotators.
    kb_id (str): The concept it stands for, in a knowledge base: `ent.kb_id_` of a Doc.
    ent_id (str): What a Doc calls it: `ent.id_`.
    """

    start: int
    end: int
    label: str
    fragments: tuple[tuple[int, int], ...] = ()
    id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kb_id: str = ""
    ent_id: str = ""

    @property
    def bare(self) -> bool:
        """Whether an entity of a Doc can hold all there is."""
        return not (self.fragments or self.id or self.attributes or self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return what is set as a dict that fits into JSON."""
        data: dict[str, Any] = {"start": self.start, "end": self.end, "label": self.label}
        if self.fragments:
            data["fragments"] = [list(fragment) for fragment in self.fragments]
        if self.id:
            data["id"] = self.id
        if self.attributes:
            data["attributes"] = dict(self.attributes)
        if self.notes:
            data["notes"] = list(self.notes)
        if self.kb_id:
            data["kb_id"] = self.kb_id
        if self.ent_id:
            data["ent_id"] = self.ent_id
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Span":
        """Make a span of what `to_dict` gave."""
        return cls(
            data["start"],
            data["end"],
            data["label"],
            fragments=tuple((start, end) for start, end in data.get("fragments", ())),
            id=data.get("id", ""),
            attributes=data.get("attributes", {}),
            notes=tuple(data.get("notes", ())),
            kb_id=data.get("kb_id", ""),
            ent_id=data.get("ent_id", ""),
        )


@dataclass(frozen=True)
class Record:
    """One annotated text between a format and a Doc.

    For `cats` and `spans`, None says 'not annotated for this', an empty value 'annotated, none
    there'.

    text (str): The text. With `tokens`, the tokens joined as `spaces` says.
    cats (dict[str, float] | None): Categories, keys `task/label`.
    spans (list[Span] | None): Entities. They may overlap and may miss token borders.
    tokens (list[str] | None): The tokens, where the source has its own tokenisation.
    spaces (list[bool] | None): Whether a space follows a token. None with tokens: the source does
        not say; `text` then has one space between tokens.
    sentences (list[int] | None): With tokens, the first token of each sentence, from 0.
    meta (dict[str, Any]): Whatever else shall travel with the text. Must fit into JSON. By
        convention `document`, `patient` and `source` name the groups that a split must not cut,
        and what only one format can hold stands under that format's name.
    where (str): Source file and line, for messages.
    id (str): The record's name in its source.
    repaired (int): Entity tags that the reader had to mend.
    missing (list[tuple[int, int]]): Of a text that is annotated for entities only in part, the
        characters of the tokens of which nobody said whether they belong to one; in order. Those
        of `spans` are annotated, whatever stands here.
    """

    text: str
    cats: dict[str, float] | None = None
    spans: list[Span] | None = None
    tokens: list[str] | None = None
    spaces: list[bool] | None = None
    sentences: list[int] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    id: str = ""
    repaired: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class ConversionCounts:
    """What a conversion read, wrote, changed and left out. All counts start at zero.

    documents (int): Texts that were written.
    tokens (int): Their tokens.
    documents_with_entities_annotated (int): Of them, those annotated for entities, also for none.
    documents_with_categories_annotated (int): Of them, those annotated for categories.
    entities (Counter[str]): Entities written, by label.
    categories (Counter[str]): Documents by category that holds.
    discontinuous (int): Entities in several fragments.
    snapped (int): Entities that missed token borders and were grown to them.
    trimmed (int): Entities that began or ended with white space, which was cut off.
    overlapping (int): Entities left out of `doc.ents` because a longer one overlaps them.
    dropped (int): Entities left out because they miss token borders, hold no character, or are
        discontinuous, as the policy says.
    unwanted (int): Entities that were not asked for.
    source_labels (Counter[str]): Where some labels are asked for, the entities of the source by the
        labels that they have there.
    repaired (int): Entity tags that the reader had to mend.
    skipped (list[tuple[str, str]]): Records left out: file and line, and the reason. Only the
        first thousand are named.
    n_skipped (int): How many records were left out.
    """

    documents: int = 0
    tokens: int = 0
    documents_with_entities_annotated: int = 0
    documents_with_categories_annotated: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    discontinuous: int = 0
    snapped: int = 0
    trimmed: int = 0
    overlapping: int = 0
    dropped: int = 0
    unwanted: int = 0
    source_labels: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    n_skipped: int = 0

    def skip(self, where: str, reason: str) -> None:
        """Note a record that was left out: `where` is file and line, `reason` quotes no text."""
        self.n_skipped += 1
        if len(self.skipped) < NAMED:
            self.skipped.append((where, reason))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a dict that fits into JSON, labels in alphabetical order."""
        return {
            **vars(self),
            "entities": dict(sorted(self.entities.items())),
            "categories": dict(sorted(self.categories.items())),
            "source_labels": dict(sorted(self.source_labels.items())),
            "skipped": [{"where": where, "reason": reason} for where, reason in self.skipped],
        }
