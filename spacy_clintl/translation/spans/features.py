"""What speaks for a span to carry an entity, and what against it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .grid import Grid
from .likeness import (
    above_floor,
    acronyms,
    containment,
    is_capital,
    is_mark,
    joined_likeness,
    likeness,
)

# No span is longer than this many words beyond twice its entity.
SPARE = 6


@dataclass(frozen=True)
class SentencePair:
    """A sentence, its translation, and what is known of their words.

    source, target (Sequence[str]): Words; neither is empty.
    forward, backward (ndarray): (sources, targets) posteriors of links, as `alignment.Links` has
        them.
    source_weight, target_weight (ndarray): How much a word says, from 0 for the most frequent word
        of its language to 1 for one that is met once.
    """

    source: Sequence[str]
    target: Sequence[str]
    forward: np.ndarray
    backward: np.ndarray
    source_weight: np.ndarray
    target_weight: np.ndarray


def span_features(
    pair: SentencePair, words: np.ndarray, copied: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Say of every span of the target what speaks for it.

    pair (SentencePair): The sentences.
    words (ndarray): Numbers of the entity's words, in order, at least one.
    copied (float): How much the entity's label is usually copied, see `copy_rates`.
    RETURNS (tuple[ndarray, dict[str, ndarray]]): Spans (spans, 2), and features by name, (spans,).
    """
    grid = Grid(len(pair.target), min(len(pair.target), 2 * len(words) + SPARE))
    entity = [pair.source[i] for i in words]
    weight = pair.source_weight[words] + 0.05
    weight = (weight / weight.sum())[:, None, None]
    found = {"span": np.ones(grid.shape)}
    found |= _links(pair, words, weight, grid)
    found |= _spelling(pair, entity, weight, copied, grid)
    found |= _length(len(words), grid)
    found |= _casing(pair, entity, grid)
    found |= _signs(pair, entity, grid)
    found |= _frequent_words(pair, words, entity, grid)
    return grid.spans(), {name: values[grid.valid] for name, values in found.items()}


def _links(
    pair: SentencePair, words: np.ndarray, weight: np.ndarray, grid: Grid
) -> dict[str, np.ndarray]:
    both = np.sqrt(pair.forward * pair.backward)
    forward, backward, own = pair.forward[words].sum(0), pair.backward[words], both[words]
    linked = pair.forward.sum(0)
    back = backward.sum(0)
    others = both.sum(0) - own.sum(0)
    either = np.minimum(1.0, np.maximum(forward, back))
    sure = np.minimum(1.0, own.sum(0))
    forward_in, backward_in, own_in = grid.sum(forward), grid.sum(back), grid.greatest(own)
    missed = np.maximum(grid.greatest_outside(own) - own_in, 0.0)
    return {
        "forward_in": forward_in / len(words),
        "forward_missed": forward.sum() - forward_in,
        "forward_out": grid.sum(linked - forward),
        "forward_none": grid.sum(1 - linked),
        "backward_in": backward_in / len(words),
        "backward_missed": back.sum() - backward_in,
        "both_out": grid.sum(others),
        "covered": (weight * grid.greatest(backward)).sum(0),
        "covered_both": (weight * own_in).sum(0),
        "better_elsewhere": (weight * missed).sum(0),
        "first_link": grid.first(either),
        "last_link": grid.final(either),
        "before_link": grid.before(either),
        "after_link": grid.after(either),
        "first_both": grid.first(sure),
        "last_both": grid.final(sure),
        "first_out": grid.first(others),
        "last_out": grid.final(others),
    }


