"""`mimic`: clinical notes of MIMIC-III with the ICD-9 diagnoses of the stay.

Of the tables of MIMIC-III v1.4 two are read, as they are distributed (CSV, plain or gzipped):
NOTEEVENTS (ROW_ID, SUBJECT_ID, HADM_ID, CHARTDATE, …, CATEGORY, DESCRIPTION, CGID, ISERROR, TEXT;
https://mimic.mit.edu/docs/iii/tables/noteevents/) and DIAGNOSES_ICD (ROW_ID, SUBJECT_ID, HADM_ID,
SEQ_NUM, ICD9_CODE; https://mimic.mit.edu/docs/iii/tables/diagnoses_icd/). Source: Johnson et al.
2016, https://doi.org/10.1038/sdata.2016.35; access only after credentialing.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from .icd9 import CHAPTERS, LEVELS, roll_up
from .registry import formats
from .rows import BadRow, Layout, listed, read_rows

NOTES, DIAGNOSES = "NOTEEVENTS", "DIAGNOSES_ICD"
NEEDED = ("HADM_ID", "CATEGORY", "TEXT")
OPTIONAL = ("ROW_ID", "SUBJECT_ID", "CHARTDATE", "DESCRIPTION", "ISERROR")
# As in the usual benchmark of the fifty most frequent codes (Mullenbach et al. 2018,
# https://doi.org/10.18653/v1/N18-1100).
TOP = 50


@formats("mimic")
def read_mimic(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    category: list[str] | None = None,
    description: list[str] | None = None,
    level: str = "chapter",
    top: int | None = None,
    labels: list[str] | None = None,
    task: str = "icd9",
    coded_only: bool = False,
    diagnoses: Path | None = None,
    encoding: str = "utf-8",
) -> Iterator[Record]:
    """Read notes, one record a note, with the diagnoses of its admission as multi-label classes.

    A note is not annotated where there is no DIAGNOSES_ICD, where it belongs to no admission, or
    where its admission has no code. One whose admission has codes, but none of the inventory, is
    annotated with none. `meta` names the admission (`document`) and the patient (`patient`).

    paths (list[Path]): The files; of a folder with all tables only these two are read.
    counts (ConversionCounts): Takes notes that are marked as errors or empty, codes that are
        none, and broken rows, with file and line. Notes of other categories are not counted.
    category (list[str] | None): The notes to take by CATEGORY, 'Discharge summary' by default;
        'all' takes all.
    description (list[str] | None): The notes to take by DESCRIPTION, e.g. 'Report' without the
        addenda; all by default.
    level (str): What codes are rolled up to: 'chapter' (19, see `icd9.CHAPTERS`), 'category' (the
        three digits; E and three) or 'code'.
    top (int | None): Keep this many of the most frequent categories or codes, counted by admissions
        in DIAGNOSES_ICD; 50 by default, 0 keeps all.
    labels (list[str] | None): The label inventory instead, to share it between files.
    task (str): The task's name.
    coded_only (bool): Whether notes that are not annotated are skipped (and counted).
    diagnoses (Path | None): DIAGNOSES_ICD, where it does not lie beside the notes.
    encoding (str): The encoding of both.
    YIELDS (Record): Notes in the order of the file.
    RAISES (ClintlError): No notes file, a missing column, an option that does not fit, no good
        note.
    """
    if level not in LEVELS:
        raise ClintlError(Errors.CL133.format(name="mimic", option="--level", value=level))
    if top is not None and top < 0:
        raise ClintlError(Errors.CL133.format(name="mimic", option="--top", value=top))
    if not task or "/" in task:
        raise ClintlError(Errors.CL146.format(task=task))
    if diagnoses is not None and not _is_csv(Path(diagnoses)):
        raise ClintlError(Errors.CL133.format(name="mimic", option="--diagnoses", value=diagnoses))
    layout = Layout(encoding=encoding, upper=True)
    notes = _tables(paths, NOTES, counts)
    if not notes:
        # A single table of another name is taken for the notes.
        other_table = len(paths) > 1 or not _is_csv(paths[0])
        if other_table or _tables(paths, DIAGNOSES, ConversionCounts()):
            raise ClintlError(Errors.CL189.format(path=paths[0].parent))
        notes = paths
    coded = [Path(diagnoses)] if diagnoses else _tables(paths, DIAGNOSES, counts)
    by_stay = _labels_by_stay(coded, level, layout, counts)
    inventory = _inventory(by_stay, level, top) if labels is None else list(dict.fromkeys(labels))
    wanted = _folded(category or ["Discharge summary"])
    described = _folded(description or [])
    other: Counter[str] = Counter()
    good = 0
    for path in notes:
        for where, row in read_rows(path, counts, layout, NEEDED, OPTIONAL):
            kind = row["CATEGORY"].strip()
            if kind.casefold() not in wanted and "all" not in wanted:
                # A broken file must not fill the memory with categories that are none.
                if kind in other or len(other) < 20:
                    other[kind] += 1
                continue
            if described and row.get("DESCRIPTION", "").strip().casefold() not in described:
                continue
            try:
                record = _record(row, by_stay, inventory, task, where)
                if coded_only and record.cats is None:
                    raise BadRow("no diagnoses for this note's admission")
            except BadRow as error:
                counts.skip(where, str(error))
                continue
            good += 1
            yield record
    if not good:
        reason = f"first: {', '.join(counts.skipped[0])}" if counts.skipped else "no such note"
        reason += f"; other categories: {listed(sorted(other))}" if other else ""
        raise ClintlError(Errors.CL134.format(path=notes[0], n=counts.n_skipped, reason=reason))


def _tables(paths: list[Path], table: str, counts: ConversionCounts) -> list[Path]:
    """Find a table's file, or its parts; of a file that is there plain and gzipped, the plain."""
    named = [path for path in paths if path.name.upper().startswith(table) and _is_csv(path)]
    plain = {path for path in named if path.suffix.lower() != ".gz"}
    found = []
    for path in named:
        if path not in plain and path.with_suffix("") in plain:
            counts.skip(str(path), "it also lies there unpacked: that file is read")
        else:
            found.append(path)
    return found


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _labels_by_stay(
    paths: list[Path], level: str, layout: Layout, counts: ConversionCounts
) -> dict[str, tuple[str, ...]]:
    stays: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for where, row in read_rows(path, counts, layout, ("HADM_ID", "ICD9_CODE")):
            stay = _key(row["HADM_ID"])
            label = roll_up(row["ICD9_CODE"], level)
            if not stay or label is None:
                counts.skip(where, "no ICD-9 code, or no admission")
                continue
            # One string for all admissions that have the label.
            label = sys.intern(label)
            if label not in stays.get(stay, ()):
                stays[stay] = (*stays.get(stay, ()), label)
    return stays


