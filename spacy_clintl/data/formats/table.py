"""`table`: texts with class labels in CSV, TSV or JSONL files, plain or gzipped.

Every text that is annotated gets all labels of its task, 1 or 0, so the label inventory is
collected over all files first, or given: training and development data must share one.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from .files import numbered_lines
from .json_lines import read_objects
from .registry import formats

BINARY = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


class _BadRow(Exception):
    """What is wrong with one row, in words that do not quote it. The row is skipped."""


@dataclass(frozen=True)
class _Columns:
    text: str
    label: list[str]
    id_column: str
    task: str
    exclusive: bool
    label_delimiter: str
    column_delimiter: str | None

    @property
    def binary(self) -> bool:
        return len(self.label) > 1


@formats("table")
def read_table(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    text: str = "text",
    label: list[str] | None = None,
    id_column: str = "id",
    task: str | None = None,
    exclusive: bool = True,
    labels: list[str] | None = None,
    labels_from: Path | None = None,
    label_delimiter: str = ";",
    column_delimiter: str | None = None,
) -> Iterator[Record]:
    """Read texts and their classes from tables with a header, or from JSON lines.

    A null or missing label says 'not annotated', and so does an empty cell of an exclusive task;
    an empty list, or an empty cell of a multi-label task, says 'none of the labels'.

    paths (list[Path]): The files; a name in .jsonl or .json means JSON lines, .tsv tabs.
    counts (ConversionCounts): Takes the rows that were skipped, with file, line and reason.
    text (str): The column of the text.
    label (list[str] | None): The column of the label or labels, 'label' by default. Several
        columns (multi-label only): one label each, with values 1 and 0, empty for not annotated.
    id_column (str): The column of the text's name; it may be missing.
    task (str | None): The task's name, by default the name of the label column.
    exclusive (bool): Whether a text has exactly one label.
    labels (list[str] | None): The label inventory, instead of collecting it.
    labels_from (Path | None): A table of the same form, whose labels make the inventory, or a .txt
        file with one label a line.
    label_delimiter (str): What divides the labels in one cell, for multi-label tables.
    column_delimiter (str | None): What divides the columns, by default tab in .tsv, else comma.
    YIELDS (Record): One a row, with `cats` None where the row is not annotated.
    RAISES (ClintlError): A column or label that is not there, a broken file, no good row.
    """
    names = label or ["label"]
    task = names[0] if task is None else task
    if not task or "/" in task:
        raise ClintlError(Errors.CL146.format(task=task))
    if exclusive and len(names) > 1:
        raise ClintlError(Errors.CL147)
    columns = _Columns(
        text, names, id_column, task, exclusive, label_delimiter, column_delimiter or None
    )
    found = _survey(paths, columns)
    if labels is not None and labels_from is not None:
        raise ClintlError(Errors.CL149)
    if labels_from is not None:
        labels = _inventory(Path(labels_from), columns)
    inventory = sorted(found) if labels is None else list(dict.fromkeys(labels))
    if not inventory:
        raise ClintlError(Errors.CL148.format(path=labels_from or paths[0]))
    good = 0
    for path in paths:
        for where, row in _rows(path, columns, counts):
            try:
                record = _record(row, columns, inventory, where)
            except _BadRow as error:
                counts.skip(where, str(error))
                continue
            good += 1
            yield replace(
                record, id=record.id or f"{path.name.split('.')[0]}-{where.split(':')[-1]}"
            )
    if not good:
        reason = f"first: {': '.join(counts.skipped[0])}" if counts.skipped else "no rows"
        raise ClintlError(Errors.CL134.format(path=paths[0], n=counts.n_skipped, reason=reason))


def _inventory(path: Path, columns: _Columns) -> list[str]:
    if path.suffix == ".txt":
        lines = (line.strip() for _, line in numbered_lines(path))
        return [line for line in lines if line]
    return sorted(_survey([path], columns))


def _survey(paths: list[Path], columns: _Columns) -> set[str]:
    """Collect the labels of all files, and see that the columns are there."""
    labels: set[str] = set(columns.label) if columns.binary else set()
    for path in paths:
        seen: dict[str, None] = {}
        for _, row in _rows(path, columns, ConversionCounts()):
            seen.update(dict.fromkeys(row))
            if not columns.binary:
                try:
                    labels.update(_labels(row.get(columns.label[0]), columns) or [])
                except _BadRow:
                    continue
        if not seen:
            raise ClintlError(Errors.CL134.format(path=path, n=0, reason="it has no rows"))
        for name in (columns.text, *columns.label):
            if name not in seen:
                raise ClintlError(
                    Errors.CL145.format(path=path, column=name, columns=", ".join(seen))
                )
    return labels


def _record(row: dict[str, Any], columns: _Columns, inventory: list[str], where: str) -> Record:
    text = row.get(columns.text)
    if not isinstance(text, str) or not text.strip():
        raise _BadRow("no text")
    cats: dict[str, float] | None
    if columns.binary:
        cats = {
            f"{columns.task}/{label}": value
            for label in columns.label
            if (value := _binary(row.get(label))) is not None
        } or None
    else:
        labels = _labels(row.get(columns.label[0]), columns)
        unknown = sorted(set(labels or []) - set(inventory))
        if unknown:
            raise ClintlError(Errors.CL150.format(where=where, label=unknown[0]))
        cats = None
        if labels is not None:
            cats = {f"{columns.task}/{name}": float(name in labels) for name in inventory}
    name = row.get(columns.id_column)
    return Record(text=text, cats=cats, where=where, id="" if name is None else str(name))


def _labels(value: Any, columns: _Columns) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, dict):
        raise _BadRow("the label is neither a text nor a list")
    if isinstance(value, list):
        parts = [str(part) for part in value]
    elif columns.exclusive:
        parts = [str(value)]
    else:
        parts = str(value).split(columns.label_delimiter)
    parts = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if columns.exclusive and len(parts) > 1:
        raise _BadRow(f"{len(parts)} labels in an exclusive task")
    return None if columns.exclusive and not parts else parts


def _binary(value: Any) -> float | None:
    text = "" if value is None else str(value).strip().lower()
    if text and text not in BINARY:
        raise _BadRow("a label column holds something other than 1, 0 and empty")
    return BINARY.get(text)


def _rows(
    path: Path, columns: _Columns, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any]]]:
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix in (".jsonl", ".json"):
        return read_objects(path, counts)
    delimiter = columns.column_delimiter or ("\t" if suffix == ".tsv" else ",")
    return _csv_rows(path, delimiter.replace("\\t", "\t"), counts)


def _csv_rows(
    path: Path, delimiter: str, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any]]]:
    # The standard limit of 128 KiB a cell is less than a long stay's notes.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    if len(delimiter) != 1:
        raise ClintlError(
            Errors.CL133.format(name="table", option="--column-delimiter", value=delimiter)
        )
    reader = csv.reader((line for _, line in numbered_lines(path, newline="")), delimiter=delimiter)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            where, line = f"{path}:{line}", reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = [name.strip() for name in cells]
            elif len(cells) != len(header):
                counts.skip(where, f"{len(cells)} columns, the header has {len(header)}")
            else:
                yield where, dict(zip(header, cells))
    except csv.Error as error:
        raise ClintlError(Errors.CL136.format(path=path, reason=f"{error}, line {line}")) from error
