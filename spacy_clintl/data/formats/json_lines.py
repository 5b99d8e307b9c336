"""Reading JSON lines into objects that a Doc and a .spacy file can hold."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from .files import numbered_lines

# Deeper data cannot be written to a .spacy file, nor walked through without care.
DEPTH = 100
TOO_DEEP = f"the JSON is nested more than {DEPTH} levels deep"
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LONG_NUMBER = re.compile(r"\d{19}")


def load_object(line: str) -> dict[str, Any]:
    """Parse a JSON object that can be stored.

    line (str): The JSON text.
    RETURNS (dict[str, Any]): The object.
    RAISES (ValueError): What is wrong with the line, in words that do not quote it.
    """
    try:
        # A hook for whole numbers is slow: only where one could be too large for 64 bits.
        data = json.loads(line, parse_int=_int if LONG_NUMBER.search(line) else None)
    except json.JSONDecodeError as error:
        raise ValueError(f"invalid JSON ({error.msg}, column {error.colno})") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    if line.count("[") + line.count("{") > DEPTH and _too_deep(data):
        raise ValueError(TOO_DEEP)
    if SURROGATE.search(line):
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair, which is no character") from None
    return data


def read_objects(
    path: Path, counts: ConversionCounts, encoding: str | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a JSONL file, plain or gzipped.

    path (Path): The file.
    counts (ConversionCounts): Takes the lines that are no JSON object.
    encoding (str | None): As in `numbered_lines`.
    YIELDS (tuple[str, dict[str, Any]]): File and line, and the object.
    RAISES (ClintlError): The file cannot be read.
    """
    for number, line in numbered_lines(path, encoding=encoding):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            yield where, load_object(line)
        except ValueError as error:
            counts.skip(where, str(error))


def read_records_of(
    path: Path, counts: ConversionCounts, record_of: Callable[[dict[str, Any], str], Record]
) -> Iterator[Record]:
    """Read a JSONL file whose lines each make a record.

    path (Path): The file.
    counts (ConversionCounts): Takes the lines that make none.
    record_of (Callable): Makes a record of an object and its place; its ValueErrors say what is
        wrong with a line, its ClintlErrors what is wrong with the file.
    YIELDS (Record): Named after file and line unless it has a name.
    RAISES (ClintlError): The file cannot be read, or no line makes a record.
    """
    good = 0
    n_skipped = counts.n_skipped
    for where, data in read_objects(path, counts):
        try:
            record = record_of(data, where)
        except ValueError as error:
            if isinstance(error, ClintlError):
                raise
            counts.skip(where, str(error))
            continue
        good += 1
        name = f"{path.name.split('.')[0]}-{where.rpartition(':')[2]}"
        yield replace(record, id=record.id or name)
    if not good:
        skipped = counts.n_skipped - n_skipped
        reason = f"last: {', '.join(counts.skipped[-1])}" if skipped else "the file is empty"
        raise ClintlError(Errors.CL134.format(path=path, n=skipped, reason=reason))


def json_files(paths: list[Path], counts: ConversionCounts) -> list[Path]:
    """Choose the JSON files of a folder; a file that the user named alone is taken as it is.

    paths (list[Path]): All files.
    counts (ConversionCounts): Takes those that are passed over.
    RETURNS (list[Path]): Those whose names end in .jsonl, .json or .ndjson, or in these with .gz.
    """
    if len(paths) == 1:
        return paths
    chosen = []
    for path in paths:
        if Path(path.name.removesuffix(".gz")).suffix in (".jsonl", ".json", ".ndjson"):
            chosen.append(path)
        else:
            counts.skip(str(path), "passed over: no name of a JSON lines file")
    return chosen


def _int(digits: str) -> int:
    # The length first: int() itself refuses thousands of digits.
    number = int(digits) if len(digits) <= 20 else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError("a whole number of more than 64 bits")
    return number


def _too_deep(data: Any) -> bool:
    level = [data]
    for _ in range(DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)
