"""What entities became elsewhere in the corpus: the same words are translated alike."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..words import fold, stem

Key = tuple[str, ...]
# What no span is called in place of a target.
NOTHING: Key = ()
# Spans less likely than this are not remembered.
LEAST = 0.02
# So many words of a target, their stems, tell one target from another.
STEM = 5


def key_of(words: Iterable[str]) -> Key:
    """Call words by their stems, so that inflected forms are the same."""
    return tuple(stem(fold(word), STEM) for word in words)


class Share(NamedTuple):
    """What an entity of a sentence may have become.

    entity (Key): Its words.
    label (str): Its label.
    targets (dict[Key, float]): Probabilities of targets; NOTHING for no span.
    """

    entity: Key
    label: str
    targets: dict[Key, float]


class Memory:
    """Expected counts of what entities and labels became.

    They are gathered from the probabilities of a first search. A sentence's own share is left out
    when its entities are judged.
    """

    def __init__(self) -> None:
        self.entities: dict[Key, dict[Key, float]] = {}
        self.labels: dict[str, dict[Key, float]] = {}

    def add(self, share: Iterable[Share], sign: float = 1.0) -> None:
        """Add what a sentence's entities may have become, or take it off again.

        share (Iterable[Share]): Its entities.
        sign (float): 1 or -1.
        """
        for one in share:
            entities = self.entities.setdefault(one.entity, {})
            labels = self.labels.setdefault(one.label, {})
            for target, probability in one.targets.items():
                for known in (entities, labels):
                    known[target] = known.get(target, 0.0) + sign * probability

    @contextmanager
    def without(self, share: Sequence[Share]) -> Iterator[None]:
        """Forget a sentence's share for a while."""
        self.add(share, sign=-1.0)
        yield
        self.add(share)

    def features(
        self, entity: Key, label: str, words: Sequence[str], spans: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Say what the memory knows of each span.

        entity (Key): The entity's words.
        label (str): Its label.
        words (Sequence[str]): Words of the target sentence.
        spans (ndarray): (spans, 2).
        RETURNS (dict[str, ndarray]): Features by name, (spans,).
        """
        stems = key_of(words)
        known = self.entities.get(entity) or {}
        of_label = self.labels.get(label) or {}
        total = sum(known.values()) + 1
        keys = [stems[start:end] for start, end in spans]
        shares = np.array([max(known.get(key, 0.0), 0.0) / total for key in keys])
        counts = np.array([max(of_label.get(key, 0.0), 0.0) for key in keys])
        return {
            "as_elsewhere": shares,
            "label_elsewhere": np.minimum(1.0, np.log1p(counts) / np.log(10)),
            "nothing_elsewhere": np.full(len(keys), max(known.get(NOTHING, 0.0), 0.0) / total),
            "unlike_elsewhere": shares.max(initial=0.0) - shares,
        }


def expected_targets(
    words: Sequence[str], spans: np.ndarray, probabilities: np.ndarray
) -> dict[Key, float]:
    """Sum the probabilities of spans that have the same words.

    words (Sequence[str]): Words of the target sentence.
    spans (ndarray): (spans, 2).
    probabilities (ndarray): (spans + 1,) the first is that of no span.
    RETURNS (dict[Key, float]): By target.
    """
    stems = key_of(words)
    found: dict[Key, float] = defaultdict(float, {NOTHING: float(probabilities[0])})
    for i in np.flatnonzero(probabilities[1:] > LEAST):
        start, end = spans[i]
        found[stems[start:end]] += float(probabilities[i + 1])
    return found
