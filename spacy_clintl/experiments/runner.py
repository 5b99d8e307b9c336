"""Doing the runs of a plan that are not in the file of runs yet."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import srsly
from thinc.api import Config

from ..errors import ClintlError, Errors
from ..locks import claimed
from ..util import write_json
from .config import check_corpora, config_of, id_of, size_of, words_of
from .heads import Head
from .plan import Cell, Plan, cells_of
from .runs import OUTCOMES, append_run, outcomes_path, read_runs


@dataclass(frozen=True)
class Run:
    """A run of the plan, ready to start.

    start, beside (str | None): The ids of the runs whose pipelines it takes.
    is_needed (bool): Whether another of the plan takes its pipeline, so that it is kept.
    """

    cell: Cell
    id: str
    config: Config
    heads: dict[str, Head]
    words: float
    start: str | None = None
    beside: str | None = None
    is_needed: bool = False


@dataclass
class Outcome:
    """What became of the runs.

    done (list[str]): Names of those done now.
    skipped (list[str]): Those that were there before.
    failed (list[str]): Those that failed.
    left (list[str]): Those not begun, since the time was over.
    elsewhere (list[str]): Those that another runner is doing, and those that need them.
    copied (list[str]): Those that had been done for a variant of another name and the same content.
    """

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)


def prepare_runs(plan: Plan, only: Sequence[str] = ()) -> list[Run]:
    """Check all runs of a plan and give each its id.

    plan (Plan): The plan.
    only (Sequence[str]): Parts of names ('multitask', 'hoc', 'hoc/0.1', 'seed-0'), or patterns
        for whole names ('single/*/0.1/*'); a run that any of them fits is taken, and those that it
        needs. None takes all.
    RETURNS (list[Run]): The runs.
    RAISES (ClintlError): A config or a file does not fit the plan, or `only` fits no run.
    """
    cells = list(cells_of(plan))
    for name in only:
        if not any(_fits(cell, name) for cell in cells):
            names = [cell.name for cell in cells]
            known = ", ".join(get_close_matches(name, names, cutoff=0.0))
            raise ClintlError(Errors.CL509.format(name=name, known=known))
    # Of the whole plan: the runs that go on from a pipeline may be asked for later.
    needed = {other.name for cell in cells for other in cell.needs}
    wanted = [cell for cell in cells if not only or any(_fits(cell, name) for name in only)]
    wanted_names: set[str] = set()
    while wanted:
        wanted_names.update(cell.name for cell in wanted)
        wanted = [other for cell in wanted for other in cell.needs]
    runs: dict[str, Run] = {}
    for cell in cells:
        if cell.name in wanted_names:
            config, heads = config_of(cell)
            run_id = id_of(cell, config, heads)
            check_corpora(cell, plan.path)
            start, beside = (
                runs[other.name].id if isinstance(other, Cell) else None
                for other in (cell.start, cell.beside)
            )
            words, is_needed = words_of(cell), cell.name in needed
            runs[cell.name] = Run(cell, run_id, config, heads, words, start, beside, is_needed)
    # Variants of the same content share their runs: what one needs, the other has to keep.
    kept = {run.id for run in runs.values() if run.is_needed}
    return [replace(run, is_needed=run.id in kept) for run in runs.values()]


def smaller_corpora(runs: Sequence[Run]) -> list[str]:
    """Say which corpora have fewer documents than their runs are to draw.

    runs (Sequence[Run]): What `prepare_runs` gave.
    RETURNS (list[str]): A sentence a corpus.
    """
    too_large: dict[str, set[float]] = {}
    documents: dict[str, set[int]] = {}
    for run in runs:
        for corpus in run.cell.corpora if run.cell.size > 1 else ():
            # With cross-validation each seed has a training part of its own.
            n = size_of(str(corpus.train))[0]
            if n < run.cell.size and not corpus.is_auxiliary:
                too_large.setdefault(corpus.name, set()).add(run.cell.size)
                documents.setdefault(corpus.name, set()).add(n)
    return [
        f"The corpus '{name}' has {min(documents[name]):,} documents: where the plan wants "
        f"{', '.join(f'{size:,.0f}' for size in sorted(sizes))}, all of them are taken"
        for name, sizes in too_large.items()
    ]


def run_plan(
    plan: Plan,
    runs: Sequence[Run],
    path: str | Path,
    *,
    gpu_id: int = -1,
    stop_after: float | None = None,
    keep: str | Path | None = None,
    tell: Callable[[str], None] = print,
) -> Outcome:
    """Do the runs whose ids are not in the file, one after the other.

    Several runners may share the file: what one is at, the others pass over. A run that is there
    under the name of another variant, one of the same content, gets a line of its own.

    plan (Plan): The plan.
    runs (Sequence[Run]): What `prepare_runs` gave.
    path (str | Path): The JSON lines file; each run is appended as it ends.
    gpu_id (int): The GPU, or -1 for the processor.
    stop_after (float | None): Minutes after which no run is begun.
    keep (str | Path | None): A folder for the trained pipelines; None keeps none.
    tell (Callable[[str], None]): Is told of each run.
    RETURNS (Outcome): What became of the runs.
    RAISES (ClintlError): The file of runs is damaged, or there is no such GPU.
    """
    path = Path(path)
    if gpu_id >= 0:
        from thinc.util import has_gpu

        if not has_gpu:
            raise ClintlError(Errors.CL511.format(gpu_id=gpu_id))
    read_runs(path, repair=True)
    start = time.monotonic()
    outcome = Outcome()
    failed: set[str] = set()
    elsewhere: set[str] = set()
    for number, run in enumerate(runs):
        name, variant = run.cell.name, run.cell.variant.name
        # Read anew each time: another runner may have done it meanwhile.
        known = by_id(read_runs(path))
        is_done = run.id not in left_to_do(path, runs, known)
        if is_done and variant in known[run.id]:
            outcome.skipped.append(name)
            continue
        if run.id in failed:
            outcome.failed.append(name)
            continue
        is_late = stop_after is not None and time.monotonic() - start >= 60 * stop_after
        if is_late and not is_done:
            outcome.left.append(name)
            continue
        with claimed(_work(path) / f"{run.id}.lock") as mine:
            known = by_id(read_runs(path))
            todo = left_to_do(path, runs, known)
            if run.id not in todo and variant in known[run.id]:
                outcome.skipped.append(name)
                continue
            if not mine or not elsewhere.isdisjoint((run.start, run.beside)):
                # What needs the pipeline of a run that another does is left to that other, too.
                outcome.elsewhere.append(name)
                elsewhere.add(run.id)
                continue
            if run.id not in todo:
                *_, line = known[run.id].values()
                append_run(path, {**line, "variant": variant})
                outcome.copied.append(name)
                tell(f"{name}: the same run as that of '{line.get('variant')}', written for both")
                continue
            rest = [other for other in runs[number:] if other.id in todo]
            lines = [line for lines in known.values() for line in lines.values()]
            left = time_left(list({other.id: other for other in rest}.values()), lines)
            estimate = f", about {duration(left)} left" if left is not None else ""
            doing = "training" if run.cell.trains else "scoring"
            tell(f"{len(runs) - len(rest) + 1}/{len(runs)} {name}: {doing}{estimate}")
            names = [other.cell.name for other in runs if other.id == run.id]
            kept = [] if keep is None else [Path(keep) / one for one in names]
            try:
                line = _do(plan, run, path, gpu_id, kept)
            except ClintlError as error:
                outcome.failed.append(name)
                failed.add(run.id)
                tell(f"{name} failed: {error}")
                continue
            append_run(path, line)
            # Done again for its pipeline: the outcomes are new for all names that it has.
            for other in set(known.get(run.id, ())) - {variant}:
                append_run(path, {**line, "variant": other})
        outcome.done.append(name)
        scores = ", ".join(
            f"{corpus} {100 * score:.1f}"
            for corpus, score in line["score"].items()
            if score is not None
        )
        speed = f", {line['words_per_second']:,.0f} words/s" if line["words"] else ""
        tell(f"{name}: {scores} ({duration(line['total_seconds'])}{speed})")
    return outcome


def time_left(runs: Sequence[Run], known: Sequence[dict[str, Any]]) -> float | None:
    """Estimate how long runs will take, from the words a second of those that are done.

    runs (Sequence[Run]): The runs to do.
    known (Sequence[dict[str, Any]]): The runs that are done.
    RETURNS (float | None): Seconds; None where none is done.
    """
    spent: dict[str, list[float]] = {}
    for line in known:
        # Baselines of other programs may stand in the same file, and pipelines scored as they are.
        if not line.get("words") or "total_seconds" not in line:
            continue
        for name in (line["variant"], ""):
            total = spent.setdefault(name, [0.0, 0.0])
            total[0] += line["total_seconds"]
            total[1] += line["words"]
    if not spent:
        return None
    rates = {name: seconds / max(1.0, words) for name, (seconds, words) in spent.items()}
    return sum(run.words * rates.get(run.cell.variant.name, rates[""]) for run in runs)


def duration(seconds: float) -> str:
    """RETURNS (str): A time such as '2 h 05 min', '12 min' or '40 s'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _do(plan: Plan, run: Run, path: Path, gpu_id: int, keep: Sequence[Path]) -> dict[str, Any]:
    """Train and score in a process of its own; return the line of the run."""
    cell = run.cell
    kept = [*keep, *([pipeline_path(path, run.id)] if run.is_needed else [])]
    start = _folder(path, cell, cell.start, run.start)
    beside = _folder(path, cell, cell.beside, run.beside)
    folder = _work(path) / run.id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = job_of(run, plan.path, start=start, beside=beside, gpu_id=gpu_id, keep=kept)
    write_json(folder / "job.json", job)
    log = folder / "log.txt"
    command = [sys.executable, "-m", "spacy_clintl.experiments.train", str(folder / "job.json")]
    # The pipe to its input stays open as long as this process lives: see `_end_with_parent`.
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out) as process,
    ):
        try:
            process.wait()
        finally:
            process.kill()
    if not (folder / "result.json").exists():
        if (folder / "error.json").exists():
            raise ClintlError(srsly.read_json(folder / "error.json")["error"])
        raise ClintlError(Errors.CL512.format(status=process.returncode, log=log))
    result = srsly.read_json(folder / "result.json")
    outcomes = outcomes_path(path, run.id)
    outcomes.parent.mkdir(exist_ok=True)
    (folder / OUTCOMES).replace(outcomes)
    shutil.rmtree(folder)
    return {
        "id": run.id,
        "variant": cell.variant.name,
        # Those to compare by.
        "corpora": list(result["score"]),
        "size": cell.size,
        "seed": cell.seed,
        "epochs": cell.settings.epochs,
        **result,
    }


