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
    batch_size: Annotated[int | None, typer.Option("--batch-size")] = None,
) -> None:
    """Find temperatures and thresholds on development documents, and keep them in the pipeline."""
    from wasabi import msg

    from ..data.docbin import read_docbin
    from ..errors import ClintlError, Errors
    from ..evaluation.run import load_pipeline, make_examples, predict
    from ..util import whole_folder

    if precision is not None and not 0 < precision <= 1:
        raise ClintlError(Errors.CL166.format(option="--precision", value=precision))
    nlp = load_pipeline(pipeline)
    components = {name: pipe for name, pipe in nlp.pipeline if hasattr(pipe, "forget_calibration")}
    if not components:
        raise ClintlError(Errors.CL530.format(path=pipeline, names=", ".join(nlp.pipe_names)))
    for component in components.values():
        component.forget_calibration()
    examples = predict(nlp, make_examples(nlp, read_docbin(dev, nlp.vocab)), batch_size=batch_size)
    rows = []
    for name, component in components.items():
        for found in component.calibrate(examples, precision=precision):
            task = found.task if len(components) == 1 else f"{name}/{found.task}"
            figures = [f"{100 * value:.2f}" for value in (*found.macro_f, *found.error)]
            rows.append((task, f"{found.documents:,}", f"{found.temperature:.3f}", *figures))
            for label, threshold in found.thresholds.items():
                rows.append((f"  {label}", "", f">= {threshold:.3f}", "", "", "", ""))
    if not rows:
        raise ClintlError(Errors.CL531.format(path=dev))
    header = ("task", "documents", "temperature", "macro-F", "after", "ECE", "after")
    msg.table(rows, header=header, aligns=("l", *"rrrrrr"), divider=True, max_col=60)
    target = output or pipeline
    with whole_folder(target) as folder:
        nlp.to_disk(folder)
    msg.good(f"Calibrated {len(components)} components on {len(examples):,} documents: {target}")
