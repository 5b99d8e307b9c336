from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("calibrate")
def calibrate_cli(
    pipeline: Annotated[Path, typer.Argument(help="Folder of a trained pipeline")],
    dev: Annotated[Path, typer.Argument(help="Development documents, .spacy")],
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write the pipeline here; by default in its place"),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            "--precision", help="Thresholds for most recall at this precision; else for F1"
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option("--recall", help="Thresholds for most precision at this recall; else for F1"),
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size")] = None,
) -> None:
    """Find temperatures and thresholds on development documents, and keep them in the pipeline."""
    from wasabi import msg

    from ..data.docbin import read_docbin
    from ..errors import ClintlError, Errors, Warnings
    from ..evaluation.run import load_pipeline, make_examples, predict
    from ..util import whole_folder

    for option, value in (("--precision", precision), ("--recall", recall)):
        if value is not None and not 0 < value <= 1:
            raise ClintlError(Errors.CL166.format(option=option, value=value))
    if precision is not None and recall is not None:
        raise ClintlError(Errors.CL534)
    nlp = load_pipeline(pipeline)
    components = {name: pipe for name, pipe in nlp.pipeline if hasattr(pipe, "calibrate")}
    if not components:
        raise ClintlError(Errors.CL530.format(path=pipeline, names=", ".join(nlp.pipe_names)))
    for component in components.values():
        component.require_own_tasks(nlp)
    with ExitStack() as stack:
        for component in components.values():
            stack.enter_context(component.uncalibrated())
        examples = make_examples(nlp, read_docbin(dev, nlp.vocab))
        examples = predict(nlp, examples, batch_size=batch_size)
    rows = []
    unknown: Counter[str] = Counter()
    for name, component in components.items():
        unknown.update(component.unknown_gold(examples))
        for found in component.calibrate(examples, precision=precision, recall=recall):
            task = found.task if len(components) == 1 else f"{name}/{found.task}"
            figures = [f"{100 * value:.2f}" for value in (*found.macro_f, *found.error)]
            rows.append((task, f"{found.documents:,}", f"{found.temperature:.3f}", *figures))
            for label, threshold in found.thresholds.items():
                rows.append((f"  {label}", "", f">= {threshold:.3f}", "", "", "", ""))
            for label, reason in found.not_found.items():
                threshold = f">= {component.tasks[found.task].threshold:.3f}"
                rows.append((f"  {label}: {reason}", "", threshold, "", "", "", ""))
    if not rows:
        raise ClintlError(Errors.CL531.format(path=dev))
    if unknown:
        labels = ", ".join(f"{label} ({n:,})" for label, n in sorted(unknown.items()))
        msg.warn(Warnings.CW316.format(labels=labels))
    header = ("task", "documents", "temperature", "macro-F", "after", "ECE", "after")
    msg.table(rows, header=header, aligns=("l", *"rrrrrr"), divider=True, max_col=60)
    target = output or pipeline
    with whole_folder(target) as folder:
        nlp.to_disk(folder)
    msg.good(f"Calibrated {len(components)} components on {len(examples):,} documents: {target}")