def job_of(
    run: Run,
    plan: Path,
    *,
    start: str | None = None,
    beside: str | None = None,
    gpu_id: int = -1,
    keep: Sequence[Path] = (),
) -> dict[str, Any]:
    """Say what a process has to know that does a run; see `train.run_job`.

    run (Run): The run.
    plan (Path): The plan's file, for the messages.
    start, beside (str | None): The folders of the pipelines it takes.
    gpu_id (int): The GPU, or -1 for the processor.
    keep (Sequence[Path]): Folders for the trained pipeline.
    RETURNS (dict[str, Any]): Plain values.
    """
    cell = run.cell
    return {
        "variant": cell.variant.name,
        "config": run.config.to_str(interpolate=False),
        "corpora": {
            corpus.name: {
                "train": str(corpus.train),
                "dev": str(corpus.dev),
                "score": corpus.score,
                "plan": str(plan),
                "head": vars(run.heads[corpus.name]),
                "further": {name: str(path) for name, path in corpus.further.items()},
                "form": None if corpus.form is None else str(corpus.form),
                "also": [str(path) for path in corpus.also],
                "through": corpus.through,
                "size": cell.size_of(corpus),
                "is_auxiliary": corpus.is_auxiliary,
            }
            for corpus in cell.corpora
        },
        "start": start,
        "beside": beside,
        "trains": cell.trains,
        "settings": vars(cell.settings),
        "seed": cell.seed,
        "gpu_id": gpu_id,
        "keep": [str(folder) for folder in keep],
    }


