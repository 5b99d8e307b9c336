"""What formats of tokens and tags share: reading columns, grouping sentences, making records."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ClintlError, Errors
from ..records import Record, Span
from ..tags import decode_tags
from .files import numbered_lines

DOCSTART = "-DOCSTART-"


@dataclass(slots=True)
class Sentence:
    """Tokens with one tag each, and where they stand.

    where (str): File and line.
    document (str): The document's name, empty where the file marks none.
    tokens (list[str]): The tokens.
    tags (list[str]): Their tags.
    """

    where: str
    document: str = ""
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def read_sentences(
    path: Path, token_column: int, label_column: int, tag: re.Pattern[str]
) -> Iterator[Sentence]:
    """Read columns, divided by tabs or, in lines without a tab, by spaces.

    path (Path): The file.
    token_column (int): The column of the token, from 0; negative counts from the last.
    label_column (int): The column of the tag, likewise.
    tag (re.Pattern[str]): What a tag looks like.
    YIELDS (Sentence): What stands between blank lines and `-DOCSTART-` lines.
    RAISES (ClintlError): A line with another number of columns, or without a token or tag.
    """
    document = ""
    n_documents = n_columns = 0
    sentence = None
    for number, line in numbered_lines(path):
        line = line.rstrip("\r\n")
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
        where = f"{path}:{number}"
        if len(columns) != n_columns or n_columns < 2:
            expected = max(n_columns, 2)
            raise ClintlError(Errors.CL137.format(where=where, n=len(columns), expected=expected))
        try:
            token, label = columns[token_column], columns[label_column]
        except IndexError:
            pair = (token_column, label_column)
            raise ClintlError(
                Errors.CL139.format(where=where, n=len(columns), column=pair)
            ) from None
        if not token or not tag.fullmatch(label):
            raise ClintlError(Errors.CL138.format(where=where, column=label_column))
        if sentence is None:
            sentence = Sentence(where, document)
        sentence.tokens.append(token)
        sentence.tags.append(label)
    if sentence is not None:
        yield sentence


def grouped(sentences: Iterable[Sentence], size: int) -> Iterator[list[Sentence]]:
    """Put neighbouring sentences of one document together.

    sentences (Iterable[Sentence]): The sentences of one file.
    size (int): How many make a group; the last group of a document may be smaller.
    YIELDS (list[Sentence]): The groups.
    """
    waiting: list[Sentence] = []
    for sentence in sentences:
        if len(waiting) == size or (waiting and waiting[0].document != sentence.document):
            yield waiting
            waiting = []
        waiting.append(sentence)
    if waiting:
        yield waiting


def record_of(
    sentences: list[Sentence],
    name: str,
    decode: Callable[[list[str]], tuple[list[tuple[int, int, str]], int]] = decode_tags,
) -> Record:
    """Make one record of sentences, with one space between tokens.

    sentences (list[Sentence]): At least one, all of one document.
    name (str): The record's id.
    decode (Callable): Turns the tags of a sentence into entities, as `decode_tags` does.
    RETURNS (Record): Tokens, sentences and entities.
    """
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
        entities, mended = decode(sentence.tags)
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
