from pathlib import Path
from typing import Annotated

import typer

from ..errors import ClintlError, Errors
from ._app import command


@command("align")
def align_cli(
    path: Annotated[
        Path, typer.Argument(metavar="SRC.spacy", help="Labelled corpus: file, folder")
    ],
    translation: Annotated[
        Path, typer.Argument(metavar="TGT.spacy", help="Its translation, document by document")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.spacy", help="The file to write")],
    source: Annotated[
        str | None, typer.Option("--from", help="The language of the corpus; else told from words")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="The language of the translation; else the same")
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option("--seed-lexicon", help="Known translations: two columns, source and target"),
    ] = None,
    embedded: Annotated[
        bool,
        typer.Option(help="Use the embedded seed lexicon (en, es, de, it, fr), too"),
    ] = True,
    parallel: Annotated[
        list[Path] | None,
        typer.Option(
            "--parallel",
            help="More sentence pairs to learn from: two columns, source and target; repeatable",
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option("--encoder", help="Folder of a multilingual encoder that links words instead"),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", help="Entities less sure are dropped")
    ] = 0.4,
    mask: Annotated[
        bool,
        typer.Option(
            help="Leave the other tokens of a sentence that lost an entity without annotation"
        ),
    ] = True,
    seconds_an_entity: Annotated[
        float, typer.Option("--seconds-an-entity", help="For the estimate of hours saved")
    ] = 15.0,
    report: Annotated[
        Path | None, typer.Option("--report", help="Keep the figures (.json)")
    ] = None,
) -> None:
    """Carry entities and categories of a corpus onto a translation that exists already."""
    from wasabi import msg

    from ..translation.align import align_corpus
    from ..translation.alignment import make_alignment_v1
    from ..translation.plans import ALONE, LOST, PARTLY
    from ..util import write_json

    if out.suffix != ".spacy":
        raise ClintlError(Errors.CL140.format(path=out))
    if not 0 <= seconds_an_entity < float("inf"):
        option, rule = "--seconds-an-entity", "a number from 0 on"
        raise ClintlError(Errors.CL405.format(option=option, value=seconds_an_entity, rule=rule))
    if encoder and (lexicon or parallel):
        option = "--seed-lexicon" if lexicon else "--parallel"
        raise ClintlError(Errors.CL661.format(option=option))
    projector = make_alignment_v1(
        lexicon=lexicon,
        embedded=embedded,
        parallel=parallel or (),
        encoder=encoder,
        min_confidence=min_confidence,
    )
    figures = align_corpus(
        path,
        translation,
        out,
        projector,
        source=source,
        target=target,
        mask=mask,
        seconds_an_entity=seconds_an_entity,
    )
    if report:
        write_json(report, figures.to_dict())
    header, *rows = figures.rows()
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))
    told = ((LOST, "lost an entity"), (PARTLY, f"are {PARTLY}"), (ALONE, f"are {ALONE}"))
    for reason, what in told:
        if masked := figures.masked[reason]:
            msg.warn(f"{masked:,} sentences {what}; their other tokens are not annotated")
    if figures.group_spans:
        msg.warn(f"Spans of groups (doc.spans) left out: {figures.group_spans:,}")
    saved = figures.to_dict()["annotation_saved"]
    msg.good(
        f"{figures.written:,} documents in {out}: {figures.segments:,} sentence pairs, "
        f"{figures.source or 'unknown language'} to {figures.target or 'unknown language'}, "
        f"{figures.seconds:.1f} s; annotation saved, an estimate at "
        f"{saved['assumes_seconds_an_entity']:g} s an entity: {saved['hours']:g} h"
    )
