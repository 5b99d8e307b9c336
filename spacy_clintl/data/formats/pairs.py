"""`pairs`: two texts and how they relate, such as premise and hypothesis.

| source | files |
|---|---|
| MedNLI | `.jsonl` with `sentence1`, `sentence2`, `gold_label`, `pairID` |
| NLI4CT | `.json` of statements and a folder `CT json` of trial records |
| any other | CSV, TSV, JSONL or Parquet with a column a side |

Sources: Romanov and Shivade 2018, https://doi.org/10.18653/v1/D18-1187; for NLI4CT see `nli4ct`.
A pair becomes one text, as `spacy_clintl.pairs` says.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ...pairs import join_pair
from ..records import ConversionCounts, Record
from .nli4ct import is_trial, read_statements
from .registry import formats
from .rows import (
    BadRow,
    Layout,
    check_columns,
    columns_of,
    group_meta,
    kind_of,
    listed,
    named_groups,
    read_rows,
    table_files,
)
from .table import Labels, cats_of, default_id, labels_of, no_record

# First side, second side, label, name.
KNOWN = (
    ("sentence1", "sentence2", "gold_label", "pairID"),
    ("premise", "hypothesis", "label", "id"),
)
# What annotators did not agree on (SNLI, MedNLI).
NO_CONSENSUS = "-"


@formats("pairs")
def read_pairs(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    first: str | None = None,
    second: str | None = None,
    label: str | None = None,
    id_column: str | None = None,
    task: str = "nli",
    labels: list[str] | None = None,
    labels_from: Path | None = None,
    trials: Path | None = None,
    document_column: str | None = None,
    patient_column: str | None = None,
    source_column: str | None = None,
    column_delimiter: str | None = None,
    encoding: str = "utf-8",
    quoted: bool = True,
) -> Iterator[Record]:
    """Read pairs of texts, each with one label or none.

    A pair whose label is '-' (no consensus) is skipped and counted; one with an empty or missing
    label is not annotated. `meta["document"]` names the first side (by its checksum, or by the
    trial's number), for several pairs share one premise and no split must cut them apart, unless a
    column is named for it.

    paths (list[Path]): The files. A .json is a file of NLI4CT, unless it holds JSON lines; trial
        records among the files are not read as pairs.
    counts (ConversionCounts): Takes the rows that were skipped, with file, line and reason.
    first, second (str | None): The columns of the sides, by default `sentence1` and `sentence2`,
        or `premise` and `hypothesis`.
    label (str | None): The column of the label, by default `gold_label` or `label`, whichever goes
        with the sides.
    id_column (str | None): The column of the pair's name, by default `pairID` or `id`.
    task (str): The task's name.
    labels (list[str] | None): The label inventory, instead of collecting it from all files.
    labels_from (Path | None): A file of the same form, whose labels make the inventory.
    trials (Path | None): The folder of the trial records of NLI4CT, by default `CT json` beside
        the statements.
    document_column, patient_column, source_column (str | None): Columns of the groups that a
        split must not cut.
    column_delimiter (str | None): What divides the columns, by default tab in .tsv, else comma.
    encoding (str): The encoding of tables.
    quoted (bool): Whether cells may stand in double quotes; else a quote is like any character.
    YIELDS (Record): One a pair.
    RAISES (ClintlError): A column, label or trial folder that is not there, a broken file, no good
        pair.
    """
    if labels is not None and labels_from is not None:
        raise ClintlError(Errors.CL149)
    source = _Source(
        (first, second, label, id_column),
        task,
        trials,
        named_groups(document=document_column, patient=patient_column, source=source_column),
        Layout(column_delimiter or None, encoding, quoted),
    )
    chosen = table_files([path for path in paths if not is_trial(path)] or paths, counts)
    if labels is None:
        surveyed = chosen if labels_from is None else [Path(labels_from)]
        labels = sorted({name for path in surveyed for name in _labels(path, source)})
    inventory = list(dict.fromkeys(labels))
    if not inventory:
        raise ClintlError(Errors.CL148.format(path=labels_from or chosen[0]))
    good = 0
    for path in chosen:
        for where, row, columns in _rows(path, source, counts):
            try:
                record = _record(row, columns, source, inventory, path, where)
            except BadRow as error:
                counts.skip(where, str(error))
                continue
            good += 1
            yield record
    if not good:
        raise no_record(chosen[0], counts)


@dataclass(frozen=True)
class _Columns:
    first: str
    second: str
    label: str
    id: str

    def labels(self, task: str) -> Labels:
        return Labels([self.label], task)


@dataclass(frozen=True)
class _Source:
    named: tuple[str | None, str | None, str | None, str | None]
    task: str
    trials: Path | None
    groups: dict[str, str]
    layout: Layout


NLI4CT = _Columns("first", "Statement", "Label", "id")


def _rows(
    path: Path, source: _Source, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any], _Columns]]:
    if kind_of(path) == ".json":
        statements = read_statements(path, source.trials, counts)
        if statements is not None:
            for where, row in statements:
                yield where, row, NLI4CT
            return
    names = columns_of(path, source.layout)
    if not names:
        raise ClintlError(Errors.CL134.format(path=path, n=0, reason="it has no rows"))
    columns = _columns(path, names, source)
    needed = [columns.first, columns.second, *source.groups.values()]
    # A label or name is needed where the user names its column.
    needed += [name for name in source.named[2:] if name]
    # JSON lines may leave out what others have; there, a row without a side is skipped.
    for where, row in read_rows(path, counts, source.layout, needed, [columns.label, columns.id]):
        yield where, row, columns


def _columns(path: Path, names: list[str], source: _Source) -> _Columns:
    first, second, label, name = source.named
    for known in KNOWN:
        sides = first or known[0], second or known[1]
        if all(side in names for side in sides):
            return _Columns(*sides, label or known[2], name or known[3])
    if first and second:
        check_columns(path, names, (first, second))
    known_names = " or ".join(f"{known[0]} and {known[1]}" for known in KNOWN)
    raise ClintlError(Errors.CL190.format(path=path, known=known_names, columns=listed(names)))


def _labels(path: Path, source: _Source) -> Iterator[str]:
    for _, row, columns in _rows(path, source, ConversionCounts()):
        try:
            names = labels_of(row.get(columns.label), columns.labels(source.task))
        except BadRow:
            continue
        yield from (name for name in names or () if name != NO_CONSENSUS)


def _record(
    row: dict[str, Any],
    columns: _Columns,
    source: _Source,
    inventory: list[str],
    path: Path,
    where: str,
) -> Record:
    sides = row.get(columns.first), row.get(columns.second)
    for side in sides:
        if not isinstance(side, str) or not side.strip():
            raise BadRow("a side of the pair is missing or empty")
    labels = columns.labels(source.task)
    if labels_of(row.get(columns.label), labels) == [NO_CONSENSUS]:
        raise BadRow("no consensus on the label ('-')")
    first, second = map(str, sides)
    try:
        text = join_pair(first, second)
    except ValueError as error:
        raise BadRow(str(error)) from None
    document = row.get("document") if columns is NLI4CT else None
    meta = {
        "document": document or hashlib.sha256(first.encode()).hexdigest()[:16],
        **group_meta(row, source.groups),
    }
    if row.get("pairs") and columns is NLI4CT:
        meta["pairs"] = row["pairs"]
    name = row.get(columns.id)
    return Record(
        text=text,
        cats=cats_of(row, labels, inventory, where),
        meta=meta,
        where=where,
        id=default_id(path, where) if name is None else str(name).strip(),
    )
