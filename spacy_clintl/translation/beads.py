"""Which sentences of two documents translate each other."""

import math
from collections.abc import Sequence
from functools import lru_cache

# Sentences of source and target that make a bead, and how likely that is (Gale and Church, 1993,
# "A program for aligning sentences in bilingual corpora", table 5).
KINDS = {(1, 1): 0.89, (1, 0): 0.005, (0, 1): 0.005, (2, 1): 0.045, (1, 2): 0.045, (2, 2): 0.01}
# Variance of the target's characters for one of the source (section 4.1).
VARIANCE = 6.8
# Sentences that pair are no further from the diagonal than this and the difference in number.
BAND = 50
Bead = tuple[range, range]


def pair_sentences(
    source: Sequence[int], target: Sequence[int], ratio: float | None = None
) -> list[Bead]:
    """Pair the sentences of a document with those of its translation by their lengths.

    As many sentences on both sides are taken one by one.

    source, target (Sequence[int]): Characters of each sentence.
    ratio (float | None): Target characters for one of the source, as of a whole corpus. None: that
        of these sentences, which misleads where one was left out.
    RETURNS (list[Bead]): Sentences of source and target, in order; together they are all.
    """
    if len(source) == len(target):
        return [(range(n, n + 1), range(n, n + 1)) for n in range(len(source))]
    if ratio is None:
        ratio = (sum(target) or 1) / (sum(source) or 1)
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    n, m = len(source), len(target)
    wide = BAND + abs(n - m)
    for i in range(n + 1):
        middle = i * m // max(n, 1)
        for j in range(max(middle - wide, 0), min(middle + wide, m) + 1):
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
    i, j = n, m
    while i or j:
        a, b = best[i, j][1]
        beads.append((range(i - a, i), range(j - b, j)))
        i, j = i - a, j - b
    return beads[::-1]


@lru_cache(maxsize=4096)
def _cost(source: int, target: int, ratio: float) -> float:
    """RETURNS (float): How unlikely two lengths are for a text and its translation."""
    if not source or not target:
        # Whether a sentence is left out does not depend on its length (as in Moore, 2002, "Fast
        # and accurate sentence alignment of bilingual corpora").
        return 0.0
    mean = (source + target / ratio) / 2
    distance = abs(target - source * ratio) / math.sqrt(mean * VARIANCE)
    return -math.log(max(math.erfc(distance / math.sqrt(2)), 1e-30))
