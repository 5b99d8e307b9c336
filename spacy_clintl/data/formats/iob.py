"""`iob`: columns of tokens and entity tags, a blank line after each sentence.

IOB1, IOB2 (BIO), IOBES and BILOU are read alike. The format knows tokens but not the spaces between
them: texts get one space between tokens, and Docs are marked so that spaCy keeps the given tokens.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import ClintlError, Errors
from ...util import whole_file
from ..records import ConversionCounts, Record
from ..tags import TAG, decode_tags, encode_tags
from .columns import DOCSTART, grouped, read_sentences, record_of
from .registry import formats, warn_if_partial, writers

__all__ = ["decode_tags", "encode_tags", "read_iob", "write_iob"]


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
        marks documents, and of several files that mark none the file; `repaired` counts entities
        that did not begin with a B or S tag.
    RAISES (ClintlError): A line with another number of columns, or without a tag; an empty file.
    """
    if group < 1:
        raise ClintlError(Errors.CL133.format(name="iob", option="--group", value=group))
    for path in paths:
        n = 0
        sentences = read_sentences(path, token_column, label_column, TAG)
        for n, group_of in enumerate(grouped(sentences, group), start=1):
            record = record_of(group_of, f"{path.stem}-{n}")
            if len(paths) > 1:
                record.meta.setdefault("document", path.stem)
            yield record
        if not n:
            raise ClintlError(Errors.CL134.format(path=path, n=0, reason="the file is empty"))


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
        for record in warn_if_partial(records):
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
