"""The file of runs: one JSON line each, whole or repaired, with several writers at a time."""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import ClintlError, Errors
from ..locks import locked

# In the work folder of a run: what became of each document.
OUTCOMES = "outcomes.json.gz"


def read_runs(path: str | Path, *, repair: bool = False) -> list[dict[str, Any]]:
    """Read a file of runs.

    A last line that is incomplete, as an interruption leaves it, or as another process is writing
    it now, is passed over.

    path (str | Path): The JSON lines file; it need not exist.
    repair (bool): Cut an incomplete last line off, unless another process is writing it.
    RETURNS (list[dict[str, Any]]): The runs; of several with the same id and variant the last.
        Variants of the same content share the ids of their runs.
    RAISES (ClintlError): Any other line is no run, or the file cannot be read.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        if repair:
            with path.open("r+b") as file, locked(file):
                _mend(file)
        data = path.read_bytes()
    except OSError as error:
        raise ClintlError(Errors.CL519.format(path=path, reason=error.strerror)) from error
    runs: dict[tuple[str, str], dict[str, Any]] = {}
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        run = _parse(line)
        if run is None and line.strip():
            if number < len(lines) or line.endswith(b"\n"):
                raise ClintlError(Errors.CL508.format(path=path, line=number))
        elif run is not None:
            name = run["id"], str(run.get("variant"))
            runs.pop(name, None)
            runs[name] = run
    return list(runs.values())


def append_run(path: str | Path, run: dict[str, Any]) -> None:
    """Append a run as one line, on disk when this returns.

    What a killed process left of its line goes away first: it would spoil this one.

    path (str | Path): The file. Its folder is made if need be.
    run (dict[str, Any]): The run, with an 'id'.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file, locked(file):
        _mend(file)
        file.write(json.dumps(run, ensure_ascii=False).encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def check_run(path: str | Path, run: Mapping[str, Any]) -> None:
    """Check that a line has what a comparison needs.

    path (str | Path): The file, for the message.
    run (Mapping[str, Any]): The run.
    RAISES (ClintlError): Something is missing, or of another kind.
    """
    corpora = run.get("corpora")
    corpora = corpora if isinstance(corpora, list) else []
    kinds = {"variant": str, "size": int | float, "seed": int, "corpora": list}
    by_corpus = {"headline": str, "scores": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(run.get(name), kind)]
    for name, kind in by_corpus.items():
        table = run.get(name)
        if not isinstance(table, dict) or not all(isinstance(table.get(c), kind) for c in corpora):
            wrong.append(name)
    curve = run.get("curve", [])
    if not isinstance(curve, list) or not all(
        isinstance(point, dict) and "epoch" in point and isinstance(point.get("scores"), dict)
        for point in curve
    ):
        wrong.append("curve")
    if wrong:
        raise ClintlError(Errors.CL513.format(path=path, id=run["id"], setting=f"'{wrong[0]}'"))


def outcomes_path(path: str | Path, run_id: str) -> Path:
    """Say where the outcomes of a run stand, document by document (see `Head.outcomes`).

    path (str | Path): The file of runs; a folder beside it holds the outcomes of each.
    run_id (str): The run.
    RETURNS (Path): A gzipped JSON file.
    """
    path = Path(path)
    return path.with_name(f"{path.stem}.outcomes") / f"{run_id}.json.gz"


def read_outcomes(path: str | Path, run_id: str) -> dict[str, Any]:
    """Read what became of each document of a run.

    path (str | Path): The file of runs.
    run_id (str): The run.
    RETURNS (dict[str, Any]): By corpus what `Head.outcomes` gave; empty if it is not kept.
    RAISES (ClintlError): The file is damaged.
    """
    file = outcomes_path(path, run_id)
    try:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            data = json.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, EOFError, ValueError) as error:
        raise ClintlError(Errors.CL518.format(path=file, reason=type(error).__name__)) from error
    if not isinstance(data, dict):
        raise ClintlError(Errors.CL518.format(path=file, reason="no table by corpora"))
    return data


def _mend(file: IO[bytes]) -> None:
    """Let an open, locked file end behind a whole line."""
    file.seek(0)
    data = file.read()
    end = data.rfind(b"\n") + 1
    if end == len(data):
        return
    if _parse(data[end:]) is None:
        file.truncate(end)
        file.seek(end)
    else:
        file.write(b"\n")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        run = json.loads(line)
    except ValueError:
        return None
    return run if isinstance(run, dict) and isinstance(run.get("id"), str) else None
