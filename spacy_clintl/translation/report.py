"""What became of a translated corpus, in figures."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .projection import COLLIDED, DROPPED, STATUSES, Projected
from .protocol import Cost

# Reading a mention in its sentence, marking it and choosing its label.
SECONDS_AN_ENTITY = 15.0
# Instead of the status of an entity that was found, but left out with its segment.
MASKED = "masked"


@dataclass
class Report:
    """Figures of a translated or aligned corpus. All counts start at zero.

    source (str): The language of the corpus.
    target (str): The language wanted.
    backend (str): The translator's name and version.
    projector (str): The projector's fingerprint.
    documents (int): Documents read.
    written (int): Documents written.
    segments (int): Segments cut; each is translated, was there already, or failed.
    translated (int): Segments that were translated now.
    known (int): Segments whose translation was there already: in the cache, or met before.
    failed (Counter[str]): Segments that could not be translated, by reason.
    entities (dict[str, Counter[str]]): Entities of written documents, by label and status; those
        that were found in a segment that is not annotated count as 'masked'.
    masked (Counter[str]): Segments of which tokens are not annotated for entities, by reason.
    group_spans (int): Spans of groups (`doc.spans`) of written documents; they are left out.
    cost (Cost): Of what was translated now.
    seconds (float): How long it took.
    seconds_an_entity (float): Assumed for the estimate of hours saved.
    """

    source: str = ""
    target: str = ""
    backend: str = ""
    projector: str = ""
    documents: int = 0
    written: int = 0
    segments: int = 0
    translated: int = 0
    known: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    entities: dict[str, Counter[str]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)
    group_spans: int = 0
    cost: Cost = field(default_factory=Cost)
    seconds: float = 0.0
    seconds_an_entity: float = SECONDS_AN_ENTITY

    def count(self, projected: Iterable[Projected], *, masked: bool = False) -> None:
        """Count the statuses of entities.

        projected (Iterable[Projected]): What became of them.
        masked (bool): Whether they are in a segment that is not annotated.
        """
        for one in projected:
            status = MASKED if masked and one.status not in (DROPPED, COLLIDED) else one.status
            self.entities.setdefault(one.label, Counter())[status] += 1

    def rows(self) -> list[tuple[str, ...]]:
        """Give a table: label, number of entities, and how many have each status; all of them last.

        RETURNS (list[tuple[str, ...]]): The header and the rows.
        """
        total = self._total()
        statuses = (*STATUSES, MASKED) if total[MASKED] else STATUSES
        rows: list[tuple[str, ...]] = [("label", "entities", *statuses)]
        for label, counts in [*sorted(self.entities.items()), ("all", total)]:
            figures = (counts.total(), *(counts[status] for status in statuses))
            rows.append((label, *(f"{n:,}" for n in figures)))
        return rows

    def _total(self) -> "Counter[str]":
        total: Counter[str] = Counter()
        for counts in self.entities.values():
            total.update(counts)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict that fits into JSON."""
        total = self._total()
        carried = total.total() - total[DROPPED] - total[COLLIDED] - total[MASKED]
        return {
            "source": self.source,
            "target": self.target,
            "backend": self.backend,
            "projector": self.projector,
            "documents": {"read": self.documents, "written": self.written},
            "segments": {
                "all": self.segments,
                "translated": self.translated,
                "known": self.known,
                "failed": dict(sorted(self.failed.items())),
                "masked": dict(sorted(self.masked.items())),
            },
            "entities": {
                "all": _statuses(total),
                "labels": {
                    label: _statuses(counts) for label, counts in sorted(self.entities.items())
                },
            },
            "spans_of_groups_left_out": self.group_spans,
            "characters": self.cost.characters,
            "price": {"amount": round(self.cost.price, 4), "currency": self.cost.currency},
            "seconds": round(self.seconds, 3),
            "annotation_saved": {
                "estimate": True,
                "hours": round(carried * self.seconds_an_entity / 3600, 2),
                "assumes_seconds_an_entity": self.seconds_an_entity,
                "entities_carried": carried,
            },
        }


def _statuses(counts: Counter[str]) -> dict[str, int]:
    return {"entities": counts.total(), **{key: counts[key] for key in (*STATUSES, MASKED)}}