def _inventory(by_stay: dict[str, tuple[str, ...]], level: str, top: int | None) -> list[str]:
    if level == "chapter" and not top:
        return list(CHAPTERS)
    found = Counter(label for labels in by_stay.values() for label in labels)
    ranked = sorted(found, key=lambda label: (-found[label], label))
    kept = TOP if top is None else top
    return sorted(ranked[:kept] if kept else ranked)


def _record(
    row: dict[str, Any],
    by_stay: dict[str, tuple[str, ...]],
    inventory: list[str],
    task: str,
    where: str,
) -> Record:
    if row.get("ISERROR", "").strip() in ("1", "1.0"):
        raise BadRow("marked as an error (ISERROR is 1)")
    text = row["TEXT"]
    if not text.strip():
        raise BadRow("no text")
    stay, patient = _key(row["HADM_ID"]), _key(row.get("SUBJECT_ID", ""))
    about = {
        key: row[column].strip()
        for key, column in (
            ("category", "CATEGORY"),
            ("description", "DESCRIPTION"),
            ("date", "CHARTDATE"),
        )
        if row.get(column, "").strip()
    }
    groups = {key: name for key, name in (("document", stay), ("patient", patient)) if name}
    cats = None
    if stay in by_stay:
        cats = {f"{task}/{label}": float(label in by_stay[stay]) for label in inventory}
    return Record(
        text=text,
        cats=cats,
        meta={**groups, "mimic": about},
        where=where,
        id=_key(row.get("ROW_ID", "")) or where.rpartition(":")[2],
    )


def _key(value: str) -> str:
    """A number as text; tables that went through floating point have a fraction of zero."""
    return value.strip().removesuffix(".0")


def _folded(names: list[str]) -> set[str]:
    return {name.strip().casefold() for name in names}
