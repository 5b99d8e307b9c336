"""`iob`: columns of tokens and entity tags, a blank line after each sentence.

IOB1, IOB2 (BIO), IOBES and BILOU are read alike. The format knows tokens but not the spaces between
them: texts get one space between tokens, and Docs are marked so that spaCy keeps the given tokens.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ClintlError, Errors
from ...util import whole_file
from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .registry import formats, writers

DOCSTART = "-DOCSTART-"
TAG = re.compile(r"[BIESLU]-\S.*|O")


@dataclass
class _Sentence:
    where: str
    document: str
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@formats("iob")
def read_iob(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    label_column: int = -1,
    token_column: int = 0,
    group: int = 1,
) -> Iterator[Record]:
    """Read token and tag columns; one record a sentence, or a group of sentences.

    paths (list[Path]): The files. Columns are split at tabs, or at spaces in lines without tabs.
    counts (ConversionCounts): Not used: the format has no record that could be skipped.
    label_column (int): The column of the tag, from 0; negative counts from the last.
    token_column (int): The column of the token.
    group (int): How many sentences make one text. A group ends at the end of a document
        (`-DOCSTART-`) and of a file.
    YIELDS (Record): Tokens and entities. `meta["document"]` names the document where the file
        marks documents; `repaired` counts entities that did not begin with a B or S tag.
    RAISES (ClintlError): A line with another number of columns, or without a tag; an empty file.
    """
    if group < 1:
        raise ClintlError(Errors.CL133.format(name="iob", option="--group", value=group))
    for path in paths:
        waiting: list[_Sentence] = []
        n = 0
        for sentence in _sentences(path, token_column, label_column):
            if len(waiting) == group or (waiting and waiting[0].document != sentence.document):
                n += 1
                yield _record(waiting, f"{path.stem}-{n}")
                waiting = []
            waiting.append(sentence)
        if not waiting:
            raise ClintlError(Errors.CL134.format(path=path, n=0, reason="the file is empty"))
        yield _record(waiting, f"{path.stem}-{n + 1}")


@writers("iob")
def write_iob(records: Iterable[Record], target: Path, *, scheme: str = "iob2") -> None:
    """Write tokens and entity tags, divided by tabs, a blank line after each sentence.

    A line `-DOCSTART-` with the document's name begins each document where the records name any.
    Overlapping entities have no place in the format: the longest is kept, as in `doc.ents`.

    records (Iterable[Record]): Records with tokens. One that is not annotated for entities cannot
        be written.
    target (Path): The file.
    scheme (str): 'iob2' or 'iobes'.
    RAISES (ClintlError): An unknown scheme, or a record without tokens or entity annotation.
    """
    if scheme not in ("iob2", "iobes"):
        raise ClintlError(Errors.CL133.format(name="iob", option="--scheme", value=scheme))
    document = ""
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        for record in records:
            if record.tokens is None or record.spans is None:
                raise ClintlError(Errors.CL155.format(where=record.where))
            name = str(record.meta.get("document") or "")
            if name != document:
                file.write(f"{DOCSTART}\t{name or 'O'}\n\n")
                document = name
            tags = encode_tags(record, scheme)
            firsts = set(record.sentences or ())
            for i, (token, tag) in enumerate(zip(record.tokens, tags)):
                if i in firsts and i:
                    file.write("\n")
                file.write(f"{token}\t{tag}\n")
            file.write("\n")


def encode_tags(record: Record, scheme: str = "iob2") -> list[str]:
    """Turn a record's entities into one tag a token; a token is inside if it touches the entity.

    record (Record): With tokens and spans.
    scheme (str): 'iob2' or 'iobes'.
    RETURNS (list[str]): One tag a token. Of overlapping entities the longest, then first, is kept.
    """
    tokens = record.tokens or []
    spaces = record.spaces or [True] * len(tokens)
    starts, ends, offset = [], [], 0
    for token, space in zip(tokens, spaces):
        starts.append(offset)
        ends.append(offset + len(token))
        offset += len(token) + bool(space)
    tags = ["O"] * len(tokens)
    for span in sorted(record.spans or (), key=lambda span: (span.start - span.end, span.start)):
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end) - 1
        if first > last or any(tag != "O" for tag in tags[first : last + 1]):
            continue
        tags[first : last + 1] = [f"I-{span.label}"] * (last + 1 - first)
        tags[first] = f"B-{span.label}"
        if scheme == "iobes":
            tags[last] = f"E-{span.label}" if last > first else f"S-{span.label}"
    return tags


def decode_tags(tags: list[str]) -> tuple[list[tuple[int, int, str]], int]:
    """Turn IOB1, IOB2, IOBES or BILOU tags into entities.

    tags (list[str]): One tag a token.
    RETURNS (tuple[list[tuple[int, int, str]], int]): Entities as (first token, token after the
        last, label), and how many of them did not begin with B, S or U and were mended.
    """
    entities: list[tuple[int, int, str]] = []
    repaired = 0
    start: int | None = None
    label = ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        goes_on = start is not None and prefix in "IEL" and name == label
        if start is not None and not goes_on:
            entities.append((start, i, label))
            start = None
        if prefix != "O" and not goes_on:
            start, label = i, name
            repaired += prefix in "IEL"
        if start is not None and prefix in "ESLU":
            entities.append((start, i + 1, label))
            start = None
    return entities, repaired


def _sentences(path: Path, token_column: int, label_column: int) -> Iterator[_Sentence]:
    document = ""
    n_documents = n_columns = 0
    sentence = None
    for number, line in numbered_lines(path):
        line = line.rstrip("\r\n")
        where = f"{path}:{number}"
        if not line.strip():
            if sentence is not None:
                yield sentence
            sentence = None
            continue
        # Not str.split(): a token may be or hold a no-break space.
        columns = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        if columns[0] == DOCSTART:
            if sentence is not None:
                yield sentence
            sentence = None
            n_documents += 1
            name = columns[1] if len(columns) > 1 else ""
            document = str(n_documents) if name in ("", "O", "X", "-X-") else name
            continue
        n_columns = n_columns or len(columns)
        token, tag = _token_and_tag(columns, n_columns, token_column, label_column, where)
        if sentence is None:
            sentence = _Sentence(where, document)
        sentence.tokens.append(token)
        sentence.tags.append(tag)
    if sentence is not None:
        yield sentence


def _token_and_tag(
    columns: list[str], n_columns: int, token_column: int, label_column: int, where: str
) -> tuple[str, str]:
    if len(columns) != n_columns or len(columns) < 2:
        raise ClintlError(
            Errors.CL137.format(where=where, n=len(columns), expected=max(n_columns, 2))
        )
    try:
        token, tag = columns[token_column], columns[label_column]
    except IndexError:
        raise ClintlError(
            Errors.CL139.format(where=where, n=len(columns), column=(token_column, label_column))
        ) from None
    if not token or not TAG.fullmatch(tag):
        raise ClintlError(Errors.CL138.format(where=where, column=label_column))
    return token, tag


def _record(sentences: list[_Sentence], name: str) -> Record:
    tokens = [token for sentence in sentences for token in sentence.tokens]
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    spans = []
    firsts = []
    repaired = offset = 0
    for sentence in sentences:
        firsts.append(offset)
        # Sentence by sentence, so that no entity runs over a sentence end.
        entities, mended = decode_tags(sentence.tags)
        for first, end, label in entities:
            spans.append(Span(starts[offset + first], starts[offset + end] - 1, label))
        repaired += mended
        offset += len(sentence.tokens)
    return Record(
        text=" ".join(tokens),
        spans=spans,
        tokens=tokens,
        sentences=firsts,
        meta={"document": sentences[0].document} if sentences[0].document else {},
        where=sentences[0].where,
        id=name,
        repaired=repaired,
    )
