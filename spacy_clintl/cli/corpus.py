from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import app, command

if TYPE_CHECKING:
    from ..data.splits import Split
    from ..data.stats import PartStats

corpus = typer.Typer(
    help="Look at converted corpora, check them and split them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(corpus, name="corpus")

Parts = Annotated[
    list[str],
    typer.Argument(help="PATH or NAME=PATH of each part: .spacy files or folders; training first"),
]


@command("check", of=corpus)
def check_cli(
    parts: Parts,
    adaptation: Annotated[
        list[Path] | None,
        typer.Option("--adaptation", help="Raw text for adaptation: a file or folder, repeatable"),
    ] = None,
    txt_documents: Annotated[
        str,
        typer.Option("--txt-documents", help="What is one document in .txt: file, line, paragraph"),
    ] = "file",
    threshold: Annotated[
        float, typer.Option(help="The least similarity of near duplicates, 0 to 1")
    ] = 0.8,
    min_words: Annotated[int, typer.Option(help="Shorter texts are not compared")] = 8,
    max_words: Annotated[int, typer.Option(help="Longer documents are reported")] = 5000,
    report: Annotated[
        Path | None, typer.Option("--report", help="Keep the findings (.json)")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors")] = False,
) -> None:
    """Find leaks, label sets that differ, missing classes, bad texts; exit status 1 on errors."""
    from wasabi import msg

    from ..data.check import check_corpus
    from ..util import write_json

    named = named_parts(parts)
    findings = check_corpus(
        named,
        adaptation=adaptation or (),
        txt_documents=txt_documents,
        threshold=threshold,
        min_words=min_words,
        max_words=max_words,
    )
    if report:
        write_json(report, [finding.to_dict() for finding in findings])
    if findings:
        msg.table(
            [
                (
                    found.severity,
                    found.what,
                    found.where,
                    f"{found.count:,}",
                    _shorten(found.examples),
                )
                for found in findings
            ],
            header=("", "finding", "where", "count", "such as"),
            aligns=("l", "l", "l", "r", "l"),
            divider=True,
            max_col=60,
        )
    n_errors = sum(found.severity == "error" for found in findings)
    n_warnings = len(findings) - n_errors
    said = f"{n_errors} errors, {n_warnings} warnings in {', '.join(named)}"
    if n_errors or (strict and n_warnings):
        msg.fail(said, exits=1)
    msg.good(said)


@command("stats", of=corpus)
def stats_cli(
    parts: Parts,
    encoder: Annotated[
        Path | None, typer.Option("--encoder", help="Encoder folder, to count word pieces")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Draw a chart (.png) or a page (.html)")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Keep the figures (.json)")
    ] = None,
) -> None:
    """Count labels and lengths of each part."""
    from wasabi import msg

    from ..data.charts import draw_stats
    from ..data.stats import corpus_stats
    from ..util import write_json

    stats = corpus_stats(named_parts(parts), encoder)
    tables = [_size_table(stats), *_label_tables(stats)]
    for header, *rows in tables:
        msg.table(rows, header=header, aligns=_aligns(header), divider=True)
    if report:
        write_json(report, {name: part.to_dict() for name, part in stats.items()})
    if output:
        draw_stats(stats, tables, output)
    n_documents = sum(part.documents for part in stats.values())
    where = "".join(f", wrote {path}" for path in (report, output) if path)
    msg.good(f"Counted {n_documents:,} documents in {len(stats)} parts{where}")


@command("split", of=corpus)
def split_cli(
    source: Annotated[Path, typer.Argument(help=".spacy file or folder")],
    target: Annotated[Path, typer.Argument(help="Folder to write PART.spacy into")],
    parts: Annotated[
        str, typer.Option("--parts", help="NAME=SHARE,… of the parts")
    ] = "train=0.8,dev=0.1,test=0.1",
    folds: Annotated[
        int, typer.Option("--folds", help="Write so many folds instead: fold-0/train.spacy, …")
    ] = 0,
    group: Annotated[
        str | None,
        typer.Option("--group", help="Never cut this: patient, document, source, or a key of meta"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Split a corpus, stratified by all of its labels."""
    from wasabi import msg

    from ..data.splits import fold_corpus, split_corpus

    if folds:
        split = fold_corpus(source, target, folds, group=group, seed=seed)
    else:
        split = split_corpus(source, target, read_shares(parts), group=group, seed=seed)
    header, *rows = _split_table(split)
    msg.table(rows, header=header, aligns=_aligns(header), divider=True)
    if split.ungrouped:
        msg.warn(f"{split.ungrouped:,} documents have no '{group}': each went its own way")
    msg.good(f"Wrote {len(split.parts)} parts to {target}")


def named_parts(parts: list[str]) -> dict[str, str]:
    """Read 'NAME=PATH' or 'PATH' arguments.

    parts (list[str]): The arguments. A path alone is called by its file name, less '.spacy', or
        as it stands where several have that name.
    RETURNS (dict[str, str]): Paths by name.
    RAISES (ClintlError): A name or a path is missing, or a name comes twice.
    """
    from ..errors import ClintlError, Errors

    pairs = []
    for part in parts:
        name, equals, path = part.partition("=")
        pairs.append((name, path) if equals and not Path(part).exists() else (None, part))
    short = [Path(path).name.removesuffix(".spacy") for name, path in pairs if name is None]
    named: dict[str, str] = {}
    for name, path in pairs:
        if name is None:
            own = Path(path).name.removesuffix(".spacy")
            name = own if short.count(own) == 1 else path
        if not name or not path or name in named:
            raise ClintlError(Errors.CL168.format(value=name or path))
        named[name] = path
    return named


def read_shares(parts: str) -> dict[str, float]:
    """Read 'train=0.8,dev=0.2'.

    parts (str): Names and shares.
    RETURNS (dict[str, float]): Shares by name.
    RAISES (ClintlError): It cannot be read so.
    """
    from ..errors import ClintlError, Errors

    shares: dict[str, float] = {}
    for part in parts.split(","):
        name, _, share = (piece.strip() for piece in part.partition("="))
        try:
            value = float(share)
        except ValueError:
            value = 0.0
        if not name or name in shares or Path(name).name != name or not 0 < value < float("inf"):
            raise ClintlError(Errors.CL162.format(parts=parts))
        shares[name] = value
    return shares


def _aligns(header: tuple) -> tuple[str, ...]:
    return ("l", *("r" for _ in header[1:]))


def _shorten(names: list[str], room: int = 58) -> str:
    text = ", ".join(names)
    return text if len(text) <= room else text[: room - 1] + "…"


def _size_table(stats: "dict[str, PartStats]") -> list[tuple]:
    kinds = ("min", "median", "mean", "p90", "p99", "max")
    rows = [("part", "documents", "sentences", "length in", "total", *kinds)]
    for name, part in stats.items():
        data = part.to_dict()
        for unit, key in (("words", "words"), ("word pieces", "word_pieces")):
            if data[key]:
                total = part.tokens if key == "words" else sum(part.pieces)
                figures = [f"{data[key][kind]:,.0f}" for kind in kinds]
                sizes = (f"{part.documents:,}", f"{part.sentences:,}")
                rows.append((name, *sizes, unit, f"{total:,}", *figures))
    return rows


def _label_tables(stats: "dict[str, PartStats]") -> list[list[tuple]]:
    tables = []
    for task in sorted({task for part in stats.values() for task in part.labels}):
        found = {name: part.labels[task] for name, part in stats.items() if task in part.labels}
        labels = sorted(
            {label for part in found.values() for label in part.counts},
            key=lambda label: (-max(part.counts[label] for part in found.values()), label),
        )
        rows: list[tuple] = [(task, *found)]
        for label in labels:
            cells = []
            for part in found.values():
                total = part.counts.total() or 1
                cells.append(f"{part.counts[label]:,} ({part.counts[label] / total:.1%})")
            rows.append((label, *cells))
        rows.append(("annotated documents", *(f"{part.documents:,}" for part in found.values())))
        ratios = [part.imbalance for part in found.values()]
        rows.append(
            ("most frequent : rarest", *("-" if r is None else f"{r:,.1f}" for r in ratios))
        )
        tables.append(rows)
    return tables


def _split_table(split: "Split") -> list[tuple]:
    labels = sorted({label for part in split.parts.values() for label in part.labels})
    rows: list[tuple] = [("", *split.parts)]
    for name in ("documents", "groups", "tokens"):
        rows.append((name, *(f"{getattr(part, name):,}" for part in split.parts.values())))
    for label in labels:
        rows.append((label, *(f"{part.labels[label]:,}" for part in split.parts.values())))
    return rows
