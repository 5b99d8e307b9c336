"""`pubtator`: titles and abstracts with one line an annotation, as PubTator and BC5CDR have it.

PMID|t|Title
PMID|a|Abstract
PMID<tab>start<tab>end<tab>mention<tab>type<tab>identifier[<tab>mentions of a composite]
PMID<tab>relation<tab>identifier<tab>identifier

A blank line follows each document. Offsets count characters of the title, one more, and those of
the abstract. Sources: https://www.ncbi.nlm.nih.gov/research/pubtator/ ; Li et al., 'BioCreative V
CDR task corpus', Database 2016, baw068.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .registry import formats

SUFFIXES = (".txt", ".pubtator", ".tsv")
PASSAGE = re.compile(r"([^|\t]+)\|([A-Za-z]+)\|(.*)", re.DOTALL)
NUMBER = re.compile(r"-?[0-9]+")
SPACE = re.compile(r"\s")


class _BadLine(Exception):
    """What is wrong with one line, in words that do not quote it. The line is skipped."""


@dataclass
class _Document:
    name: str
    where: str
    passages: list[tuple[str, str]]
    spans: list[Span] = field(default_factory=list)
    relations: list[list[str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(passage for _, passage in self.passages)


@formats("pubtator")
def read_pubtator(paths: list[Path], counts: ConversionCounts) -> Iterator[Record]:
    """Read documents with their mentions and relations.

    Title and abstract are divided by a line end. A mention's identifier, or those of a composite
    mention divided by '|', is the span's attribute `identifier`; the mentions that make up a
    composite one are its attribute `mentions`. Relations stand in `meta["pubtator"]`. A document
    without annotations counts as annotated, with nothing found.

    paths (list[Path]): The files. Of several, those in .txt, .pubtator or .tsv (or .gz) are taken.
    counts (ConversionCounts): Takes lines and documents that were skipped, with file and line.
    YIELDS (Record): One a document, named as in the file.
    RAISES (ClintlError): A file that cannot be read.
    """
    for path in [p for p in paths if _is_known(p)] or paths:
        n = 0
        for document in _documents(path, counts):
            if not document.text.strip():
                counts.skip(document.where, "the document has no text")
                continue
            n += 1
            kinds = [kind for kind, _ in document.passages]
            more: dict[str, Any] = {} if kinds == ["t", "a"] else {"passages": kinds}
            if document.relations:
                more["relations"] = document.relations
            yield Record(
                text=document.text,
                spans=document.spans,
                meta={"document": document.name, **({"pubtator": more} if more else {})},
                where=document.where,
                id=document.name,
            )
        if not n:
            counts.skip(str(path), "no document: none begins with a line such as PMID|t|Title")


def _is_known(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def _documents(path: Path, counts: ConversionCounts) -> Iterator[_Document]:
    document: _Document | None = None
    stray = False
    # Only line feeds end a line: others may stand in a text, and count.
    for number, line in numbered_lines(path, newline="\n"):
        line = line.removesuffix("\n").removesuffix("\r")
        where = f"{path}:{number}"
        if not line.strip():
            if document is not None:
                yield document
            document, stray = None, False
            continue
        passage = PASSAGE.fullmatch(line)
        if passage and (passage[2] == "t" or (document and document.name != passage[1])):
            if document is not None:
                yield document
            document, stray = None, False
        if document is None and passage and passage[2] == "t":
            document = _Document(passage[1], where, [("t", passage[3])])
        elif document is None:
            # One note for a whole block that belongs to no document.
            if not stray:
                counts.skip(where, "no title line before this line; skipped up to a blank line")
            stray = True
        else:
            try:
                _add(document, passage, line)
            except _BadLine as error:
                counts.skip(where, str(error))
    if document is not None:
        yield document


def _add(document: _Document, passage: re.Match[str] | None, line: str) -> None:
    if passage:
        if any(kind == passage[2] for kind, _ in document.passages):
            raise _BadLine("a second passage of the same kind")
        document.passages.append((passage[2], passage[3]))
        return
    columns = line.split("\t")
    if columns[0] != document.name:
        raise _BadLine("the line names another document, or is no line of this format")
    if len(columns) >= 4 and not NUMBER.fullmatch(columns[1]):
        document.relations.append(columns[1:])
        return
    if len(columns) < 5:
        raise _BadLine(f"an annotation needs at least 5 columns, there are {len(columns)}")
    document.spans.append(_span(columns, document.text))


def _span(columns: list[str], text: str) -> Span:
    numbers = columns[1:3]
    if not all(NUMBER.fullmatch(number) and len(number) <= 10 for number in numbers):
        raise _BadLine("offsets are not whole numbers")
    start, end = map(int, numbers)
    if not 0 <= start < end <= len(text):
        raise _BadLine(f"offsets {start}-{end} do not fit a text of {len(text)} characters")
    # A line end inside a mention is written as a space.
    if SPACE.sub(" ", text[start:end]) != SPACE.sub(" ", columns[3]):
        raise _BadLine(f"the mention is not what stands at {start}-{end}")
    label = columns[4].strip()
    if not label:
        raise _BadLine("the mention has no type")
    attributes: dict[str, Any] = {}
    if len(columns) > 5 and columns[5]:
        attributes["identifier"] = columns[5]
    if len(columns) > 6 and columns[6]:
        attributes["mentions"] = columns[6].split("|")
    return Span(start, end, label, attributes=attributes, notes=tuple(filter(None, columns[7:])))
