"""Raw text for adaptation, from files of several kinds, one document at a time.

| file | documents |
|---|---|
| `.txt`, `.txt.gz` | one a file, or by `txt_documents` one a line, or one between blank lines |
| `.jsonl`, `.jsonl.gz` | one a line, under the key `text`; blank lines are passed over |
| `.spacy` | the texts of a DocBin, which is read as a whole |
| a folder | every such file below it, in sorted order, but not hidden ones and those of encoders |

Links in a folder are followed, to each folder once.

A record that cannot be used is counted and named by file and line, never by its text, and left
out. A file that cannot be read at all is an error.
"""

import codecs
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any, cast

from ..errors import ClintlError, Errors

KINDS = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".spacy")
# What one document is in a file of text alone.
TXT_DOCUMENTS = ("file", "line", "paragraph")
# How many bad records are named; the others are only counted.
NAMED = 20
# Any of these in a folder: it is an encoder, whose vocabulary and training log are no documents.
ENCODER_FILES = ({"adaptation.json"}, {"config.json", "tokenizer.json"})


@dataclass(frozen=True)
class RawText:
    """A document's text and where it came from.

    text (str): Holds at least one character that is not white space.
    where (str): The file, and the line or number of the record where a file has several.
    """

    text: str
    where: str


@dataclass
class ReadCounts:
    """What a reading met.

    documents (int): Texts that were given out.
    empty (int): Texts without a visible character, left out.
    bad (int): Records that could not be used, left out.
    bad_named (list[str]): File, line and reason of the first bad records.
    passed_over (int): Files of other kinds and of encoders in the folders, not hidden ones.
    """

    documents: int = 0
    empty: int = 0
    bad: int = 0
    bad_named: list[str] = field(default_factory=list)
    passed_over: int = 0

    def add_bad(self, where: str, reason: str) -> None:
        """Count a record that cannot be used."""
        self.bad += 1
        if len(self.bad_named) < NAMED:
            self.bad_named.append(f"{where}: {reason}")

    def left_out(self) -> dict[str, Any]:
        """RETURNS (dict): The counts of what was not given out."""
        return {key: value for key, value in asdict(self).items() if key != "documents"}


def read_texts(
    paths: Iterable[str | Path], *, counts: ReadCounts | None = None, txt_documents: str = "file"
) -> Iterator[RawText]:
    """Read the documents of files and folders, holding one document at a time.

    paths (Iterable[str | Path]): Files and folders, read in the order given.
    counts (Optional[ReadCounts]): Is filled while the iterator runs.
    txt_documents (str): What one document is in a .txt: the "file", a "line", or a "paragraph",
        which blank lines end.
    YIELDS (RawText): Documents that are not empty.
    RAISES (ClintlError): For a path that does not exist, a folder without text files, a file
        of another kind or one that cannot be read, and an unknown `txt_documents`.
    """
    if txt_documents not in TXT_DOCUMENTS:
        raise ClintlError(Errors.CL113.format(value=txt_documents, known=", ".join(TXT_DOCUMENTS)))
    counts = counts if counts is not None else ReadCounts()
    for path in find_text_files(paths, counts=counts):
        try:
            for where, text in _read_file(path, counts, txt_documents):
                if text.strip():
                    counts.documents += 1
                    yield RawText(text, where)
                else:
                    counts.empty += 1
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ClintlError(Errors.CL112.format(path=path, reason=reason)) from error


