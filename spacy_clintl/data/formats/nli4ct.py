"""Statements on clinical trials: the files of NLI4CT (SemEval-2023 task 7, 2024 task 2).

A JSON object of statements by their id,

    {"…": {"Type": "Comparison", "Section_id": "Eligibility", "Primary_id": "NCT…",
           "Secondary_id": "NCT…", "Statement": "…", "Label": "Entailment"}}

and one file a trial, NCT….json, whose sections are lists of lines. Source: Jullien et al. 2023,
https://doi.org/10.18653/v1/2023.semeval-1.307; files: https://github.com/ai-systems/nli4ct.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts
from .files import numbered_lines
from .rows import BadRow, Row, check_no_surrogates

FOLDER = "CT json"
TRIAL = re.compile(r"NCT\d{1,12}")
NAME = re.compile(r"[\w-]{1,64}")
EVIDENCE = ("Primary_evidence_index", "Secondary_evidence_index")


def is_trial(path: Path) -> bool:
    """Whether a file is a trial record by its name."""
    return path.suffix == ".json" and TRIAL.fullmatch(path.stem) is not None


def read_statements(
    path: Path, trials: Path | None, counts: ConversionCounts
) -> Iterator[Row] | None:
    """Read a file of statements. It is held in memory as a whole: JSON knows no other way.

    path (Path): The file.
    trials (Path | None): The folder of the trial records, by default `CT json` beside the file.
    counts (ConversionCounts): Takes the statements that were skipped.
    RETURNS (Iterator[Row] | None): Statements with the lines of their trials as `first`; None for
        JSON lines, which are no file of statements.
    RAISES (ClintlError): Neither the one nor the other, or no folder of trials.
    """
    if _is_json_lines(path):
        return None
    twice: list[None] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        twice.extend([None] * (len(pairs) - len(data)))
        return data

    data = _load(path, once)
    values = data.values() if isinstance(data, dict) else ()
    if not any(isinstance(value, dict) and "Statement" in value for value in values):
        raise ClintlError(Errors.CL192.format(path=path))
    folder = trials or path.parent / FOLDER
    if not folder.is_dir():
        raise ClintlError(Errors.CL191.format(path=path, folder=folder))
    if twice:
        counts.skip(str(path), f"{len(twice)} keys stand twice: the last one is taken")
    return _statements(path, data, folder, counts)


def _statements(
    path: Path, data: dict[str, Any], folder: Path, counts: ConversionCounts
) -> Iterator[Row]:
    sections = lru_cache(2048)(_sections)
    for number, (name, statement) in enumerate(data.items(), start=1):
        # The name tells where, unless it is none and might be anything.
        where = f"{path}, {name if NAME.fullmatch(name) else number}"
        try:
            if not isinstance(statement, dict):
                raise BadRow("the statement is no object")
            check_no_surrogates([name, statement])
            primary, secondary = _trials(statement)
            section = statement.get("Section_id")
            lines = [_lines(sections, folder, trial, section) for trial in (primary, secondary)]
        except BadRow as error:
            counts.skip(where, str(error))
            continue
        first = lines[0]
        if secondary:
            first = f"Primary trial:\n{lines[0]}\nSecondary trial:\n{lines[1]}"
        about = {
            "type": "Comparison" if secondary else "Single",
            "section": section,
            "primary": primary,
            **({"secondary": secondary} if secondary else {}),
            **{key.lower(): statement[key] for key in EVIDENCE if statement.get(key)},
        }
        yield (
            where,
            {**statement, "id": name, "first": first, "document": primary, "pairs": about},
        )


def _trials(statement: dict[str, Any]) -> tuple[str, str]:
    kind = statement.get("Type")
    if kind not in ("Single", "Comparison"):
        raise BadRow("the type is neither Single nor Comparison")
    names = [statement.get("Primary_id")]
    if kind == "Comparison":
        names.append(statement.get("Secondary_id"))
    for name in names:
        if not isinstance(name, str) or not TRIAL.fullmatch(name):
            raise BadRow("a trial has no number of the form NCT…")
    return str(names[0]), str(names[1]) if len(names) == 2 else ""


def _lines(sections: Any, folder: Path, trial: str, section: Any) -> str:
    if not trial:
        return ""
    found = sections(folder / f"{trial}.json")
    if found is None:
        raise BadRow(f"{folder} has no record of trial {trial}")
    lines = found.get(section) if isinstance(section, str) else None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadRow(f"the record of trial {trial} has no such section, or it is no list of lines")
    check_no_surrogates(lines)
    return "\n".join(lines)


def _sections(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    data = _load(path)
    return data if isinstance(data, dict) else {}


def _load(path: Path, hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    text = "".join(line for _, line in numbered_lines(path))
    try:
        return json.loads(text, object_pairs_hook=hook)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        reason = f"it is no valid JSON{line}"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error


def _is_json_lines(path: Path) -> bool:
    """Whether the first line is an object by itself, and not one of objects."""
    line = next((line for _, line in numbered_lines(path) if line.strip()), "")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict) or not data:
        return False
    return not any(isinstance(value, dict) for value in data.values())
