from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ClintlError, Errors
from ._app import command

if TYPE_CHECKING:
    from ..experiments.runner import Run


@command("experiment")
def experiment_cli(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="YAML file: what to compare")],
    runs: Annotated[
        Path, typer.Argument(metavar="RUNS.jsonl", help="One line a run; those there are skipped")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A variant, corpus, size; 'hoc/0.1', 'single/*/0.1/*'"),
    ] = None,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the processor")
    ] = -1,
    list_only: Annotated[bool, typer.Option("--list", help="List the runs and end")] = False,
    stop_after: Annotated[
        float | None, typer.Option("--stop-after", help="Minutes after which no run is begun")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder for the trained pipelines")
    ] = None,
) -> None:
    """Train and score variants of pipelines; interrupted, the same command goes on."""
    from wasabi import msg

    from ..experiments.plan_file import read_plan
    from ..experiments.runner import (
        by_id,
        duration,
        left_to_do,
        prepare_runs,
        run_plan,
        smaller_corpora,
        time_left,
    )
    from ..experiments.runs import read_runs

    read = read_plan(plan)
    prepared = prepare_runs(read, only or ())
    for line in smaller_corpora(prepared):
        msg.warn(line)
    if list_only:
        lines = read_runs(runs)
        known = by_id(lines)
        todo = left_to_do(runs, prepared, known)

        def state(run: "Run") -> str:
            if run.id in todo:
                return ""
            names = list(known[run.id])
            return "done" if run.cell.variant.name in names else f"done as '{names[-1]}'"

        rows = [(run.id, run.cell.name, f"{run.words:,.0f}", state(run)) for run in prepared]
        aligns = ("l", "l", "r", "l")
        msg.table(rows, header=("id", "run", "words", ""), divider=True, aligns=aligns, max_col=200)
        left = time_left(list(todo.values()), lines)
        msg.text("" if left is None else f"About {duration(left)} left")
        return

    def tell(line: str) -> None:
        print(line, flush=True)

    outcome = run_plan(
        read, prepared, runs, gpu_id=gpu_id, stop_after=stop_after, keep=keep, tell=tell
    )
    if outcome.failed:
        raise ClintlError(
            Errors.CL507.format(
                n=len(outcome.failed), total=len(prepared), names=", ".join(outcome.failed)
            )
        )
    done = f"{len(outcome.done)} runs done, {len(outcome.skipped)} were there"
    if outcome.copied:
        done += f", {len(outcome.copied)} are the same as those of another variant"
    if outcome.elsewhere:
        done += f", {len(outcome.elsewhere)} are being done by another runner"
    if outcome.left:
        msg.warn(f"{done}, {len(outcome.left)} are left: give the same command again")
    else:
        msg.good(f"{done}; all in {runs}")
