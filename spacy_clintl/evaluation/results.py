"""One score of each run of an experiment, and the table of them: corpora, variants, sizes."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from ..errors import ClintlError, Errors
from .report import Table

MEAN = "mean"


@dataclass(frozen=True)
class Result:
    """One score of one run.

    run (str): The run's id.
    name (str): The score's name without the task, such as 'macro_f', 'acc', 'ents_f'.
    epochs (float | None): How long was trained up to the best point of the learning curve.
    curve (tuple[tuple[float, float], ...]): Points of epoch and score.
    documents (int | None): On how many of the corpus was trained, where that is known.
    """

    run: str
    variant: str
    corpus: str
    size: float
    seed: int
    name: str
    value: float
    epochs: float | None
    curve: tuple[tuple[float, float], ...]
    documents: int | None = None


def results_of(runs: Sequence[Mapping[str, Any]], score: str | None = None) -> list[Result]:
    """Take one score from each run and corpus.

    runs (Sequence[Mapping[str, Any]]): Runs as `spacy clintl experiment` writes them. Of several
        with the same variant, corpus, size and seed the last counts.
    score (str | None): 'acc', 'macro_auc', a full name; None is each corpus's headline score.
    RETURNS (list[Result]): The scores; corpora without it have none.
    RAISES (ClintlError): No run has the score.
    """
    found: dict[tuple, Result] = {}
    known: dict[str, None] = {}
    for run in runs:
        for corpus in run["corpora"]:
            scores = run["scores"][corpus]
            names = _names_of(scores)
            known.update(dict.fromkeys(names.values()))
            key = _key_of(names, score or run["headline"][corpus])
            place = (run["variant"], corpus, float(run["size"]), run["seed"])
            # An earlier run of other settings does not fill the gap of a later one.
            found.pop(place, None)
            if key:
                course = _course(run, corpus, key)
                value, documents = float(scores[key]), _documents(run, corpus)
                found[place] = Result(run["id"], *place, names[key], value, *course, documents)
    if not found:
        names_known = ", ".join(known) or "none"
        raise ClintlError(Errors.CL516.format(score=score or "headline", known=names_known))
    return list(found.values())


def score_table(results: Sequence[Result], *, with_epochs: bool = False) -> Table:
    """Lay out mean and spread: rows are corpora and variants, columns are sizes.

    results (Sequence[Result]): The scores.
    with_epochs (bool): Add the epochs to the best point of the learning curve.
    RETURNS (Table): Cells such as '70.12 ± 0.31 (3)': mean, standard deviation over seeds, runs.
        The last rows are means over corpora, of seeds that have all corpora of the size.
    """
    show = shower(results)
    sizes = sizes_of(results)
    header = ["corpus", "variant"]
    for size in sizes:
        header += [size_name(size), *(["epochs to best"] if with_epochs else [])]
    corpora = list(dict.fromkeys(result.corpus for result in results))
    variants = list(dict.fromkeys(result.variant for result in results))
    rows = []
    for corpus in [*corpora, *([None] if len(corpora) > 1 else [])]:
        first = True
        for variant in variants:
            cells = []
            for size in sizes:
                seeds = _by_seed(results, corpus, variant, size)
                cells.append(_cell([value for value, _ in seeds.values()], show))
                if with_epochs:
                    epochs = [count for _, count in seeds.values() if count is not None]
                    cells.append(_cell(epochs, "{:.1f}".format))
            if any(cell != "-" for cell in cells):
                name = corpus or MEAN
                rows.append((name if first else "", variant, *cells))
                first = False
    names = ", ".join(dict.fromkeys(result.name for result in results))
    unit = ", in per cent" if _is_share(results) else ""
    return Table(f"{names} on the dev documents{unit}", tuple(header), rows)


def score_notes(
    results: Sequence[Result], runs: Sequence[Mapping[str, Any]], score: str | None = None
) -> list[str]:
    """Say what the table does not show by itself.

    results (Sequence[Result]): What `results_of` gave.
    runs (Sequence[Mapping[str, Any]]): The runs they were taken from.
    score (str | None): The score, as for `results_of`.
    RETURNS (list[str]): Sentences for below the table.
    """
    notes = ["Mean ± standard deviation over seeds (number of runs)."]
    if len({result.corpus for result in results}) > 1:
        notes.append(
            f"Row '{MEAN}': over the corpora that have runs of the size, of the seeds that have "
            "all of them."
        )
    # Variants of the same content share the ids of their runs.
    left_out = len(runs) - len({(result.run, result.variant) for result in results})
    if left_out:
        notes.append(
            f"{left_out} of {len(runs)} runs are left out: they have no such score, or a later run "
            "has the same variant, corpora, size and seed."
        )
    return [*notes, *_lacking(runs, score), *_smaller(results)]


def _lacking(runs: Sequence[Mapping[str, Any]], score: str | None) -> list[str]:
    """Say which corpora have no such score in some runs."""
    lacking: dict[tuple[str, str], list[bool]] = {}
    for run in runs:
        for corpus in run["corpora"]:
            wanted = score or run["headline"][corpus]
            names = _names_of(run["scores"][corpus])
            lacking.setdefault((corpus, wanted), []).append(not _key_of(names, wanted))
    return [
        f"The corpus '{corpus}' has no score '{wanted}' in {sum(missed)} of {len(missed)} runs."
        for (corpus, wanted), missed in lacking.items()
        if any(missed)
    ]


def _smaller(results: Sequence[Result]) -> list[str]:
    """Say where a corpus has fewer documents than the size of its runs."""
    smaller: dict[tuple[str, float], set[int]] = {}
    for result in results:
        if result.size > 1 and result.documents is not None and result.documents < result.size:
            smaller.setdefault((result.corpus, result.size), set()).add(result.documents)
    return [
        f"The runs of '{corpus}' at {size_name(size)} were trained on "
        f"{' to '.join(str(n) for n in sorted({min(found), max(found)}))}: there are no more."
        for (corpus, size), found in smaller.items()
    ]


def sizes_of(results: Iterable[Result]) -> list[float]:
    """RETURNS (list[float]): The sizes: shares, then numbers of documents, and last the whole."""
    sizes = {result.size for result in results}
    return sorted(sizes, key=lambda size: (size == 1, size > 1, size))


def size_name(size: float) -> str:
    """RETURNS (str): Such as '10 %' for a share and '300 docs' for a number."""
    return f"{100 * size:g} %" if 0 < size <= 1 else f"{size:g} docs"


def pairs_of(
    results: Sequence[Result], corpus: str, variant: str, against: str
) -> list[tuple[Result, Result]]:
    """Pair the runs of two variants on a corpus, seed by seed.

    results (Sequence[Result]): The scores of one size.
    corpus (str): The corpus.
    variant (str): The variant whose scores come first.
    against (str): The variant whose scores come second.
    RETURNS (list[tuple[Result, Result]]): Of the seeds that both have.
    """
    by_seed: dict[str, dict[int, Result]] = {variant: {}, against: {}}
    for result in results:
        if result.corpus == corpus and result.variant in by_seed:
            by_seed[result.variant][result.seed] = result
    first, second = by_seed[variant], by_seed[against]
    # Scores of another name, after a change of the plan, are no pair.
    return [
        (first[seed], second[seed])
        for seed in sorted(set(first) & set(second))
        if first[seed].name == second[seed].name
    ]


def shower(results: Sequence[Result], *, signed: bool = False) -> Callable[[float], str]:
    """RETURNS (Callable[[float], str]): Writes scores, in per cent where all of them are shares."""
    sign = "+" if signed else ""
    if _is_share(results):
        return lambda value: f"{100 * value:{sign}.2f}"
    return lambda value: f"{value:{sign},.1f}"


def _by_seed(
    results: Sequence[Result], corpus: str | None, variant: str, size: float
) -> dict[int, tuple[float, float | None]]:
    """Value and epochs by seed; for no corpus the means of seeds that have all of the size."""
    here = [result for result in results if result.size == size]
    if corpus is not None:
        return {
            result.seed: (result.value, result.epochs)
            for result in here
            if (result.corpus, result.variant) == (corpus, variant)
        }
    needed = {result.corpus for result in here}
    seeds: dict[int, list[Result]] = {}
    for result in here:
        if result.variant == variant:
            seeds.setdefault(result.seed, []).append(result)
    means = {}
    for seed, found in seeds.items():
        if len(found) == len(needed):
            epochs = [result.epochs for result in found if result.epochs is not None]
            whole = fmean(epochs) if len(epochs) == len(found) else None
            means[seed] = (fmean(result.value for result in found), whole)
    return means


def _course(
    run: Mapping[str, Any], corpus: str, key: str
) -> tuple[float | None, tuple[tuple[float, float], ...]]:
    """The epochs to the best point, and the learning curve of a score."""
    points = []
    for point in run.get("curve") or []:
        value = point["scores"].get(corpus, {}).get(key)
        if _is_number(value):
            points.append((float(point["epoch"]), float(value)))
    if key == run["headline"][corpus]:
        best = (run.get("best") or {}).get(corpus)
        return (None if best is None else float(best["epoch"])), tuple(points)
    epochs = max(points, key=lambda point: (point[1], -point[0]))[0] if points else None
    return epochs, tuple(points)


def _names_of(scores: Mapping[str, Any]) -> dict[str, str]:
    """The names of all scores that are numbers, without the task, by their full names."""
    prefix = _prefix_of(scores)
    return {key: key.removeprefix(prefix) for key in scores if _is_number(scores[key])}


def _key_of(names: Mapping[str, str], score: str) -> str:
    """The full name of a score; empty where it is not there."""
    return next((key for key, name in names.items() if _is_called(key, name, score)), "")


def _documents(run: Mapping[str, Any], corpus: str) -> int | None:
    # Not of dev documents that a corpus has besides, nor in the lines of some other programs.
    table = run.get("documents")
    number = table.get(corpus) if isinstance(table, dict) else None
    return number if type(number) is int else None


def _prefix_of(scores: Mapping[str, Any]) -> str:
    """What stands before the names of a task's scores: `score_tasks` gives 'cats_{task}_n'."""
    for key in scores:
        if key.startswith("cats_") and key.endswith("_n"):
            return key.removesuffix("n")
    return "cats_"


def _is_called(key: str, name: str, score: str) -> bool:
    return score in (key, name, name.removeprefix("ents_"))


def _cell(values: Sequence[float], show: Callable[[float], str]) -> str:
    if not values:
        return "-"
    spread = f" ± {show(stdev(values))}" if len(values) > 1 else ""
    return f"{show(fmean(values))}{spread} ({len(values)})"


def _is_share(results: Iterable[Result]) -> bool:
    return all(0 <= result.value <= 1 for result in results)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
