"""Differences between the variants of an experiment, with intervals and p values."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from ..errors import ClintlError, Errors
from . import resampling
from .report import Table
from .results import MEAN, Result, pairs_of, shower, size_name, sizes_of

Outcomes = Mapping[str, Any]
# A score from counts that is further from the recorded one than this is another score.
TOLERANCE = 0.005
NO_OUTCOMES = "of some run it is not kept what became of each document"
NOT_COUNTED = "the score is not made of counts that add up over documents"
OTHER_DOCUMENTS = "the runs were not scored on the same documents"
OTHER_SCORE = "what is kept of the documents does not give the score of the run"


@dataclass(frozen=True)
class Difference:
    """How much better a variant is than another.

    corpus (str | None): None is the mean over corpora.
    seeds (int): Of how many pairs of runs `value` is the mean.
    interval (tuple[float, float] | None): The 95 % confidence interval.
    folds (int): In how many parts documents were resampled: one, or one a seed.
    why (str | None): Why there is none.
    """

    corpus: str | None
    size: float
    variant: str
    seeds: int
    value: float
    interval: tuple[float, float] | None = None
    p: float | None = None
    folds: int = 1
    why: str | None = None


def differences(
    results: Sequence[Result],
    against: str,
    outcomes_of: Callable[[Result], Outcomes | None],
    *,
    resamples: int = 10_000,
) -> list[Difference]:
    """Compare each variant with one of them, over the seeds that both have.

    results (Sequence[Result]): The scores.
    against (str): The variant to compare with.
    outcomes_of (Callable[[Result], Mapping | None]): Gives what became of each document in a run;
        None where that is not kept.
    resamples (int): See `resampling.resample`.
    RETURNS (list[Difference]): By corpus and size, then means over corpora: of variants that have
        all corpora of the size, over the seeds that both variants have in all of them. There each
        corpus is resampled by itself.
    RAISES (ClintlError): No runs can be paired.
    """
    variants = list(dict.fromkeys(result.variant for result in results))
    corpora = list(dict.fromkeys(result.corpus for result in results))
    rows = []
    for size in sizes_of(results):
        here = [result for result in results if result.size == size]
        needed = [corpus for corpus in corpora if any(r.corpus == corpus for r in here)]
        for variant in variants:
            if variant == against:
                continue
            by_corpus = [
                pairs for corpus in needed if (pairs := pairs_of(here, corpus, variant, against))
            ]
            parts = [_compare(pairs, outcomes_of, resamples) for pairs in by_corpus]
            rows += [row for row, _ in parts]
            if len(by_corpus) < max(2, len(needed)):
                continue
            # A mean is over the same seeds in every corpus, as in the table of scores.
            common = set.intersection(*({one.seed for one, _ in pairs} for pairs in by_corpus))
            for number, pairs in enumerate(by_corpus):
                shared = [pair for pair in pairs if pair[0].seed in common]
                if common and len(shared) < len(pairs):
                    parts[number] = _compare(shared, outcomes_of, resamples)
            if common:
                rows.append(_mean_of(parts))
    if not rows:
        raise ClintlError(Errors.CL517.format(variant=against))
    # As in the other table: corpus by corpus, the mean at the end.
    order = {name: i for i, name in enumerate([*corpora, None])}
    sizes = sizes_of(results)
    return sorted(
        rows,
        key=lambda row: (order[row.corpus], sizes.index(row.size), variants.index(row.variant)),
    )


def difference_table(found: Sequence[Difference], results: Sequence[Result], against: str) -> Table:
    """Lay out differences.

    found (Sequence[Difference]): What `differences` gave.
    results (Sequence[Result]): What they are of.
    against (str): The variant compared with.
    RETURNS (Table): A row a difference.
    """
    show = shower(results, signed=True)
    header = ("corpus", "size", "variant", "seeds", "difference", "95 % interval", "p")
    rows: list[tuple[str, ...]] = []
    before = None
    for row in found:
        name = row.corpus or MEAN
        interval = "-"
        if row.interval is not None:
            interval = f"[{show(row.interval[0])}, {show(row.interval[1])}]"
        p = "-" if row.p is None else _shown_p(row.p)
        cells = (size_name(row.size), row.variant, str(row.seeds), show(row.value), interval, p)
        rows.append((name if name != before else "", *cells))
        before = name
    return Table(f"Differences to '{against}'", header, rows)


def _shown_p(p: float) -> str:
    """RETURNS (str): Four digits, or as many as show that it is not 0: with many resamples."""
    return f"{p:.4f}" if p >= 5e-5 else f"{p:.1e}"


def difference_notes(found: Sequence[Difference], resamples: int) -> list[str]:
    """Say what was resampled, and why some differences have no interval.

    found (Sequence[Difference]): The differences.
    resamples (int): How many were drawn for each.
    RETURNS (list[str]): Sentences for below the table.
    """
    notes = ["Difference: mean over the seeds that both variants have."]
    if any(row.interval for row in found):
        notes += [
            f"95 % interval: percentiles of {resamples:,} resamples of a paired bootstrap (Efron & "
            "Tibshirani 1993): the dev documents are drawn anew with replacement, the same ones "
            "for both variants and all seeds.",
            "p: approximate randomisation, two-sided (Noreen 1989; Yeh 2000), as many resamples: "
            "for each dev document a coin decides whether the two variants change places on it, "
            "in all seeds at once.",
            "Documents are resampled, not trainings: both speak of these pipelines on other "
            "documents, not of other seeds. No p value is corrected for the number of "
            "comparisons.",
        ]
    if any(row.folds > 1 for row in found):
        notes.append(
            "Where each seed was scored on documents of its own, as with cross-validation, the "
            "documents of each are resampled by themselves."
        )
    if any(row.corpus is None for row in found):
        notes.append(
            f"Row '{MEAN}': over all corpora of the size, of the seeds that both variants have in "
            "all of them; each corpus is resampled by itself."
        )
    for why in dict.fromkeys(row.why for row in found if row.why):
        n = sum(row.why == why for row in found)
        notes.append(f"No interval and no p in {n} of {len(found)} rows: {why}.")
    return notes


def _compare(
    pairs: Sequence[tuple[Result, Result]],
    outcomes_of: Callable[[Result], Outcomes | None],
    resamples: int,
) -> tuple[Difference, Any]:
    first = pairs[0][0]
    value = fmean(one.value - other.value for one, other in pairs)
    row = Difference(first.corpus, first.size, first.variant, len(pairs), value)
    name = first.name.removeprefix("ents_")
    if name not in resampling.COUNTED:
        return replace(row, why=NOT_COUNTED), None
    sides = [[outcomes_of(result) for result in side] for side in zip(*pairs)]
    kept = [[outcomes for outcomes in side if outcomes is not None] for side in sides]
    if any(len(side) < len(pairs) for side in kept):
        return replace(row, why=NO_OUTCOMES), None
    tables = _tables(*kept)
    if tables is None:
        return replace(row, why=OTHER_DOCUMENTS), None
    # Tables are of all seeds together, or of one each: either way theirs come in order.
    scores = [resampling.score_of(sums, name) for t in tables for sums in t.sum(axis=2)]
    found = np.concatenate([*scores[::2], *scores[1::2]])
    recorded = [result.value for side in zip(*pairs) for result in side]
    if abs(found - recorded).max() > TOLERANCE:
        return replace(row, why=OTHER_SCORE), None
    parts = []
    for number, table in enumerate(tables):
        # Other draws for each corpus and fold: their means are over independent ones.
        seed = [zlib.crc32(first.corpus.encode("utf-8")), number]
        resampled = resampling.resample(table, name, resamples=resamples, seed=seed)
        parts.append((resampling.difference(table, name), *resampled))
    observed, drawn, swapped = (np.mean(part, axis=0) for part in zip(*parts))
    row = replace(row, folds=len(tables))
    return _judged(row, observed, drawn, swapped), (observed, drawn, swapped)


def _tables(first: Sequence[Outcomes], second: Sequence[Outcomes]) -> list[np.ndarray] | None:
    """Tally what two variants made of the documents: one table of all seeds, or one a seed.

    With cross-validation each seed has documents of its own, its fold.
    """
    whole = resampling.pair(first, second)
    if whole is not None:
        return [whole]
    folds = [resampling.pair([one], [other]) for one, other in zip(first, second)]
    tables = [table for table in folds if table is not None]
    return tables if len(tables) == len(folds) else None


def _mean_of(found: Sequence[tuple[Difference, Any]]) -> Difference:
    rows = [row for row, _ in found]
    value = fmean(row.value for row in rows)
    row = Difference(None, rows[0].size, rows[0].variant, rows[0].seeds, value)
    why = next((row.why for row in rows if row.why), None)
    if why:
        return replace(row, why=why)
    observed, drawn, swapped = (sum(parts) / len(found) for parts in zip(*(x for _, x in found)))
    return _judged(row, observed, drawn, swapped)


def _judged(row: Difference, observed: float, drawn: Any, swapped: Any) -> Difference:
    p = resampling.p_value(observed, swapped)
    return replace(row, interval=resampling.interval(drawn), p=p)
