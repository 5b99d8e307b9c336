"""What the projector by alignment is given: pairs of texts, and what their words are like."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...data.records import Span as Entity
from ..projection import overlap
from ..protocol import CharSpan
from ..spans.likeness import above_floor, likeness
from ..words import find_words, fold

# How much a label is copied of which no entity was met.
UNKNOWN_RATE = 0.5


@dataclass(frozen=True)
class Text:
    """A text and its words.

    text (str): The text.
    words (Sequence[CharSpan]): Where its words are, in order.
    """

    text: str
    words: Sequence[CharSpan]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Cut a text into words."""
        return cls(text, find_words(text))

    def forms(self) -> list[str]:
        """RETURNS (list[str]): The words themselves."""
        return [self.text[start:end] for start, end in self.words]

    def within(self, entity: Entity) -> np.ndarray:
        """RETURNS (ndarray): Numbers of the words that an entity touches."""
        parts = entity.fragments or ((entity.start, entity.end),)
        return np.array(
            [n for n, word in enumerate(self.words) if any(overlap(word, part) for part in parts)],
            dtype=np.int64,
        )


@dataclass(frozen=True)
class Task:
    """A pair of texts, and the source's entities that shall be found in the target."""

    source: Text
    target: Text
    entities: Sequence[Entity]


def word_weights(words: Sequence[str], counts: "Counter[str]") -> np.ndarray:
    """Say how much words tell by how rare they are.

    words (Sequence[str]): Words of a sentence.
    counts (Counter[str]): How often each folded word stands in the corpus.
    RETURNS (ndarray): (words,) from about 0 for the most frequent to 1 for one that stands once.
    """
    top = np.log(1 + max(counts.values(), default=1))
    return np.array([1 - np.log(max(counts[fold(word)], 1)) / top for word in words])


def copy_rates(tasks: Iterable[Task]) -> dict[str, float]:
    """Find out how much the entities of each label look the same in the translation.

    tasks (Iterable[Task]): The pairs of texts.
    RETURNS (dict[str, float]): By label, from 0 for not at all to 1 for copied letter by letter.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    for task in tasks:
        source, target = task.source.forms(), task.target.forms()
        for entity in task.entities if target else ():
            if words := [source[n] for n in task.source.within(entity)]:
                alike = above_floor(likeness(words, target)).max(1).mean()
                rates[entity.label].append(float(alike))
    # Of few entities nothing much is known yet.
    return {label: (sum(found) + UNKNOWN_RATE) / (len(found) + 1) for label, found in rates.items()}
