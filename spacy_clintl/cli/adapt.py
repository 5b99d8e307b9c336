from pathlib import Path
from typing import Annotated

import typer

from ..errors import ClintlError, Errors
from ._app import command


@command("adapt")
def adapt_cli(
    base: Annotated[Path, typer.Argument(help="Encoder folder, made by 'spacy clintl base'")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write")],
    texts: Annotated[
        list[Path],
        typer.Argument(metavar="TEXT...", help=".txt, .jsonl (also .gz), .spacy, or folders"),
    ],
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the text")] = 1.0,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", help="Training steps in all; before --epochs")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Blocks a step")] = 32,
    block_length: Annotated[int, typer.Option("--block-length", help="Word pieces a block")] = 128,
    learn_rate: Annotated[
        float | None,
        typer.Option("--learn-rate", help="Highest rate; auto: 3e-4 with a fresh head, else 1e-4"),
    ] = None,
    mlm_probability: Annotated[
        float, typer.Option("--mlm-probability", help="Share of the word pieces to predict")
    ] = 0.15,
    head_warmup_steps: Annotated[
        str,
        typer.Option("--head-warmup-steps", help="Steps for a fresh head alone, a number or auto"),
    ] = "auto",
    average: Annotated[
        float | None,
        typer.Option("--average", help="The base's share at the end; auto: 0.5 with a fresh head"),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", help="Share of documents to measure perplexity on")
    ] = 0.05,
    save_every: Annotated[
        int, typer.Option("--save-every", help="Steps between checkpoints")
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random")] = 0,
    precision: Annotated[str, typer.Option("--precision", help="auto, fp32 or bf16")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with an interrupted run")
    ] = True,
    deduplicate: Annotated[
        bool, typer.Option("--deduplicate/--no-deduplicate", help="Use equal documents once")
    ] = True,
    near_duplicates: Annotated[
        bool,
        typer.Option("--near-duplicates", help="Leave out near duplicates (extra 'corpus')"),
    ] = False,
    leave_out: Annotated[
        list[Path] | None,
        typer.Option("--leave-out", help="Evaluation set whose texts are left out; repeatable"),
    ] = None,
    add_words: Annotated[
        int, typer.Option("--add-words", help="Words to add to the vocabulary, at most")
    ] = 0,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Documents that an added word must occur in")
    ] = 20,
) -> None:
    """Adapt an encoder to raw text by continued masked-language modelling."""
    from wasabi import msg

    if head_warmup_steps != "auto" and not head_warmup_steps.isdecimal():
        values = {"option": "--head-warmup-steps", "value": head_warmup_steps}
        raise ClintlError(Errors.CL405.format(**values, rule="auto or a number of steps"))
    from ..adaptation.adapt import adapt
    from ..adaptation.settings import AdaptSettings

    settings = AdaptSettings(
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        block_length=block_length,
        learn_rate=learn_rate,
        mlm_probability=mlm_probability,
        head_warmup_steps=None if head_warmup_steps == "auto" else int(head_warmup_steps),
        average=average,
        held_out=held_out,
        save_every=save_every,
        seed=seed,
        precision=precision,
        deduplicate=deduplicate,
        near_duplicates=near_duplicates,
        leave_out=tuple(map(str, leave_out or ())),
        add_words=add_words,
        min_count=min_count,
    )
    report = adapt(base, out, texts, settings, resume=resume, tell=msg.text)
    line = f"Adapted encoder in {out}: {report['pieces_trained']:,} word pieces"
    found = report["held_out_perplexity"]
    if found["before"] is not None:
        line += f", held-out perplexity {found['before']:.1f} -> {found['after']:.1f}"
        if report["plan"]["average"]:
            line += f" ({found['after_training']:.1f} before averaging)"
    if "vocabulary" in report:
        pieces = report["vocabulary"]["held_out_pieces_per_word"]
        if pieces["before"] is not None:
            line += f", {pieces['before']:.2f} -> {pieces['after']:.2f} pieces a word"
    msg.good(line)
