"""Which sentences of two documents translate each other."""

import math
from collections.abc import Sequence
from functools import lru_cache

# Sentences of source and target that make a bead, and how likely that is (Gale and Church, 1993,
# "A program for aligning sentences in bilingual corpora", table 5).
KINDS = {(1, 1): 0.89, (1, 0): 0.005, (0, 1): 0.005, (2, 1): 0.045, (1, 2): 0.045, (2, 2): 0.01}
# Variance of the target's characters for one of the source (section 4.1).
VARIANCE = 6.8
Bead = tuple[range, range]


def pair_sentences(source: Sequence[int], target: Sequence[int]) -> list[Bead]:
    """Pair the sentences of a document with those of its translation by their lengths.

    As many sentences on both sides are taken one by one.

    source, target (Sequence[int]): Characters of each sentence.
    RETURNS (list[Bead]): Sentences of source and target, in order; together they are all.
    """
    if len(source) == len(target):
        return [(range(n, n + 1), range(n, n + 1)) for n in range(len(source))]
    ratio = (sum(target) or 1) / (sum(source) or 1)
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(source) + 1):
        for j in range(len(target) + 1):
            ways = [
                (
                    best[i - a, j - b][0]
                    + _cost(sum(source[i - a : i]), sum(target[j - b : j]), ratio)
                    - math.log(share),
                    (a, b),
                )
                for (a, b), share in KINDS.items()
                if i >= a and j >= b and (i - a, j - b) in best
            ]
            if ways:
                best[i, j] = min(ways)
    beads = []
    i, j = len(source), len(target)
    while i or j:
        a, b = best[i, j][1]
        beads.append((range(i - a, i), range(j - b, j)))
        i, j = i - a, j - b
    return beads[::-1]


@lru_cache(maxsize=4096)
def _cost(source: int, target: int, ratio: float) -> float:
    """RETURNS (float): How unlikely two lengths are for a text and its translation."""
    mean = (source + target / ratio) / 2
    if not mean:
        return 0.0
    distance = abs(target - source * ratio) / math.sqrt(mean * VARIANCE)
    return -math.log(max(math.erfc(distance / math.sqrt(2)), 1e-30))
