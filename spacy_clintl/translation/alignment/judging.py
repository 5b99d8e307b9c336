"""Whether a span that was found holds all of an entity."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..projection import DISCONTINUOUS, KEPT, TRIMMED
from ..protocol import CharSpan
from ..spans.features import SentencePair
from ..spans.likeness import above_floor, is_mark, likeness

# A word of the entity that is linked less than this has no counterpart in the span; a word outside
# the span that is linked more than that belongs to the entity, too.
UNLINKED, LINKED = 0.1, 0.7
# Words that weigh less are not missed: articles, prepositions.
TELLING = 0.4


def judged(
    pair: SentencePair, words: np.ndarray, span: CharSpan, places: Sequence[CharSpan]
) -> tuple[str, tuple[CharSpan, ...]]:
    """Say whether a span holds all of an entity.

    pair (SentencePair): The sentences.
    words (ndarray): The entity's words.
    span (CharSpan): First word of the span, and behind its last.
    places (Sequence[CharSpan]): Characters of the target's words.
    RETURNS (tuple[str, tuple[CharSpan, ...]]): The status, and the parts of a discontinuous one.
    """
    both = np.sqrt(pair.forward * pair.backward)[words]
    linked = np.minimum(both.sum(0), 1.0) * (pair.target_weight > TELLING)
    # Words beside the span were judged not to belong to it; only those apart tear it.
    linked[max(span[0] - 1, 0) : span[1] + 1] = 0.0
    if (linked > LINKED).any():
        away = [(int(j), int(j) + 1) for j in np.flatnonzero(linked > LINKED)]
        runs = _merged([span, *away])
        return DISCONTINUOUS, tuple((places[a][0], places[b - 1][1]) for a, b in runs)
    inside = np.maximum(pair.forward, pair.backward)[words, span[0] : span[1]].max(1)
    source = [pair.source[i] for i in words]
    alike = above_floor(likeness(source, pair.target[span[0] : span[1]])).max(1)
    telling = (pair.source_weight[words] > TELLING) & ~np.array([is_mark(word) for word in source])
    missing = telling & (inside < UNLINKED) & (alike == 0)
    return (TRIMMED if missing.any() else KEPT), ()


def _merged(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
