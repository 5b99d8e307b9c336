"""Measure conversion: tokens a second on one core, and the memory that a large corpus takes.

    python benchmarks/conversion.py
    python benchmarks/conversion.py FOLDER/bc5cdr/train.tsv
    python benchmarks/conversion.py --documents 1000000
    python benchmarks/conversion.py --documents 1000000 --format records

The first two convert an IOB file (without a name: an invented one) several times. CPU time is
given beside wall time: on a busy machine only the former says how fast the code is. With
--documents that many short documents are invented, converted and streamed back once.
"""

import os

# Before NumPy is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from spacy.vocab import Vocab
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.convert import convert
from spacy_clintl.data.docbin import docbin_files, iter_docbin

SYLLABLES = [a + b for a in "bcdfghjklmnprstvxz" for b in "aeiou"]
Clock = tuple[float, float]


def documents(n: int, seed: int = 0) -> Iterator[list[tuple[str, str]]]:
    """Invent tokens and tags: 30,000 words, common ones more often, and one new word a document."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(30_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    cumulative = [sum(weights[:1])]
    for weight in weights[1:]:
        cumulative.append(cumulative[-1] + weight)
    for number in range(n):
        tokens = draw.choices(words, cum_weights=cumulative, k=draw.randint(8, 24))
        tags = ["O"] * len(tokens)
        start = draw.randrange(len(tokens) - 1)
        tags[start : start + 2] = draw.choice((["B-DRUG", "O"], ["B-SIGN", "I-SIGN"]))
        yield [(f"note{number}", "O"), *zip(tokens, tags)]


def write(path: Path, n: int) -> None:
    """Write invented documents, as IOB columns or as records."""
    with path.open("w", encoding="utf-8") as file:
        for number, document in enumerate(documents(n)):
            if path.suffix == ".iob":
                file.write("".join(f"{token}\t{tag}\n" for token, tag in document) + "\n")
                continue
            text = " ".join(token for token, _ in document)
            first = len(document[0][0])
            spans = [{"start": 0, "end": first, "label": "NOTE"}]
            data = {"id": str(number), "text": text, "spans": spans, "cats": {"kind/a": 1.0}}
            file.write(json.dumps(data) + "\n")


def now() -> Clock:
    """Return wall and CPU seconds."""
    return time.perf_counter(), time.process_time()


def rate(n: int, start: Clock) -> Clock:
    """Return a count by wall and by CPU second since `start`."""
    wall, cpu = now()
    return n / (wall - start[0]), n / (cpu - start[1])


def peak() -> str:
    """Return the most memory that the process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:,.0f} MiB"


def measure_speed(source: Path, folder: Path, repeats: int) -> None:
    """Convert a file again and again; print the first round, which starts spaCy, and the others."""
    rates = []
    for _ in range(repeats + 1):
        start = now()
        counts = convert("iob", source, folder / "out.spacy")
        rates.append(rate(counts.tokens, start))
    msg.info(f"{counts.documents:,} sentences, {counts.tokens:,} tokens")
    rows = [("first round, with start-up", rates[0])]
    if repeats:
        later = [statistics.median(column) for column in zip(*rates[1:])]
        rows.append((f"median of {repeats} more", (later[0], later[1])))
    body = [(name, f"{wall:,.0f}", f"{cpu:,.0f}") for name, (wall, cpu) in rows]
    header = ("", "tokens/s", "tokens/CPU s")
    msg.table(body, header=header, divider=True, aligns=("l", "r", "r"))


def measure_memory(n: int, format_name: str, folder: Path) -> None:
    """Convert many documents and stream them back; print rates and the peak memory so far."""
    source = folder / ("corpus.iob" if format_name == "iob" else "corpus.jsonl")
    write(source, n)
    body = [("invented", f"{n:,}", "", "", peak())]
    start = now()
    counts = convert(format_name, source, folder / "corpus.spacy")
    wall, cpu = rate(counts.tokens, start)
    body.append(("converted", f"{counts.documents:,}", f"{wall:,.0f}", f"{cpu:,.0f}", peak()))
    start = now()
    read = tokens = entities = 0
    for doc in iter_docbin(folder / "corpus.spacy", Vocab(), forget=True):
        read, tokens, entities = read + 1, tokens + len(doc), entities + len(doc.ents)
    if (read, tokens, entities) != (n, counts.tokens, counts.entities.total()):
        msg.fail(f"{read:,} documents came back, with {entities:,} entities", exits=1)
    wall, cpu = rate(tokens, start)
    body.append(("streamed back", f"{read:,}", f"{wall:,.0f}", f"{cpu:,.0f}", peak()))
    header = ("", "documents", "tokens/s", "tokens/CPU s", "peak memory")
    msg.table(body, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))
    files = len(docbin_files(folder / "corpus.spacy"))
    size = source.stat().st_size / 2**20
    msg.info(f"{tokens:,} tokens from {size:,.0f} MiB of '{format_name}', in {files} files")


def main(
    source: Annotated[Path | None, typer.Argument(help="An IOB file")] = None,
    documents: Annotated[
        int | None, typer.Option(help="Measure memory with this many documents")
    ] = None,
    format_name: Annotated[str, typer.Option("--format", help="iob or records")] = "iob",
    repeats: Annotated[int, typer.Option(help="Rounds after the first one")] = 5,
) -> None:
    """Measure the speed of conversion on one core, or with --documents its memory."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    msg.info(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if documents:
            measure_memory(documents, format_name, folder)
            return
        if source is None:
            source = folder / "invented.iob"
            write(source, 20_000)
        measure_speed(source, folder, repeats)


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
