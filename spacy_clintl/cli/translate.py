from pathlib import Path
from typing import Annotated

import typer

from ..errors import ClintlError, Errors
from ._app import command


@command("translate")
def translate_cli(
    path: Annotated[Path, typer.Argument(metavar="IN.spacy", help="Labelled corpus: file, folder")],
    out: Annotated[Path, typer.Argument(metavar="OUT.spacy", help="The file to write")],
    source: Annotated[str, typer.Option("--from", help="The language of the corpus, such as es")],
    target: Annotated[str, typer.Option("--to", help="The language wanted, such as en")],
    translator: Annotated[
        str | None,
        typer.Option(
            "--translator",
            help="apertium, lexicon, marian, google, a registered name, or a .cfg file with a "
            "block [translator]; else Apertium if it has the pair, or the lexicon",
        ),
    ] = None,
    projector: Annotated[
        str | None,
        typer.Option(
            "--projector",
            help="provenance, markers, alignment, a registered name, or a .cfg file with a block "
            "[projector]; else what fits the translator",
        ),
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            "--lexicon",
            help="Dictionary of the pair (.tsv, .jsonl): for the lexicon translator, and for words "
            "that another one leaves untranslated",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", help="Keep translations here, for this user only, and go on there"),
    ] = None,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Keep no readable text in the cache")
    ] = False,
    min_confidence: Annotated[
        float,
        typer.Option(
            "--min-confidence",
            help="Segments with an entity less sure are left without annotation of entities",
        ),
    ] = 0.0,
    length_ratio: Annotated[
        str | None,
        typer.Option(
            "--length-ratio",
            help="A:B, the least and greatest length in lengths of the source; others as above",
        ),
    ] = None,
    drop_failed: Annotated[
        bool,
        typer.Option("--drop-failed", help="Leave out documents that could not be translated"),
    ] = False,
    seconds_an_entity: Annotated[
        float, typer.Option("--seconds-an-entity", help="For the estimate of hours saved")
    ] = 15.0,
    report: Annotated[
        Path | None, typer.Option("--report", help="Keep the figures (.json)")
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it would take, and translate nothing")
    ] = False,
) -> None:
    """Translate a labelled corpus: entities, categories and pairs go along."""
    import sys

    from tqdm import tqdm
    from wasabi import msg

    from ..translation.cache import Cache
    from ..translation.choice import make_projector, make_translator
    from ..translation.corpus import estimate_corpus, translate_corpus
    from ..translation.plans import Filters
    from ..util import write_json

    if out.suffix != ".spacy":
        raise ClintlError(Errors.CL140.format(path=out))
    if not 0 <= min_confidence <= 1:
        raise ClintlError(
            Errors.CL405.format(
                option="--min-confidence", value=min_confidence, rule="a number from 0 to 1"
            )
        )
    if not 0 <= seconds_an_entity < float("inf"):
        option, rule = "--seconds-an-entity", "a number from 0 on"
        raise ClintlError(Errors.CL405.format(option=option, value=seconds_an_entity, rule=rule))
    if hashes_only and cache is None:
        raise ClintlError(
            Errors.CL405.format(option="--hashes-only", value="set", rule="with --cache")
        )
    filters = Filters(min_confidence, read_ratio(length_ratio))
    if report:
        # Not only when everything is translated.
        report.parent.mkdir(parents=True, exist_ok=True)
    made = make_translator(translator, source, target, lexicon=lexicon)
    try:
        chosen = make_projector(projector, made)
        # Without a file, too, no text is translated and paid for twice.
        opened = Cache(cache, hashes_only=hashes_only)
        if estimate:
            with opened as store:
                n, cost = estimate_corpus(path, made, chosen, source, target, out=out, cache=store)
            price = f", {cost.price:.2f} {cost.currency}" if cost.currency else ""
            msg.info(f"{n:,} segments to translate: {cost.characters:,} characters{price}")
            return
        # In a log, a line a minute will do.
        often = 0.5 if sys.stderr.isatty() else 60.0
        with opened as store, tqdm(unit=" docs", mininterval=often) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            figures = translate_corpus(
                path,
                out,
                made,
                chosen,
                source,
                target,
                cache=store,
                filters=filters,
                drop_failed=drop_failed,
                seconds_an_entity=seconds_an_entity,
                progress=progress,
            )
    finally:
        made.close()
    if report:
        write_json(report, figures.to_dict())
    header, *rows = figures.rows()
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))
    if figures.masked:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in figures.masked.most_common())
        msg.warn(f"Segments left without annotation of entities: {reasons}")
    if figures.failed:
        msg.warn(
            f"{figures.documents - figures.written:,} documents left out: "
            f"{sum(figures.failed.values()):,} segments could not be translated"
        )
    data = figures.to_dict()
    line = (
        f"{figures.written:,} documents in {out}: {figures.translated:,} segments translated, "
        f"{figures.known:,} known; {figures.cost.characters:,} characters, {figures.seconds:.1f} s"
    )
    if figures.cost.currency:
        line += f", {figures.cost.price:.2f} {figures.cost.currency}"
    if figures.group_spans:
        msg.warn(f"Spans of groups (doc.spans) left out: {figures.group_spans:,}")
    saved = data["annotation_saved"]
    msg.good(
        f"{line}; annotation saved, an estimate at {saved['assumes_seconds_an_entity']:g} s an "
        f"entity: {saved['hours']:g} h"
    )


def read_ratio(value: str | None) -> tuple[float, float] | None:
    """Read 'A:B'.

    value (str | None): The option's value.
    RETURNS (tuple[float, float] | None): Both numbers.
    RAISES (ClintlError): It cannot be read so.
    """
    if value is None:
        return None
    least, _, greatest = value.partition(":")
    try:
        ratio = float(least), float(greatest)
    except ValueError:
        ratio = (0.0, -1.0)
    if not 0 <= ratio[0] <= ratio[1] < float("inf"):
        rule = "two numbers such as 0.5:2"
        raise ClintlError(Errors.CL405.format(option="--length-ratio", value=value, rule=rule))
    return ratio
