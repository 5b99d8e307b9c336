"""Which sentences of two documents translate each other."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from .evidence import Evidence

# Sentences of source and target that make a bead, and how likely that is (Gale and Church, 1993,
# "A program for aligning sentences in bilingual corpora", table 5).
KINDS = {(1, 1): 0.89, (1, 0): 0.005, (0, 1): 0.005, (2, 1): 0.045, (1, 2): 0.045, (2, 2): 0.01}
# Variance of the target's characters for one of the source (section 4.1).
VARIANCE = 6.8
# Sentences that pair are no further from the diagonal than this and the difference in number.
BAND = 50
# So much better than one by one, in nats, sentences of equal number have to pair another way.
MARGIN = 2.0
Bead = tuple[range, range]


def pair_sentences(
    source: Sequence[int],
    target: Sequence[int],
    ratio: float | None = None,
    evidence: Evidence | None = None,
) -> list[Bead]:
    """Pair the sentences of a document with those of its translation by lengths and words.

    As many sentences on both sides are taken one by one, unless their words speak against it.

    source, target (Sequence[int]): Characters of each sentence.
    ratio (float | None): Target characters for one of the source, as of a whole corpus. None: that
        of these sentences, which misleads where one was left out.
    evidence (Evidence | None): Their words.
    RETURNS (list[Bead]): Sentences of source and target, in order; together they are all.
    """
    singly = [(range(n, n + 1), range(n, n + 1)) for n in range(len(source))]
    alike = len(source) == len(target)
    if alike and (evidence is None or not _drifts(evidence, len(source))):
        return singly
    if ratio is None:
        ratio = (sum(target) or 1) / (sum(source) or 1)

    def cost(bead: Bead) -> float:
        first, second = bead
        lengths = sum(source[n] for n in first), sum(target[n] for n in second)
        share = KINDS[len(first), len(second)]
        return (
            _cost(*lengths, ratio)
            - math.log(share)
            - (evidence.shared(*bead) if evidence is not None else 0.0)
        )

    found = _best(len(source), len(target), cost)
    if alike and sum(map(cost, found)) > sum(map(cost, singly)) - MARGIN:
        return singly
    return found


def _drifts(evidence: Evidence, n: int) -> bool:
    """Say whether some sentence is more like the neighbour of the one with its number."""
    own = [evidence.shared((i,), (i,)) for i in range(n)]
    return any(
        max(evidence.shared((i,), (i + 1,)) - own[i], evidence.shared((i + 1,), (i,)) - own[i])
        > MARGIN
        for i in range(n - 1)
    )


def _best(n: int, m: int, cost: Callable[[Bead], float]) -> list[Bead]:
    """RETURNS (list[Bead]): The beads of n and m sentences that cost the least together."""
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    wide = BAND + abs(n - m)
    for i in range(n + 1):
        middle = i * m // max(n, 1)
        for j in range(max(middle - wide, 0), min(middle + wide, m) + 1):
            ways = [
                (best[i - a, j - b][0] + cost((range(i - a, i), range(j - b, j))), (a, b))
                for a, b in KINDS
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
