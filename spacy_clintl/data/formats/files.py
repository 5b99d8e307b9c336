"""Reading text files line by line, plain or gzipped, with errors that name file and line."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import ClintlError, Errors


def numbered_lines(path: Path, *, newline: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers, from 1.

    path (Path): The file; one whose name ends in .gz is unpacked. A byte order mark is dropped.
    newline (str | None): As in `open`: "" keeps line ends as they are.
    YIELDS (tuple[int, str]): Line number and line, with its line end.
    RAISES (ClintlError): The file is missing, is not UTF-8, or is a damaged archive.
    """
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline=newline) as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except UnicodeDecodeError as error:
        raise ClintlError(Errors.CL135.format(path=path, line=number + 1)) from error
    except (EOFError, OSError, zlib.error) as error:
        reason = f"{type(error).__name__} after line {number}"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error
