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
        bool,
        typer.Option(
            "--epochs", help="Add the epochs to the best point of curves, with --against to its"
        ),
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

    from ..evaluation.epochs import REACHED_NOTES, epochs_to_reach, reached_table
    from ..evaluation.layout import FORMATS, Section, as_html
    from ..evaluation.results import results_of, score_notes, score_table
    from ..util import whole_file

    if output is not None and output.is_dir():
        # Before the resampling, which may take minutes.
        raise ClintlError(Errors.CL219.format(path=output, reason="it is a folder"))
    places: dict[str, Path] = {}
    found = _read(runs, places)
    known = list(dict.fromkeys(run["variant"] for run in found))
    if against is not None and against not in known:
        raise ClintlError(
            Errors.CL515.format(option="--against", name=against, known=", ".join(known))
        )
    results = results_of(found, score)
    notes = score_notes(results, found, score)
    sections = [Section(score_table(results, with_epochs=epochs), 2, notes)]
    if against is not None:
        sections.append(_differences(results, places, against, resamples))
        if epochs and (reached := epochs_to_reach(results, against)):
            sections.append(Section(reached_table(reached, against), 3, REACHED_NOTES))
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
    try:
        with whole_file(output) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        # 'File exists' is what making a folder says where a file has its name.
        is_file = isinstance(error, FileExistsError)
        reason = f"{output.parent} is no folder" if is_file else error.strerror
        raise ClintlError(Errors.CL219.format(path=output, reason=reason)) from error
    msg.good(f"Compared {len(found):,} runs of {len(known)} variants: {output}")


def _read(paths: list[Path], places: dict[str, Path]) -> list[dict[str, Any]]:
    """Read all files; `places` gets the file of each run, best one that has its outcomes."""
    from ..experiments.runs import check_run, outcomes_path, read_runs

    # Variants of the same content share the ids of their runs.
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in paths:
        if not path.exists():
            raise ClintlError(Errors.CL100.format(path=path))
        for run in read_runs(path):
            check_run(path, run)
            name = run["id"], run["variant"]
            before = places.get(run["id"])
            if (
                before is None
                or outcomes_path(path, run["id"]).exists()
                or not outcomes_path(before, run["id"]).exists()
            ):
                places[run["id"]] = path
            if name not in found or places[run["id"]] == path:
                found[name] = run
    if not found:
        raise ClintlError(Errors.CL514.format(paths=", ".join(map(str, paths))))
    return list(found.values())


def _differences(
    results: list["Result"], places: dict[str, Path], against: str, resamples: int
) -> "Section":
    from ..evaluation.comparison import difference_notes, difference_table, differences
    from ..evaluation.layout import Section
    from ..experiments.runs import read_outcomes

    # A run is compared with several others, and several corpora lie in one file.
    read = cache(lambda run: read_outcomes(places[run], run))
    found = differences(
        results,
        against,
        lambda result: read(result.run).get(result.corpus),
        resamples=resamples,
    )
    table = difference_table(found, results, against)
    return Section(table, 3, difference_notes(found, resamples))
