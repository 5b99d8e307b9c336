"""Rows of CSV, TSV, JSONL and Parquet files as dicts, one at a time, for the readers of tables."""

import csv
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts
from .files import numbered_lines
from .json_lines import read_objects

Row = tuple[str, dict[str, Any]]

TABS = (".tsv", ".tab")
KINDS = (".csv", *TABS, ".jsonl", ".json", ".parquet")
# Files that may hold a table, though their names do not say of which kind.
PERHAPS = (".txt", ".dat", ".data", ".psv", ".xls", ".xlsx", ".arrow", ".feather", ".ndjson")
GROUPS = ("document", "patient", "source")
# The standard limit of 128 KiB a cell is less than a long stay's notes. A larger cell than this
# is no note, but a quote that was not closed: reading on would fill the memory.
CELL = 2**28
UNCLOSED = "unexpected end of data"


# What pyarrow raises for damaged files; its own errors are some of these, too.
WRONG = (ValueError, OSError, ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError)


class BadRow(Exception):
    """What is wrong with one row, in words that do not quote it. The row is skipped."""


@dataclass(frozen=True)
class Layout:
    """How a table file is written.

    column_delimiter (str | None): What divides the columns, by default tab in .tsv, else comma.
    encoding (str): The encoding of text files.
    quoted (bool): Whether cells may stand in double quotes; else a quote is like any character.
    upper (bool): Whether column names are read as upper case.
    """

    column_delimiter: str | None = None
    encoding: str = "utf-8"
    quoted: bool = True
    upper: bool = False


