"""The file of runs: one JSON line each, whole or repaired."""

import json
import os
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors

# In the work folder of a run: what became of each document.
OUTCOMES = "outcomes.json.gz"


def read_runs(path: str | Path, *, repair: bool = False) -> list[dict[str, Any]]:
    """Read a file of runs.

    A last line that is incomplete, as an interruption leaves it, is passed over.

    path (str | Path): The JSON lines file; it need not exist.
    repair (bool): Cut an incomplete last line off.
    RETURNS (list[dict[str, Any]]): The runs; of several with the same id the last.
    RAISES (ClintlError): Any other line is no run.
    """
    path = Path(path)
    if not path.exists():
        return []
    data = path.read_bytes()
    runs: dict[str, dict[str, Any]] = {}
    end = 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        run = _parse(line)
        if run is None and line.strip():
            if number < len(lines) or line.endswith(b"\n"):
                raise ClintlError(Errors.CL508.format(path=path, line=number))
            break
        if run is not None:
            runs.pop(run["id"], None)
            runs[run["id"]] = run
        end += len(line)
    if repair and end < len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    elif repair and data and not data.endswith(b"\n"):
        _append(path, b"\n")
    return list(runs.values())


def outcomes_path(path: str | Path, run_id: str) -> Path:
    """Say where the outcomes of a run stand, document by document (see `Head.outcomes`).

    path (str | Path): The file of runs; a folder beside it holds the outcomes of each.
    run_id (str): The run.
    RETURNS (Path): A gzipped JSON file.
    """
    path = Path(path)
    return path.with_name(f"{path.stem}.outcomes") / f"{run_id}.json.gz"


def append_run(path: str | Path, run: dict[str, Any]) -> None:
    """Append a run as one line, on disk when this returns.

    path (str | Path): The file. Its folder is made if need be.
    run (dict[str, Any]): The run, with an 'id'.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _append(path, json.dumps(run, ensure_ascii=False).encode("utf-8") + b"\n")


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        run = json.loads(line)
    except ValueError:
        return None
    return run if isinstance(run, dict) and isinstance(run.get("id"), str) else None
