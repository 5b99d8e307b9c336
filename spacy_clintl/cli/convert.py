from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("convert")
def convert_cli(
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="records, iob, table, …")],
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="A file, or a folder of files; or a .spacy file"),
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The .spacy file to write; from one: another file"),
    ],
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the tokenizer")] = "en",
    pattern: Annotated[
        str, typer.Option("--pattern", help="Which files of a folder, e.g. '*.iob'")
    ] = "*",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", help="Keep this many records")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="With --limit: draw them at random")
    ] = None,
    misaligned: Annotated[
        str, typer.Option("--misaligned", help="Entities off token borders: snap or drop")
    ] = "snap",
    discontinuous: Annotated[
        str,
        typer.Option("--discontinuous", help="Entities in fragments: hull, longest or drop"),
    ] = "hull",
    report: Annotated[
        Path | None, typer.Option("--report", help="JSON file for the counts")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="table: the task's name")] = None,
    text: Annotated[str | None, typer.Option("--text", help="table: column of the text")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="table: column(s) of the label(s)")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id-column", help="table: column of the name")
    ] = None,
    exclusive: Annotated[
        bool | None,
        typer.Option("--exclusive/--multi-label", help="table: one label a text, or any number"),
    ] = None,
    labels: Annotated[str | None, typer.Option("--labels", help="table: all labels, a,b,c")] = None,
    labels_from: Annotated[
        Path | None, typer.Option("--labels-from", help="table: all labels are those of this file")
    ] = None,
    label_delimiter: Annotated[
        str | None, typer.Option("--label-delimiter", help="table: divides the labels in a cell")
    ] = None,
    column_delimiter: Annotated[
        str | None, typer.Option("--column-delimiter", help="table: divides the columns")
    ] = None,
    label_column: Annotated[
        int | None,
        typer.Option("--label-column", help="iob: column of the tag, from 0; -1 is the last"),
    ] = None,
    token_column: Annotated[
        int | None, typer.Option("--token-column", help="iob: column of the token")
    ] = None,
    group: Annotated[int | None, typer.Option("--group", help="iob: sentences in one text")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", help="NAME=VALUE: any option of a format, also of one of your own"
        ),
    ] = None,
) -> None:
    """Convert annotated texts to a .spacy file, or back; print what was kept, changed and lost."""
    from wasabi import msg

    from ..data.convert import convert, write_back
    from ..data.docs import Policy
    from ..errors import ClintlError, Errors

    options = {
        "task": task,
        "text": text,
        "label": label,
        "id_column": id_column,
        "exclusive": exclusive,
        "labels": labels,
        "labels_from": labels_from,
        "label_delimiter": label_delimiter,
        "column_delimiter": column_delimiter,
        "label_column": label_column,
        "token_column": token_column,
        "group": group,
    }
    for item in option or ():
        name, equals, value = item.partition("=")
        if not equals:
            raise ClintlError(Errors.CL133.format(name=format_name, option="--option", value=item))
        options[name.strip("-").replace("-", "_")] = value
    if source.suffix == ".spacy" and target.suffix != ".spacy":
        n_documents = write_back(format_name, source, target, options=options)
        msg.good(f"Wrote {n_documents:,} documents to {target}")
        return
    counts = convert(
        format_name,
        source,
        target,
        lang=lang,
        options=options,
        pattern=pattern,
        limit=limit,
        seed=seed,
        policy=Policy(misaligned, discontinuous),
        report=report,
    )
    data = counts.to_dict()
    data["skipped records"] = data.pop("n_skipped")
    rows = [(key.replace("_", " "), value) for key, value in data.items() if type(value) is int]
    rows += [(f"entity {name}", n) for name, n in data["entities"].items()]
    rows += [(f"category {name}", n) for name, n in data["categories"].items()]
    msg.table([(name, f"{n:,}") for name, n in rows], aligns=("l", "r"), max_col=100)
    for where, reason in counts.skipped[:10]:
        msg.warn(f"Skipped {where}: {reason}")
    if counts.n_skipped > 10:
        msg.warn(f"Skipped {counts.n_skipped - 10:,} more; --report lists the first thousand")
    files = f" (a folder of {len(list(target.iterdir()))} files)" if target.is_dir() else ""
    msg.good(f"Wrote {counts.documents:,} documents to {target}{files}")