def kind_of(path: Path) -> str:
    """Return a file's ending without .gz, in lower case."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def table_files(paths: list[Path], counts: ConversionCounts) -> list[Path]:
    """Choose the tables among the files of a folder. A single file is taken whatever its name is.

    paths (list[Path]): The files.
    counts (ConversionCounts): Takes those that are passed over but may hold a table.
    """
    known = [path for path in paths if kind_of(path) in KINDS]
    if not known:
        return paths
    for path in paths:
        if kind_of(path) in PERHAPS:
            counts.skip(str(path), f"not one of {', '.join(KINDS)}: the file is passed over")
    return known


def read_rows(
    path: Path,
    counts: ConversionCounts,
    layout: Layout,
    needed: Collection[str],
    optional: Collection[str] = (),
) -> Iterator[Row]:
    """Read a table row by row.

    path (Path): The file; its ending says what it is, and whether it is gzipped.
    counts (ConversionCounts): Takes the rows that were skipped, with file, line and reason.
    layout (Layout): How it is written.
    needed (Collection[str]): Columns that must be there. JSON lines may lack them.
    optional (Collection[str]): Columns that may be there.
    YIELDS (tuple[str, dict[str, Any]]): File and line (Parquet: row), and cells by column.
    RAISES (ClintlError): A missing or doubled column, or a file that cannot be read.
    """
    if kind_of(path) == ".parquet":
        yield from _parquet_rows(path, needed, optional)
    elif kind_of(path) in (".jsonl", ".json"):
        yield from read_objects(path, counts, layout.encoding)
    else:
        yield from _csv_rows(path, layout, counts, needed, optional)


def columns_of(path: Path, layout: Layout) -> list[str]:
    """List the columns of a table, of JSON lines those of the first good line.

    path (Path): The file.
    layout (Layout): How it is written.
    """
    if kind_of(path) == ".parquet":
        with _ParquetErrors(path) as parquet, parquet.ParquetFile(path) as file:
            return list(file.schema_arrow.names)
    if kind_of(path) in (".jsonl", ".json"):
        return next(
            (list(row) for _, row in read_objects(path, ConversionCounts(), layout.encoding)), []
        )
    return next((cells for _, cells in _cells(path, layout, ConversionCounts())), [])


def check_columns(path: Path, columns: Iterable[str], needed: Iterable[str]) -> None:
    """See that the needed columns are there.

    RAISES (ClintlError): One is not. The message names those there are.
    """
    columns = list(columns)
    for name in needed:
        if name not in columns:
            raise ClintlError(Errors.CL145.format(path=path, column=name, columns=listed(columns)))


def listed(columns: Iterable[str]) -> str:
    """Name columns in a message. A file without a header has text in their place: not that."""
    names = [
        name
        if len(name) <= 40 and len(name.split()) <= 3
        else f"(a name of {len(name)} characters)"
        for name in columns
    ]
    return ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")


def group_meta(row: dict[str, Any], groups: dict[str, str]) -> dict[str, Any]:
    """Return the groups that a row names: by key of the meta, the cell of the given column."""
    return {
        key: str(row[name]).strip()
        for key, name in groups.items()
        if row.get(name) is not None and str(row[name]).strip()
    }


def named_groups(**columns: str | None) -> dict[str, str]:
    """Return those groups for which a column was named."""
    return {key: name for key, name in columns.items() if name}


def check_no_surrogates(data: Any) -> None:
    """Refuse half a surrogate pair, which JSON can write and no Doc can hold.

    RAISES (BadRow): There is one.
    """
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRow("half a surrogate pair, which is no character") from None


def _csv_rows(
    path: Path,
    layout: Layout,
    counts: ConversionCounts,
    needed: Collection[str],
    optional: Collection[str],
) -> Iterator[Row]:
    header: list[str] | None = None
    for where, cells in _cells(path, layout, counts):
        if header is None:
            header = cells
            check_columns(path, header, needed)
            for name in (*needed, *optional):
                if header.count(name) > 1:
                    raise ClintlError(Errors.CL185.format(path=path, column=name))
        elif len(cells) != len(header):
            counts.skip(where, f"{len(cells)} columns, the header has {len(header)}")
        else:
            yield where, dict(zip(header, cells))


def _cells(path: Path, layout: Layout, counts: ConversionCounts) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows as lists, the header first; blank lines are no rows."""
    delimiter = layout.column_delimiter or ("\t" if kind_of(path) in TABS else ",")
    delimiter = delimiter.replace("\\t", "\t")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ClintlError(
            Errors.CL133.format(name="table", option="--column-delimiter", value=delimiter)
        )
    csv.field_size_limit(max(CELL, csv.field_size_limit()))
    # Strict: text behind a closing quote, or no closing quote, would else be mended by guessing.
    reader = csv.reader(
        (line for _, line in numbered_lines(path, newline="", encoding=layout.encoding)),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
        strict=True,
    )
    header = False
    line = 1
    while True:
        where = f"{path}:{line}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if not header or "limit" in str(error):
                reason = f"{_reason(error)}, line {line}"
                raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error
            counts.skip(where, _reason(error))
            continue
        finally:
            line = reader.line_num + 1
        if cells and not header:
            header = True
            names = (name.strip() for name in cells)
            yield where, [name.upper() if layout.upper else name for name in names]
        elif cells:
            yield where, cells


def _reason(error: csv.Error) -> str:
    if UNCLOSED in str(error) or "limit" in str(error):
        return "a quote is opened and not closed (no quoting: --option quoted=false)"
    if "expected after" in str(error):
        return "text behind a closing quote (no quoting: --option quoted=false)"
    return str(error)


def _parquet_rows(path: Path, needed: Collection[str], optional: Collection[str]) -> Iterator[Row]:
    """Read Parquet by batches (https://parquet.apache.org/docs/file-format/)."""
    with _ParquetErrors(path) as parquet, parquet.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        check_columns(path, names, needed)
        wanted = [name for name in dict.fromkeys((*needed, *optional)) if name in names]
        for name in wanted:
            if names.count(name) > 1:
                raise ClintlError(Errors.CL185.format(path=path, column=name))
        number = 0
        for batch in file.iter_batches(batch_size=256, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}:{number}", row


class _ParquetErrors:
    """Imports pyarrow.parquet, and turns its errors into one that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise ClintlError(Errors.CL188.format(path=self.path)) from error
        if not self.path.exists():
            raise ClintlError(Errors.CL100.format(path=self.path))
        return pyarrow.parquet

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, WRONG) and not isinstance(error, ClintlError):
            reason = f"pyarrow gives {type(error).__name__}"
            raise ClintlError(Errors.CL136.format(path=self.path, reason=reason)) from error
