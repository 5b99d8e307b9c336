import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ClintlError, Errors
from ._app import command

NOT_SETTINGS = ("base", "out", "texts", "resume")


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
    batch_size: Annotated[int, typer.Option("--batch-size", help="Blocks a batch")] = 32,
    block_length: Annotated[int, typer.Option("--block-length", help="Word pieces a block")] = 128,
    learn_rate: Annotated[
        float | None,
        typer.Option("--learn-rate", help="Highest rate; auto: 3e-4 with a fresh head, else 1e-4"),
    ] = None,
    warm_up: Annotated[
        float, typer.Option("--warm-up", help="Share of the steps in which the rate rises")
    ] = 0.06,
    decay: Annotated[
        str, typer.Option("--decay", help="How the rate falls then: linear, cosine, none")
    ] = "linear",
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
    txt_documents: Annotated[
        str,
        typer.Option("--txt-documents", help="What is one document in .txt: file, line, paragraph"),
    ] = "file",
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
    masking: Annotated[
        str, typer.Option("--masking", help="What is masked together: piece or whole-word")
    ] = "piece",
    accumulate: Annotated[
        int, typer.Option("--accumulate", help="Batches a step, whose gradients are added up")
    ] = 1,
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Less memory, more time, same result"),
    ] = False,
    freeze: Annotated[
        str, typer.Option("--freeze", help="none, all, embeddings_and_head or bottom:N")
    ] = "none",
    layer_decay: Annotated[
        float, typer.Option("--layer-decay", help="Rate of a layer by that of the one above")
    ] = 1.0,
    distill: Annotated[
        float,
        typer.Option("--distill", help="Weight of staying near the base's states; 0 is without"),
    ] = 0.0,
    evaluate_every: Annotated[
        int | None,
        typer.Option("--evaluate-every", help="Steps between measurements of the held-out loss"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option("--patience", help="Measurements without a better one before it stops"),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence, for the model card")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Language codes (en,es), for the model card")
    ] = None,
) -> None:
    """Adapt an encoder to raw text by continued masked-language modelling."""
    options = {key: value for key, value in locals().items() if key not in NOT_SETTINGS}
    from wasabi import msg

    # Several processes: torchrun and accelerate number them.
    is_main = os.environ.get("RANK", "0") == "0"
    try:
        report = _adapt(base, out, texts, options, resume, partial(_tell, msg.text))
    except ClintlError:
        if is_main:
            raise
        # The main process tells. Another status would end it before it can.
        raise typer.Exit(0) from None
    if is_main:
        msg.good(_summary(out, report))


def _tell(show: Callable[[str], Any], told: str) -> None:
    first, *named = told.splitlines()
    show(first)
    # Wasabi would make one paragraph of them, and break paths off their lines' numbers.
    for line in named:
        typer.echo(line)


def _adapt(
    base: Path,
    out: Path,
    texts: list[Path],
    options: dict[str, Any],
    resume: bool,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    warmup = options["head_warmup_steps"]
    if warmup != "auto" and not warmup.isdecimal():
        values = {"option": "--head-warmup-steps", "value": warmup}
        raise ClintlError(Errors.CL405.format(**values, rule="auto or a number of steps"))
    from ..adaptation.adapt import adapt
    from ..adaptation.settings import AdaptSettings

    changed = {
        "head_warmup_steps": None if warmup == "auto" else int(warmup),
        "leave_out": tuple(map(str, options["leave_out"] or ())),
    }
    settings = AdaptSettings(**{**options, **changed})
    return adapt(base, out, texts, settings, resume=resume, tell=tell)


def _summary(out: Path, report: dict[str, Any]) -> str:
    line = f"Adapted encoder in {out}: {report['pieces_trained']:,} word pieces"
    found = report["held_out_perplexity"]
    if found["before"] is not None:
        line += f", held-out perplexity {found['before']:.1f} -> {found['after']:.1f}"
        if report["head"] == "fresh":
            line += " (before: with a head that had not learned yet)"
        if report["plan"]["average"]:
            line += f" ({found['after_training']:.1f} before averaging)"
    if "vocabulary" in report:
        grown = report["vocabulary"]
        what, pieces = "held-out word", grown["held_out_pieces_per_word"]
        if pieces["before"] is None:
            what, pieces = "word", grown["pieces_per_word"]
        line += f", {pieces['before']:.2f} -> {pieces['after']:.2f} pieces a {what}"
    return line
