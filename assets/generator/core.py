"""Building blocks: reproducible draws, inline span markup, noise and the record format.

Templates carry their entity annotation inline as ``[F:dry cough]``. Text is split into
segments first and noise is applied to each segment, so offsets are computed on the final
characters and are right by construction.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

DIAGNOSES = {
    # Share of the notes; the most frequent is about nine times the rarest.
    "pneumonia": 0.33,
    "heart_failure": 0.22,
    "copd": 0.16,
    "uti": 0.11,
    "gastroenteritis": 0.085,
    "embolism": 0.058,
    "ketoacidosis": 0.037,
}
FINDINGS = (
    "fever",
    "cough",
    "dyspnea",
    "chest_pain",
    "nausea",
    "edema",
    "tachycardia",
    "confusion",
)
ENTITY_OF = {
    "M": "MEDICATION",
    "D": "DOSAGE",
    "Q": "FREQUENCY",
    "T": "DURATION",
    "F": "FINDING",
}

_MARK = re.compile(r"\[([MDQTF]):([^\[\]]+)\]")
_SLOT = re.compile(r"\{(?:(\d+)-(\d+)|(\w+))\}")
# Words before a colon are headers and speakers, by which readers find their way.
_WORD = re.compile(r"\b[^\W\d_]{5,}\b(?!:)")


class Draw:
    """Random choices built on ``random.Random.random`` alone.

    Only that method is guaranteed to give the same sequence on every Python version;
    ``choice``, ``sample`` and ``shuffle`` are not.
    """

    def __init__(self, seed: str) -> None:
        self.unit: Callable[[], float] = random.Random(seed).random

    def below(self, n: int) -> int:
        return int(self.unit() * n)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def chance(self, p: float) -> bool:
        return self.unit() < p

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def pick_tail(self, items: Sequence[T]) -> T:
        """Prefer the first items, so that tables are read as common first, rare last."""
        return items[int(self.unit() ** 2.0 * len(items))]

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        pool = list(items)
        k = min(k, len(pool))
        for i in range(k):
            j = i + self.below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:k]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return self.sample(items, len(items))


def quota(shares: dict[T, float], total: int) -> list[T]:
    """Exactly ``total`` keys in the given shares, by largest remainder."""
    scale = total / sum(shares.values())
    counts = {key: int(share * scale) for key, share in shares.items()}
    rest = sorted(shares, key=lambda key: counts[key] - shares[key] * scale)
    for key in rest[: total - sum(counts.values())]:
        counts[key] += 1
    return [key for key, count in counts.items() for _ in range(count)]


def expand(
    template: str,
    draw: Draw,
    words: dict[str, list[str]],
    values: dict[str, str] | None = None,
) -> str:
    """Fill ``{name}`` from ``values`` or a random row of ``words``, ``{3-9}`` by a number."""
    given = values or {}

    def fill(match: re.Match[str]) -> str:
        low, high, name = match.groups()
        if low is not None:
            return str(draw.between(int(low), int(high)))
        if name in given:
            return given[name]
        return expand(draw.pick_tail(words[name]), draw, words, given)

    return re.sub(r" {2,}", " ", _SLOT.sub(fill, template)).strip()


def capitalise(marked: str) -> str:
    """Upper-case the first letter, looking through an opening span mark; pH stays pH."""
    at = 3 if _MARK.match(marked) else 0
    if marked[at + 1 : at + 2].isupper():
        return marked
    return marked[:at] + marked[at : at + 1].upper() + marked[at + 1 :]


def sentence(marked: str, capital: bool = True) -> str:
    text = capitalise(marked) if capital else marked
    return text if text[-1] in ".?!:" else text + "."


@dataclass(frozen=True)
class Noise:
    """How much to disturb one text."""

    typo: float = 0.0
    spacing: float = 0.0


def _typo(word: str, draw: Draw) -> str:
    at = 1 + draw.below(len(word) - 2)  # the first letter stays, as in most real slips
    kind = draw.below(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


def _disturb(text: str, draw: Draw, noise: Noise) -> str:
    if noise.typo:
        text = _WORD.sub(
            lambda m: _typo(m[0], draw) if draw.chance(noise.typo) else m[0],
            text,
        )
    if noise.spacing:
        odd = ("\u00a0", "\u00a0", "\u2009", "  ")
        text = re.sub(
            r"(?<=\S) (?=\S)",
            lambda m: draw.pick(odd) if draw.chance(noise.spacing) else m[0],
            text,
        )
    return text


def render(marked: str, draw: Draw, noise: Noise) -> tuple[str, list[dict[str, Any]]]:
    """Turn marked-up text into plain text and its spans."""
    parts: list[str] = []
    spans: list[dict[str, Any]] = []
    length = 0

    def add(piece: str) -> None:
        nonlocal length
        parts.append(piece)
        length += len(piece)

    last = 0
    for match in _MARK.finditer(marked):
        add(_disturb(marked[last : match.start()], draw, noise))
        start = length
        add(_disturb(match[2], draw, noise))
        spans.append({"start": start, "end": length, "label": ENTITY_OF[match[1]]})
        last = match.end()
    add(_disturb(marked[last:], draw, noise))
    return "".join(parts), spans


def categories(diagnosis: str, present: Sequence[str]) -> dict[str, float]:
    cats = {f"diagnosis/{name}": float(name == diagnosis) for name in DIAGNOSES}
    cats.update({f"findings/{name}": float(name in present) for name in FINDINGS})
    return cats