def _spelling(
    pair: SentencePair, entity: Sequence[str], weight: np.ndarray, copied: float, grid: Grid
) -> dict[str, np.ndarray]:
    target = list(pair.target)
    cognates = above_floor(likeness(entity, target))
    cognates_in = grid.greatest(cognates)
    cognate_source = (weight * cognates_in).sum(0)
    best = cognates.max(0)
    same = np.array([[float(word == other) for other in target] for word in entity])
    parts = containment(entity, target)
    parts_in = grid.greatest(parts)
    m = len(entity)
    identical = np.zeros(grid.shape)
    if m <= grid.longest:
        identical[:, m - 1] = [target[j : j + m] == list(entity) for j in range(len(target))]
    weights_in = np.maximum(grid.sum(pair.target_weight), 0.05)
    return {
        "cognate_source": cognate_source,
        "cognate_target": grid.sum(best * pair.target_weight) / weights_in,
        "cognate_elsewhere": (
            weight * np.maximum(grid.greatest_outside(cognates) - cognates_in, 0.0)
        ).sum(0),
        "same": (weight * grid.greatest(same)).sum(0),
        "same_first": grid.first(same[0]) * (not is_capital(entity[0])),
        "same_last": grid.final(same[-1]) * (not is_capital(entity[-1])),
        "identical": identical,
        "joined": above_floor(joined_likeness(entity, target, grid)),
        "contained": (weight * parts_in).sum(0),
        "contained_elsewhere": (
            weight * np.maximum(grid.greatest_outside(parts) - parts_in, 0.0)
        ).sum(0),
        "acronym": acronyms(entity, target, grid),
        "copied": copied * (1 - cognate_source),
        "first_cognate": grid.first(best),
        "last_cognate": grid.final(best),
    }


def _length(m: int, grid: Grid) -> dict[str, np.ndarray]:
    return {
        "longer": np.maximum(grid.lengths - m, 0).astype(float),
        "shorter": np.maximum(m - grid.lengths, 0).astype(float),
        "longer_share": np.log(np.maximum(grid.lengths / m, 1)),
        "shorter_share": np.log(np.maximum(m / grid.lengths, 1)),
        "one_of_many": ((grid.lengths == 1) & (m > 1)).astype(float),
    }


def _casing(pair: SentencePair, entity: Sequence[str], grid: Grid) -> dict[str, np.ndarray]:
    capital = np.array([float(is_capital(word)) for word in pair.target])
    letters = np.array([float(word[:1].isalpha()) for word in pair.target])
    lower = letters * (1 - capital)
    capitals = [is_capital(word) for word in entity]
    if not any(capitals):
        return {"capital_gained": grid.greatest(capital)}
    n_lower = sum(word[:1].islower() for word in entity)
    return {
        "capital_lost": 1 - grid.greatest(capital),
        "first_lower": grid.first(lower) * capitals[0],
        "last_lower": grid.final(lower) * capitals[-1],
        "more_lower": np.maximum(grid.sum(lower) - n_lower, 0.0),
        "content_lower": grid.sum(lower * (pair.target_weight > 0.5)),
        "capital_before": grid.first(capital) * grid.before(capital),
        "capital_after": grid.final(capital) * grid.after(capital),
        "capital_count": np.maximum(grid.sum(capital) - sum(capitals), 0.0),
    }


def _signs(pair: SentencePair, entity: Sequence[str], grid: Grid) -> dict[str, np.ndarray]:
    digits = [word for word in entity if _has_digit(word)]
    kept = np.array([float(word in digits) for word in pair.target])
    digit = np.array([float(_has_digit(word)) for word in pair.target])
    mark = np.array([float(is_mark(word)) for word in pair.target])
    return {
        "digits_lost": np.maximum(len(digits) - grid.sum(kept), 0.0),
        "digits_gained": grid.sum(np.maximum(digit - kept, 0.0)),
        "marks_gained": np.maximum(grid.sum(mark) - sum(map(is_mark, entity)), 0.0),
        "first_mark": grid.first(mark) * (not is_mark(entity[0])),
        "last_mark": grid.final(mark) * (not is_mark(entity[-1])),
    }


def _frequent_words(
    pair: SentencePair, words: np.ndarray, entity: Sequence[str], grid: Grid
) -> dict[str, np.ndarray]:
    capital = np.array([is_capital(word) for word in pair.target])
    frequent = np.where(capital, 0.0, 1 - pair.target_weight)
    light = 1 - pair.source_weight[words]
    first = 0.0 if is_capital(entity[0]) else light[0]
    last = 0.0 if is_capital(entity[-1]) else light[-1]
    return {
        "first_frequent": grid.first(frequent) * (1 - first),
        "last_frequent": grid.final(frequent) * (1 - last),
        "frequent": grid.sum(frequent) - first - last,
    }


def _has_digit(word: str) -> bool:
    return any(char.isdigit() for char in word)
