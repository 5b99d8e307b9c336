"""How many epochs a variant needs to score as well as another one ever did."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .report import Table
from .results import Result, pairs_of, size_name, sizes_of


@dataclass(frozen=True)
class Reached:
    """When the learning curves of a variant reach the best point of another's, seed by seed.

    curves (int): How many pairs of curves there are.
    reached (int): In how many of them the point was reached.
    epochs (float | None): The mean of the epochs that it took there; None where there was none.
    before (float | None): The mean of the epochs that the other variant took, in the same pairs.
    """

    corpus: str
    size: float
    variant: str
    curves: int
    reached: int
    epochs: float | None
    before: float | None


def epochs_to_reach(results: Sequence[Result], against: str) -> list[Reached]:
    """Find the first point of each learning curve that is as high as all of another's.

    results (Sequence[Result]): The scores, with their curves.
    against (str): The variant whose best points are to be reached.
    RETURNS (list[Reached]): By corpus, size and variant; nothing of runs without curves.
    """
    corpora = dict.fromkeys(result.corpus for result in results)
    variants = dict.fromkeys(result.variant for result in results if result.variant != against)
    places = [
        (one, size, name) for one in corpora for size in sizes_of(results) for name in variants
    ]
    found = []
    for corpus, size, variant in places:
        here = [result for result in results if result.size == size]
        pairs = [
            (one.curve, other.curve)
            for one, other in pairs_of(here, corpus, variant, against)
            if one.curve and other.curve
        ]
        if not pairs:
            continue
        taken = []
        for own, others in pairs:
            before, best = max(others, key=lambda point: (point[1], -point[0]))
            epochs = next((epoch for epoch, score in own if score >= best), None)
            if epochs is not None:
                taken.append((epochs, before))
        mean = fmean(epochs for epochs, _ in taken) if taken else None
        mean_before = fmean(before for _, before in taken) if taken else None
        found.append(Reached(corpus, size, variant, len(pairs), len(taken), mean, mean_before))
    return found


def reached_table(found: Sequence[Reached], against: str) -> Table:
    """Lay out how soon the best of a variant is reached.

    found (Sequence[Reached]): What `epochs_to_reach` gave.
    against (str): The variant whose best points were to be reached.
    RETURNS (Table): A row a corpus, size and variant.
    """
    header = ("corpus", "size", "variant", "reached", "epochs", f"'{against}'", "difference")
    rows: list[tuple[str, ...]] = []
    before = None
    for row in found:
        cells = ["-", "-", "-"]
        if row.epochs is not None and row.before:
            cells = [f"{row.epochs:.1f}", f"{row.before:.1f}"]
            cells.append(f"{100 * (row.epochs / row.before - 1):+.0f} %")
        name = row.corpus if row.corpus != before else ""
        reached = f"{row.reached} of {row.curves}"
        rows.append((name, size_name(row.size), row.variant, reached, *cells))
        before = row.corpus
    return Table(f"Epochs to the best of '{against}'", header, rows)


REACHED_NOTES = (
    "Reached: in how many seeds a point of the variant's learning curve is as high as the highest "
    "of the other's of the same seed. Epochs: of the first such point, and of that highest one; "
    "means over these seeds alone, so that a row in which others never got there flatters.",
    "An epoch is a pass over the documents that a pipeline is trained on: of several corpora it "
    "has more updates. Curves are of few points on few documents.",
)
