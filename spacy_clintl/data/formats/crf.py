"""`crf`: the columns of CRF++ (https://taku910.github.io/crfpp/), one token a line.

Blank lines end sentences, tabs or spaces divide columns, and the label is the last column unless
told otherwise: a file that CRF++ has tagged holds the gold label in the last but one
(`--label-column -2`) and the prediction behind it. Labels are often plain names without B- and I-
(the NICTA nursing handovers: Suominen et al. 2015, JMIR Med Inform 3(2):e19). Then a run of one
label within a sentence is one entity, and two neighbours of one label cannot be told apart. The
spaces between the tokens are not known: texts get one between tokens.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from ..tags import TAG, decode_runs, decode_tags
from .columns import grouped, read_sentences, record_of
from .registry import formats

OUTSIDE = ("O", "NA")
LABEL = re.compile(r"\S.*")


@formats("crf")
def read_crf(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    label_column: int = -1,
    token_column: int = 0,
    outside: list[str] | None = None,
    scheme: str = "auto",
    group: int = 1,
    file_is_document: bool = True,
) -> Iterator[Record]:
    """Read token and label columns; one record a sentence, or a group of sentences.

    paths (list[Path]): The files. In a folder, Markdown files are passed over.
    counts (ConversionCounts): Takes the files that are passed over or hold no line.
    label_column (int): The column of the label, from 0; negative counts from the last.
    token_column (int): The column of the token.
    outside (list[str] | None): The labels of tokens outside all entities, by default O and NA.
    scheme (str): 'runs': a run of one label is an entity. 'tags': labels are IOB1, IOB2, IOBES or
        BILOU tags, mended as in the format 'iob'. 'auto': 'tags' if all labels of all files are
        tags, 'runs' if none is; the files are read twice.
    group (int): How many sentences make one text; a number beyond the longest document makes
        every document one text. A group ends at the end of a document and of a file.
    file_is_document (bool): Whether each file is a document, named after the file, unless it
        marks documents itself with `-DOCSTART-`.
    YIELDS (Record): Tokens and entities, `meta["document"]` as said.
    RAISES (ClintlError): A line with another number of columns, or without a label; labels that
        are tags and labels that are not; an empty file.
    """
    for option, value, good in (
        ("--group", group, group > 0),
        ("--option scheme", scheme, scheme in ("auto", "runs", "tags")),
    ):
        if not good:
            raise ClintlError(Errors.CL133.format(name="crf", option=option, value=value))
    files = _files(paths, counts)
    none = frozenset(OUTSIDE if outside is None else outside)
    if scheme == "auto":
        scheme = _scheme(files, token_column, label_column, none)
    decode = decode_runs if scheme == "runs" else decode_tags
    # With 'tags' a label that is none is an error with file and line, as in 'iob'.
    label = LABEL if scheme == "runs" else _either(TAG, none)
    for path in files:
        n = 0
        sentences = read_sentences(path, token_column, label_column, label)
        for n, sentence_group in enumerate(grouped(sentences, group), start=1):
            for sentence in sentence_group:
                sentence.tags = ["O" if tag in none else tag for tag in sentence.tags]
                if file_is_document:
                    sentence.document = sentence.document or path.stem
            yield record_of(sentence_group, f"{path.stem}-{n}", decode)
        if not n:
            raise ClintlError(Errors.CL134.format(path=path, n=0, reason="the file is empty"))


def _files(paths: list[Path], counts: ConversionCounts) -> list[Path]:
    if len(paths) == 1:
        return paths
    for path in paths:
        if path.suffix == ".md":
            counts.skip(str(path), "passed over: a Markdown file")
    return [path for path in paths if path.suffix != ".md"]


def _scheme(
    files: list[Path], token_column: int, label_column: int, outside: frozenset[str]
) -> str:
    """Look whether all labels are tags, or none."""
    first: dict[str, str] = {}
    for path in files:
        for sentence in read_sentences(path, token_column, label_column, LABEL):
            for tag in set(sentence.tags) - outside:
                kind = "tags" if TAG.fullmatch(tag) else "runs"
                if kind not in first:
                    first[kind] = sentence.where
    if len(first) > 1:
        raise ClintlError(Errors.CL182.format(tags=first["tags"], runs=first["runs"]))
    return next(iter(first), "runs")


def _either(tag: re.Pattern[str], labels: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join([tag.pattern, *map(re.escape, sorted(labels))]))
