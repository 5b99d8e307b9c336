from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ClintlError, Errors
from ._app import command

if TYPE_CHECKING:
    from ..evaluation.layout import Section
    from ..evaluation.results import Result


class Format(str, Enum):
    text = "text"
    markdown = "markdown"
    latex = "latex"
    html = "html"


SUFFIXES = {".md": Format.markdown, ".tex": Format.latex, ".html": Format.html}


@command("compare")
def compare_cli(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS.jsonl…", help="What `experiment` wrote")
    ],
    score: Annotated[
        str | None,
        typer.Option("--score", help="acc, macro_auc, … [default: the headline score]"),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Compare the other variants with this one")
    ] = None,
    epochs: Annotated[
        bool, typer.Option("--epochs", help="Add the epochs to the best point of the curve")
    ] = False,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, help="For intervals and p values")
    ] = 10_000,
    kind: Annotated[
        Format | None,
        typer.Option("--format", help="[default: text, or as the output's name ends]"),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write")] = None,
) -> None:
    """Compare variants of an experiment: mean and spread, differences, intervals, p values."""
    from wasabi import msg

    from ..evaluation.layout import FORMATS, as_html
    from ..evaluation.results import results_of
    from ..util import whole_file

    places: dict[str, Path] = {}
    found = _read(runs, places)
    known = list(dict.fromkeys(run["variant"] for run in found))
    if against is not None and against not in known:
        raise ClintlError(
            Errors.CL515.format(option="--against", name=against, known=", ".join(known))
        )
    results = results_of(found, score)
    sections = _sections(results, places, against, epochs, resamples)
    if kind is None:
        kind = SUFFIXES.get(output.suffix.lower(), Format.text) if output else Format.text
    if kind is Format.html:
        from ..evaluation.curves import draw_curves

        page = as_html(sections, "Comparison of runs", draw_curves(results))
    else:
        page = FORMATS[kind.value](sections)
    if output is None:
        print(page, end="")
        return
    with whole_file(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    msg.good(f"Compared {len(found):,} runs of {len(known)} variants: {output}")


def _read(paths: list[Path], places: dict[str, Path]) -> list[dict[str, Any]]:
    """Read all files; `places` gets the file of each run."""
    from ..experiments.runs import check_run, read_runs

    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        if not path.exists():
            raise ClintlError(Errors.CL100.format(path=path))
        for run in read_runs(path):
            check_run(path, run)
            found[run["id"]] = run
            places[run["id"]] = path
    if not found:
        raise ClintlError(Errors.CL514.format(paths=", ".join(map(str, paths))))
    return list(found.values())


def _sections(
    results: list["Result"],
    places: dict[str, Path],
    against: str | None,
    epochs: bool,
    resamples: int,
) -> list["Section"]:
    from ..evaluation.comparison import difference_notes, difference_table, differences
    from ..evaluation.layout import Section
    from ..evaluation.results import score_notes, score_table
    from ..experiments.runs import read_outcomes

    notes = score_notes(results, len(places))
    sections = [Section(score_table(results, with_epochs=epochs), 2, notes)]
    if against is not None:
        # A run is compared with several others, and several corpora lie in one file.
        read = cache(lambda run: read_outcomes(places[run], run))
        found = differences(
            results,
            against,
            lambda result: read(result.run).get(result.corpus),
            resamples=resamples,
        )
        table = difference_table(found, results, against)
        sections.append(Section(table, 3, difference_notes(found, resamples)))
    return sections