def _folder(path: Path, cell: Cell, needed: Cell | Path | None, run_id: str | None) -> str | None:
    """Say where the pipeline is that a run takes."""
    if not isinstance(needed, Cell) or run_id is None:
        return None if needed is None else str(needed)
    folder = pipeline_path(path, run_id)
    if not folder.is_dir():
        raise ClintlError(Errors.CL533.format(name=cell.name, start=needed.name))
    return str(folder)


def by_id(lines: Iterable[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """RETURNS (dict): The lines of runs by their ids, and those of an id by variants."""
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines:
        known.setdefault(line["id"], {})[str(line.get("variant"))] = line
    return known


def left_to_do(path: str | Path, runs: Sequence[Run], known: Mapping[str, Any]) -> dict[str, Run]:
    """Say which runs have to be done: a pipeline that has gone is made again if one needs it.

    path (str | Path): The file of runs.
    runs (Sequence[Run]): The runs, each behind those that it needs.
    known (Mapping[str, Any]): What `by_id` gave of the file.
    RETURNS (dict[str, Run]): By id. Runs of the same id are one: trained once.
    """
    left: dict[str, Run] = {}
    needed: set[str] = set()
    for run in reversed(runs):
        gone = run.id in needed and not pipeline_path(path, run.id).is_dir()
        if run.id not in known or gone:
            left[run.id] = run
            needed.update(other for other in (run.start, run.beside) if other is not None)
    return left


def pipeline_path(path: str | Path, run_id: str) -> Path:
    """Say where the pipeline of a run is kept from which another starts.

    path (str | Path): The file of runs; a folder beside it holds the pipelines.
    run_id (str): The run.
    RETURNS (Path): A folder.
    """
    path = Path(path)
    return path.with_name(f"{path.stem}.pipelines") / run_id


def _work(path: Path) -> Path:
    return path.parent / f".{path.name}.work"


def _fits(cell: Cell, name: str) -> bool:
    # As a plan may write it: all documents are 1.0 there, and 1 in a name.
    name = re.sub(r"(?<=/)(\d+)\.0(?=/|$)", r"\1", name)
    is_part = f"/{name}/" in f"/{cell.name}/"
    corpora = [corpus.name for corpus in cell.corpora]
    return is_part or corpora == [name] or fnmatchcase(cell.name, name)