def find_text_files(paths: Iterable[str | Path], *, counts: ReadCounts | None = None) -> list[Path]:
    """List the files that `read_texts` would read, in its order.

    paths (Iterable[str | Path]): Files and folders.
    counts (Optional[ReadCounts]): Gets the number of files passed over.
    RETURNS (list[Path]): The files.
    RAISES (ClintlError): As in `read_texts`, except for what only reading shows.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            below, passed_over = _files_below(path)
            files = [file for file in below if _kind(file)]
            if not files:
                raise ClintlError(Errors.CL110.format(path=path, kinds=", ".join(KINDS)))
            if counts is not None:
                counts.passed_over += passed_over + len(below) - len(files)
            found.extend(files)
        elif not path.exists():
            raise ClintlError(Errors.CL100.format(path=path))
        elif not _kind(path):
            raise ClintlError(Errors.CL111.format(path=path, kinds=", ".join(KINDS)))
        else:
            found.append(path)
    return found


def _files_below(folder: Path) -> tuple[list[Path], int]:
    """RETURNS (tuple): The files that may hold text, and the number of those in encoders."""
    files: list[Path] = []
    passed_over = 0
    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=_unreadable):
        # Links may lead in circles, and several to one folder.
        found = os.stat(parent)
        if (found.st_dev, found.st_ino) in seen:
            folders.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        names = [name for name in names if not name.startswith(".")]
        if any(marks <= set(names) for marks in ENCODER_FILES):
            folders.clear()
            passed_over += len(names)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files.extend(Path(parent, name) for name in names)
    return sorted(files), passed_over


def _unreadable(error: OSError) -> None:
    reason = error.strerror or type(error).__name__
    raise ClintlError(Errors.CL112.format(path=error.filename, reason=reason)) from error


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    return next((kind for kind in KINDS if name.endswith(kind)), None)


def _read_file(path: Path, counts: ReadCounts, txt_documents: str) -> Iterator[tuple[str, str]]:
    kind = _kind(path) or ""
    if kind == ".spacy":
        yield from _read_docbin(path)
        return
    opened = gzip.open(path, "rb") if kind.endswith(".gz") else path.open("rb")  # noqa: SIM115 - closed below
    with cast(IO[bytes], opened) as file:
        if kind.startswith(".txt") and txt_documents == "file":
            yield from _read_plain(file, str(path), counts)
        elif kind.startswith(".txt"):
            lines = enumerate(file, 1)
            parts = lines if txt_documents == "line" else _paragraphs(lines)
            yield from _read_parts(parts, str(path), counts)
        else:
            yield from _read_jsonl(file, str(path), counts)


def _read_plain(file: IO[bytes], where: str, counts: ReadCounts) -> Iterator[tuple[str, str]]:
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        counts.add_bad(where, "not UTF-8")
    else:
        yield where, text


def _paragraphs(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """YIELDS (tuple): The number of the first line of each paragraph, and its bytes."""
    for blank, found in groupby(lines, key=lambda line: not line[1].strip()):
        if not blank:
            number, first = next(found)
            yield number, b"".join([first, *(line for _, line in found)])


def _read_parts(
    parts: Iterable[tuple[int, bytes]], path: str, counts: ReadCounts
) -> Iterator[tuple[str, str]]:
    for number, part in parts:
        where = f"{path}, line {number}"
        # A byte order mark alone is a blank line, too.
        if not part.removeprefix(codecs.BOM_UTF8).strip():
            continue
        try:
            text = part.decode("utf-8-sig")
        except UnicodeDecodeError:
            counts.add_bad(where, "not UTF-8")
        else:
            yield where, text.rstrip("\r\n")


def _read_jsonl(file: IO[bytes], path: str, counts: ReadCounts) -> Iterator[tuple[str, str]]:
    # Bytes are split at line feeds only; text mode would also split inside a string at U+2028.
    for number, line in enumerate(file, 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8-sig"))
            text = record["text"]
            text.encode("utf-8")
        except UnicodeError:
            counts.add_bad(where, "not UTF-8")
        except (ValueError, RecursionError):
            counts.add_bad(where, "not valid JSON")
        except (KeyError, TypeError, IndexError):
            counts.add_bad(where, "no key 'text'")
        except AttributeError:
            counts.add_bad(where, "'text' is not a string")
        else:
            yield where, text


def _read_docbin(path: Path) -> Iterator[tuple[str, str]]:
    # Not at the top: text files need no spaCy.
    from spacy.vocab import Vocab

    from .docbin import iter_docbin

    for number, doc in enumerate(iter_docbin(path, Vocab(), forget=True), 1):
        yield f"{path}, document {number}", doc.text
