from pathlib import Path
from typing import Annotated

import typer

from ..errors import ClintlError, Errors
from ._app import command


@command("cognates")
def cognates_cli(
    out: Annotated[Path, typer.Argument(metavar="OUT.tsv", help="The dictionary to write")],
    texts: Annotated[
        list[Path], typer.Option("--texts", help="Raw texts of the language; may be repeated")
    ],
    others: Annotated[
        list[Path], typer.Option("--others", help="Raw texts of the other one; may be repeated")
    ],
    source: Annotated[str, typer.Option("--from", help="Their language, such as es")],
    target: Annotated[str, typer.Option("--to", help="That of the others, such as en")],
    translator: Annotated[
        str,
        typer.Option("--translator", help="What it knows is left out; 'none': nothing is"),
    ] = "apertium",
    likeness: Annotated[
        float, typer.Option("--likeness", help="How alike two words must be spelled, 0 to 1")
    ] = 0.85,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Words of the others that are rarer do not count")
    ] = 2,
) -> None:
    """Make a dictionary of words that are spelled alike, for those a translator does not know.

    Texts are files or folders (.txt, .jsonl, .gz, .spacy), and need no labels. Words with a capital
    are left out, as they may be names; read what is written before you pass it on.
    """
    from wasabi import msg

    from ..translation.choice import make_translator
    from ..translation.cognates import count_words, find_cognates, unknown_words, write_cognates

    for option, value, rule, bad in (
        ("OUT", out, "a .tsv file", out.suffix != ".tsv"),
        ("--likeness", likeness, "a number from 0 to 1", not 0 <= likeness <= 1),
        ("--min-count", min_count, "1 or more", min_count < 1),
    ):
        if bad:
            raise ClintlError(Errors.CL405.format(option=option, value=value, rule=rule))
    words = unknown = count_words(texts)
    vocabulary = {word: n for word, n in count_words(others).items() if n >= min_count}
    known = ""
    if translator != "none":
        made = make_translator(translator, source, target)
        try:
            unknown = unknown_words(words, made, source, target)
        finally:
            made.close()
        known = f", {made.name} knows {len(words) - len(unknown):,} of them"
    found = list(find_cognates(unknown, vocabulary, likeness))
    write_cognates(found, out)
    msg.good(
        f"{out}: {len(found):,} words with a cognate among {len(vocabulary):,}; "
        f"{len(words):,} words of the texts{known}"
    )
