from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("evaluate")
def evaluate_cli(
    pipeline: Annotated[str, typer.Argument(help="A pipeline's folder or installed name")],
    data: Annotated[Path, typer.Argument(metavar="DATA.spacy", help="A .spacy file or a folder")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for all scores")
    ] = None,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the processor")
    ] = -1,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", "-b", help="Documents in a batch")
    ] = None,
) -> None:
    """Score a pipeline on annotated data: one table a task, one for entities, words a second."""
    from spacy.cli._util import setup_gpu
    from wasabi import msg

    from ..data.docbin import read_docbin
    from ..evaluation.report import tables
    from ..evaluation.run import evaluate, load_pipeline
    from ..util import write_json

    setup_gpu(gpu_id, silent=True)
    nlp = load_pipeline(pipeline)
    scores = evaluate(nlp, read_docbin(data, nlp.vocab), batch_size=batch_size)
    for table in tables(scores):
        msg.divider(table.title)
        aligns = ("l", *("r" for _ in table.header[1:]))
        msg.table(table.rows, header=table.header, aligns=aligns, max_col=100)
    if output is not None:
        write_json(output, scores)
    place = f", scores in {output}" if output is not None else ""
    speed = scores.get("speed")
    rate = f" at {speed:,.0f} words/s" if speed else ""
    msg.good(f"Evaluated {scores['documents']:,} documents{rate}{place}")
