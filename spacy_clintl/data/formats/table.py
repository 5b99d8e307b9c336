"""`table`: texts with class labels in CSV, TSV, JSONL or Parquet files.

CSV is read as RFC 4180 has it, with any delimiter and line breaks within quotes; text files may be
gzipped. Every text that is annotated gets all labels of its task, 1 or 0, so the label inventory
is collected over all files first, or given: training and development data must share one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from .files import numbered_lines
from .registry import formats
from .rows import (
    BadRow,
    Layout,
    check_columns,
    group_meta,
    kind_of,
    named_groups,
    read_rows,
    table_files,
)

BINARY = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class Labels:
    """Where the labels of a table stand, and what they mean.

    columns (list[str]): The column of the labels, or one column a label.
    task (str): The task's name.
    exclusive (bool): Whether a text has exactly one label.
    delimiter (str): What divides the labels in one cell.
    RAISES (ClintlError): A name that is none, or several columns of an exclusive task.
    """

    columns: list[str]
    task: str
    exclusive: bool = True
    delimiter: str = ";"

    def __post_init__(self) -> None:
        if not self.task or "/" in self.task:
            raise ClintlError(Errors.CL146.format(task=self.task))
        if self.exclusive and len(self.columns) > 1:
            raise ClintlError(Errors.CL147)

    @property
    def binary(self) -> bool:
        """Whether there is one column a label."""
        return len(self.columns) > 1


@formats("table")
def read_table(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    text: list[str] | None = None,
    label: list[str] | None = None,
    id_column: str | None = None,
    task: str | None = None,
    exclusive: bool = True,
    labels: list[str] | None = None,
    labels_from: Path | None = None,
    label_delimiter: str = ";",
    text_delimiter: str = "\n\n",
    document_column: str | None = None,
    patient_column: str | None = None,
    source_column: str | None = None,
    meta_columns: list[str] | None = None,
    column_delimiter: str | None = None,
    encoding: str = "utf-8",
    quoted: bool = True,
) -> Iterator[Record]:
    """Read texts and their classes from tables with a header, from JSON lines or from Parquet.

    A null or missing label says 'not annotated', and so does an empty cell of an exclusive task;
    an empty list, or an empty cell of a multi-label task, says 'none of the labels'.

    paths (list[Path]): The files; a name in .jsonl or .json means JSON lines, .tsv or .tab tabs,
        .parquet Parquet. Where there is any of these, files of other kinds are passed over.
    counts (ConversionCounts): Takes the rows that were skipped, with file, line and reason.
    text (list[str] | None): The column of the text, 'text' by default. Several are joined; a cell
        that is empty is left out.
    label (list[str] | None): The column of the label or labels, 'label' by default. Several
        columns (multi-label only): one label each, with values 1 and 0, empty for not annotated.
    id_column (str | None): The column of the text's name; 'id' by default, if there is one.
    task (str | None): The task's name, by default the name of the label column.
    exclusive (bool): Whether a text has exactly one label.
    labels (list[str] | None): The label inventory, instead of collecting it.
    labels_from (Path | None): A table of the same form, whose labels make the inventory, or a .txt
        file with one label a line.
    label_delimiter (str): What divides the labels in one cell, for multi-label tables.
    text_delimiter (str): What stands between joined texts.
    document_column, patient_column, source_column (str | None): Columns of the groups that a
        split must not cut.
    meta_columns (list[str] | None): Further columns to keep in `meta["table"]`.
    column_delimiter (str | None): What divides the columns, by default tab in .tsv, else comma.
    encoding (str): The encoding of text files.
    quoted (bool): Whether cells may stand in double quotes; else a quote is like any character.
    YIELDS (Record): One a row, with `cats` None where the row is not annotated.
    RAISES (ClintlError): A column or label that is not there, a broken file, no good row.
    """
    names = label or ["label"]
    columns = _Columns(
        text=[text] if isinstance(text, str) else text or ["text"],
        labels=Labels(names, names[0] if task is None else task, exclusive, label_delimiter),
        id_column=id_column,
        groups=named_groups(document=document_column, patient=patient_column, source=source_column),
        meta=meta_columns or [],
        text_delimiter=text_delimiter.replace("\\n", "\n").replace("\\t", "\t"),
        layout=Layout(column_delimiter or None, encoding, quoted),
    )
    paths = table_files(paths, counts)
    inventory = label_inventory(paths, columns, labels, labels_from)
    good = 0
    for path in paths:
        for where, row in read_rows(path, counts, columns.layout, columns.needed, ["id"]):
            try:
                record = _record(row, columns, inventory, where)
            except BadRow as error:
                counts.skip(where, str(error))
                continue
            good += 1
            yield replace(record, id=record.id or default_id(path, where))
    if not good:
        raise no_record(paths[0], counts)


@dataclass(frozen=True)
class _Columns:
    text: list[str]
    labels: Labels
    id_column: str | None
    groups: dict[str, str]
    meta: list[str]
    text_delimiter: str
    layout: Layout

    @property
    def needed(self) -> list[str]:
        others = [self.id_column, *self.groups.values(), *self.meta]
        return [*self.text, *self.labels.columns, *(name for name in others if name)]


def default_id(path: Path, where: str) -> str:
    """Name a record that has no name by its file and line."""
    return f"{path.name.split('.')[0]}-{where.rpartition(':')[2]}"


def no_record(path: Path, counts: ConversionCounts) -> ClintlError:
    """Make the error that says that no row could be used, and why the first could not."""
    reason = f"first: {', '.join(counts.skipped[0])}" if counts.skipped else "no rows"
    return ClintlError(Errors.CL134.format(path=path, n=counts.n_skipped, reason=reason))


def label_inventory(
    paths: list[Path], columns: _Columns, labels: list[str] | None, labels_from: Path | None
) -> list[str]:
    """Collect the labels of all files, and see that the columns are there.

    paths (list[Path]): The tables.
    columns (_Columns): Their columns.
    labels (list[str] | None): The labels where the user gave them.
    labels_from (Path | None): The file to collect them from instead.
    RETURNS (list[str]): The labels, sorted unless given.
    RAISES (ClintlError): A column that is not there, no label, or both sources of labels.
    """
    if labels is not None and labels_from is not None:
        raise ClintlError(Errors.CL149)
    found = _survey(paths, columns, columns.needed)
    if labels_from is not None:
        labels_from = Path(labels_from)
        if kind_of(labels_from) == ".txt":
            lines = (line.strip() for _, line in numbered_lines(labels_from))
            labels = [line for line in lines if line]
        else:
            labels = sorted(_survey([labels_from], columns, columns.labels.columns))
    inventory = sorted(found) if labels is None else list(dict.fromkeys(labels))
    if not inventory:
        raise ClintlError(Errors.CL148.format(path=labels_from or paths[0]))
    return inventory


def _survey(paths: list[Path], columns: _Columns, needed: list[str]) -> set[str]:
    binary = columns.labels.binary
    found: set[str] = set(columns.labels.columns) if binary else set()
    for path in paths:
        seen: dict[str, None] = {}
        for _, row in read_rows(path, ConversionCounts(), columns.layout, needed):
            seen.update(dict.fromkeys(row))
            if not binary:
                try:
                    found.update(
                        labels_of(row.get(columns.labels.columns[0]), columns.labels) or []
                    )
                except BadRow:
                    continue
        if not seen:
            raise ClintlError(Errors.CL134.format(path=path, n=0, reason="it has no rows"))
        check_columns(path, seen, needed)
    return found


def _record(row: dict[str, Any], columns: _Columns, inventory: list[str], where: str) -> Record:
    meta = group_meta(row, columns.groups)
    kept = {name: _plain(row[name]) for name in columns.meta if row.get(name) is not None}
    if kept:
        meta["table"] = kept
    name = row.get(columns.id_column or "id")
    return Record(
        text=_text(row, columns),
        cats=cats_of(row, columns.labels, inventory, where),
        meta=meta,
        where=where,
        id="" if name is None else str(name).strip(),
    )


def _text(row: dict[str, Any], columns: _Columns) -> str:
    parts = [row[name] for name in columns.text if row.get(name) is not None]
    if not all(isinstance(part, str) for part in parts):
        raise BadRow("the text is no text")
    if len(columns.text) > 1:
        parts = [part for part in parts if part.strip()]
    text = columns.text_delimiter.join(parts)
    if not text.strip():
        raise BadRow("no text")
    return text


def cats_of(
    row: dict[str, Any], labels: Labels, inventory: list[str], where: str
) -> dict[str, float] | None:
    """Return a row's categories: all labels of the inventory, or None if it is not annotated.

    row (dict[str, Any]): The row's cells by column.
    labels (Labels): Where its labels stand.
    inventory (list[str]): All labels.
    where (str): File and line, for the message.
    RAISES (ClintlError): A label that is not in the inventory.
    RAISES (BadRow): A label that is none.
    """
    if labels.binary:
        values = {name: _binary(row.get(name)) for name in labels.columns}
        known = {f"{labels.task}/{n}": value for n, value in values.items() if value is not None}
        return known or None
    names = labels_of(row.get(labels.columns[0]), labels)
    if names is None:
        return None
    unknown = sorted(set(names) - set(inventory))
    if unknown:
        raise ClintlError(Errors.CL150.format(where=where, label=unknown[0]))
    return {f"{labels.task}/{name}": float(name in names) for name in inventory}


def labels_of(value: Any, labels: Labels) -> list[str] | None:
    """Return the labels in a cell, None if it is not annotated.

    RAISES (BadRow): What stands there is no label, or too many.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        raise BadRow("the label is neither a text nor a list")
    if isinstance(value, list):
        parts = [str(part) for part in value]
    elif labels.exclusive:
        parts = [str(value)]
    else:
        parts = str(value).split(labels.delimiter)
    parts = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if labels.exclusive and len(parts) > 1:
        raise BadRow(f"{len(parts)} labels in an exclusive task")
    return None if labels.exclusive and not parts else parts


def _binary(value: Any) -> float | None:
    text = "" if value is None else str(value).strip().lower()
    if text and text not in BINARY:
        raise BadRow("a label column holds something other than 1, 0 and empty")
    return BINARY.get(text)


def _plain(value: Any) -> Any:
    """Keep what JSON has; of other values (dates, numbers of fixed point) the text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
