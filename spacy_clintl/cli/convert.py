from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("convert", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def convert_cli(
    ctx: typer.Context,
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="iob, brat, table, …")],
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
    entities: Annotated[
        str | None,
        typer.Option(
            "--entities", help="Keep these entity labels alone: A,B, or renamed: A=NEW,B=OTHER"
        ),
    ] = None,
    no_entities: Annotated[
        bool,
        typer.Option("--no-entities", help="Leave the documents without annotation of entities"),
    ] = False,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="TASK/LABEL that each document gets; repeatable"),
    ] = None,
    spans_key: Annotated[
        str | None,
        typer.Option("--spans-key", help="Entities into this group of doc.spans, too"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="JSON file for the counts")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Formats of classes: the task's name")
    ] = None,
    exclusive: Annotated[
        bool | None,
        typer.Option(
            "--exclusive/--multi-label",
            help="Formats of classes: one label a text, or any number",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="NAME=VALUE: the same as --NAME VALUE"),
    ] = None,
) -> None:
    """Convert annotated texts to a .spacy file, or back; print what was kept, changed and lost.

    Each format has options of its own, which stand behind OUT: `spacy clintl formats` lists them.
    """
    from wasabi import msg

    from ..data.convert import convert, write_back
    from ..data.docs import Policy
    from ..errors import ClintlError, Errors

    options = {
        "task": task,
        "exclusive": exclusive,
        **read_options(format_name, [str(format_name), str(source), str(target)], ctx.args),
    }
    for item in option or ():
        name, equals, value = item.partition("=")
        if not equals:
            raise ClintlError(Errors.CL133.format(name=format_name, option="--option", value=item))
        options[_key(name)] = value
    if source.suffix == ".spacy" and target.suffix != ".spacy":
        for flag, value in (
            ("--entities", entities),
            ("--no-entities", no_entities or None),
            ("--category", category[0] if category else None),
        ):
            if value is not None:
                raise ClintlError(Errors.CL133.format(name=format_name, option=flag, value=value))
        n_documents = write_back(format_name, source, target, options=options)
        msg.good(f"Wrote {n_documents:,} documents to {target}")
        return
    if no_entities and entities is not None:
        raise ClintlError(
            Errors.CL133.format(
                name=format_name, option="--entities beside --no-entities", value=entities
            )
        )
    wanted = None if entities is None else read_entities(format_name, entities)
    counts = convert(
        format_name,
        source,
        target,
        lang=lang,
        options=options,
        pattern=pattern,
        limit=limit,
        seed=seed,
        entities=wanted,
        with_entities=not no_entities,
        categories=category or (),
        policy=Policy(misaligned, discontinuous, spans_key),
        report=report,
    )
    data = counts.to_dict()
    data["skipped records"] = data.pop("n_skipped")
    rows = [(key.replace("_", " "), value) for key, value in data.items() if type(value) is int]
    rows += [(f"entity {name}", n) for name, n in data["entities"].items()]
    rows += [(f"category {name}", n) for name, n in data["categories"].items()]
    msg.table([(name, f"{n:,}") for name, n in rows], aligns=("l", "r"), max_col=100)
    if absent := [label for label in wanted or () if label not in counts.source_labels]:
        there = ", ".join(sorted(counts.source_labels)) or "none"
        msg.warn(f"No entity has the label {', '.join(absent)}; labels there: {there}")
    for where, reason in counts.skipped[:10]:
        msg.warn(f"Skipped {where}: {reason}")
    if counts.n_skipped > 10:
        msg.warn(f"Skipped {counts.n_skipped - 10:,} more; --report lists the first thousand")
    files = f" (a folder of {len(list(target.iterdir()))} files)" if target.is_dir() else ""
    msg.good(f"Wrote {counts.documents:,} documents to {target}{files}")


def read_entities(format_name: str, value: str) -> dict[str, str]:
    """Read the entity labels that are wanted.

    format_name (str): The format's name, for the message.
    value (str): Such as 'CHEM=Chemical,DISO'.
    RETURNS (dict[str, str]): From labels to what they become.
    RAISES (ClintlError): A label is empty, or named twice.
    """
    from ..errors import ClintlError, Errors

    wanted: dict[str, str] = {}
    for item in value.split(","):
        old, _, new = (part.strip() for part in item.partition("="))
        if not old or old in wanted or (not new and "=" in item):
            raise ClintlError(
                Errors.CL133.format(name=format_name, option="--entities", value=value)
            )
        wanted[old] = new or old
    return wanted


@command("formats")
def formats_cli(
    name: Annotated[str | None, typer.Argument(help="Of this format: all there is to know")] = None,
) -> None:
    """List the formats that can be read and written, with their options."""
    import inspect

    from wasabi import msg

    from ..data.formats import formats, get_reader, option_flags, writers

    if name is not None:
        reader = get_reader(name)
        print(inspect.getdoc(inspect.getmodule(reader)) or "")
        print("\n" + (inspect.getdoc(reader) or ""))
        rows = [(flag, _shown(default)) for flag, default in option_flags(reader)]
        if rows:
            msg.table(rows, header=("option", "default"), divider=True)
        return
    written = writers.get_all()
    rows = [
        (
            name,
            "read, written" if name in written else "read",
            " ".join(flag for flag, _ in option_flags(reader)),
        )
        for name, reader in sorted(formats.get_all().items())
    ]
    msg.table(rows, header=("format", "", "options"), divider=True, max_col=200)


def read_options(format_name: str, named: list[str], extra: list[str]) -> dict[str, str]:
    """Read the options of a format from what the command line has besides the common ones.

    format_name (str): The format's name, for messages.
    named (list[str]): The arguments that were taken as FORMAT, IN and OUT.
    extra (list[str]): What was left: '--name value', '--name=value', '--name' or '--no-name'.
    RETURNS (dict[str, str]): Values by the names of options.
    RAISES (ClintlError): An option before FORMAT, IN and OUT, or a value without an option.
    """
    from ..errors import ClintlError, Errors

    for argument in named:
        if argument.startswith("--"):
            raise ClintlError(Errors.CL128.format(name=format_name, option=argument))
    options = {}
    rest = list(extra)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            raise ClintlError(Errors.CL129.format(value=argument))
        flag, equals, value = argument.partition("=")
        if not equals:
            if rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            else:
                value = "false" if flag.startswith("--no-") else "true"
                flag = "--" + flag.removeprefix("--").removeprefix("no-")
        options[_key(flag)] = value
    return options


def _key(flag: str) -> str:
    return flag.strip("-").replace("-", "_")


def _shown(default: object) -> str:
    return "" if default is None else str(default)
