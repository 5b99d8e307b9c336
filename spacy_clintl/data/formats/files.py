"""Reading text files line by line, plain or gzipped, with errors that name file and line."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import ClintlError, Errors


def numbered_lines(
    path: Path, *, newline: str | None = None, encoding: str | None = None
) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, from 1.

    path (Path): The file; one whose name ends in .gz is unpacked. A byte order mark is dropped.
    newline (str | None): As in `open`: "" keeps line ends as they are.
    encoding (str | None): The encoding where the user can choose one, else UTF-8.
    YIELDS (tuple[int, str]): Line number and line, with its line end.
    RAISES (ClintlError): The file is missing, is in another encoding, or is a damaged archive.
    """
    codec = "utf-8-sig" if encoding is None else _codec(encoding)
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding=codec, newline=newline) as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except UnicodeError as error:
        template = Errors.CL135 if encoding is None else Errors.CL186
        message = template.format(path=path, line=number + 1, encoding=encoding)
        raise ClintlError(message) from error
    except (EOFError, OSError, zlib.error) as error:
        reason = f"{type(error).__name__} after line {number}"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error


def _codec(encoding: str) -> str:
    try:
        "a".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise ClintlError(Errors.CL187.format(encoding=encoding)) from error
    # Drops a byte order mark, if there is one.
    return "utf-8-sig" if name == "utf-8" else name
