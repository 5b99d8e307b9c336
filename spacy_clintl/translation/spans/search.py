"""Placing the entities of a sentence together, so that none takes another's place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# So many spans of an entity take part in the search, and so many partial placements are kept.
BEST = 12
BEAM = 64


@dataclass(frozen=True)
class Candidates:
    """The spans that an entity could have.

    spans (ndarray): (spans, 2) words of the target.
    probabilities (ndarray): (spans + 1,) the first is that of no span.
    """

    spans: np.ndarray
    probabilities: np.ndarray

    def best(self) -> int | None:
        """RETURNS (int | None): The likeliest span's number; None if it is likelier to have
        none."""
        at = int(self.probabilities.argmax())
        return at - 1 if at else None


def place(entities: Sequence[Candidates], may_overlap: np.ndarray) -> list[int | None]:
    """Choose a span for each entity, or none, so that their joint probability is greatest.

    Beam search over the entities in order; without overlaps it finds what is best for each.

    entities (Sequence[Candidates]): The entities of a sentence.
    may_overlap (ndarray): (entities, entities) which may share words, as they do in the source.
    RETURNS (list[int | None]): The number of each one's span.
    """
    beam: list[tuple[float, tuple[int | None, ...]]] = [(0.0, ())]
    for number, candidates in enumerate(entities):
        log = np.log(np.maximum(candidates.probabilities, 1e-300))
        # A stable order, so that equal spans come out alike on every machine.
        order = np.argsort(-log[1:], kind="stable")[:BEST].tolist()
        longer = []
        for score, chosen in beam:
            longer.append((score + float(log[0]), (*chosen, None)))
            for span in order:
                free = all(
                    other is None
                    or may_overlap[number, earlier]
                    or not _overlap(candidates.spans[span], entities[earlier].spans[other])
                    for earlier, other in enumerate(chosen)
                )
                if free:
                    longer.append((score + float(log[span + 1]), (*chosen, span)))
        beam = sorted(longer, key=lambda item: -item[0])[:BEAM]
    return list(beam[0][1])


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(one[0] < other[1] and other[0] < one[1])
