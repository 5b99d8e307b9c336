"""Proof that a packaged pipeline runs elsewhere: new environment, no network, no project."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors

# What the check keeps of the environment: no PYTHONPATH, no caches or tokens of other tools.
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH")
N_LINES = 15


def verify(
    packages: Sequence[str | Path],
    note: str,
    *,
    constraints: str | Path | None = None,
    wheels_from: Sequence[str | Path] = (),
    outside: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Install a pipeline into a new virtual environment and run one note through it there.

    The check runs in a temporary folder, with an audit hook that raises on any connection and on
    any read below `outside`, and without a network at all where the system lets us make a network
    namespace. The hook sees what Python opens; native code is held by the namespace only.

    packages (Sequence[str | Path]): Wheels or source folders to install; one of the wheels holds
        the pipeline.
    note (str): The text to run.
    constraints (str | Path | None): A pip constraints file.
    wheels_from (Sequence[str | Path]): Folders where pip finds further wheels.
    outside (Sequence[str | Path]): Folders that the installed pipeline must not read.
    RETURNS (dict[str, Any]): name, version, pipes, tokens, entities (label to count), offsets,
        categories (the best label and score a task), load_seconds, run_seconds, install_seconds,
        network ('namespace and audit hook' or 'audit hook'). No text of the note.
    RAISES (ClintlError): A file is missing, no wheel or more than one holds a pipeline, a step
        fails (with the last lines of its output), or the pipeline reaches for what it must not.
    """
    paths = [Path(path).resolve() for path in packages]
    for path in [*paths, *(Path(p) for p in (constraints, *wheels_from, *outside) if p)]:
        if not path.exists():
            raise ClintlError(Errors.CL100.format(path=path))
    pipelines = [found for path in paths if (found := pipeline_in_wheel(path))]
    if len(pipelines) != 1:
        raise ClintlError(Errors.CL524.format(n=len(pipelines)))
    name, version = pipelines[0]
    with tempfile.TemporaryDirectory(prefix="clintl-verify-") as folder:
        temporary = Path(folder)
        start = time.perf_counter()
        python = _new_environment(temporary)
        # In isolated mode pip sees neither PYTHONPATH nor the folder it is called from; its own
        # settings (index, proxy, certificates) come from its configuration and PIP_* variables.
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        if constraints is not None:
            command += ["-c", str(Path(constraints).resolve())]
        for wheels in wheels_from:
            command += ["--find-links", str(Path(wheels).resolve())]
        command += [str(_without_traces(path, temporary)) for path in paths]
        _step("installing", command, cwd=temporary, env=_environment(os.environ))
        seconds = time.perf_counter() - start
        result = run_check(python, name, note, outside=outside, folder=temporary)
    return {"name": name, "version": version, "install_seconds": round(seconds, 1), **result}


def pipeline_in_wheel(path: Path) -> tuple[str, str] | None:
    """Say which spaCy pipeline a wheel holds.

    path (Path): A wheel, or a source folder.
    RETURNS (tuple[str, str] | None): The pipeline's package name and version, None if there is no
        pipeline in it.
    RAISES (ClintlError): It is neither a wheel nor a source folder.
    """
    if path.is_dir() and any((path / name).exists() for name in ("pyproject.toml", "setup.py")):
        return None
    if path.is_dir() or not zipfile.is_zipfile(path):
        raise ClintlError(Errors.CL523.format(path=path))
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            package, _, rest = name.partition("/")
            if rest == "meta.json" and f"{package}/__init__.py" in wheel.namelist():
                meta = json.loads(wheel.read(name))
                return package, str(meta.get("version", ""))
    return None


def run_check(
    python: str | Path,
    name: str,
    note: str,
    *,
    outside: Sequence[str | Path],
    folder: Path,
) -> dict[str, Any]:
    """Run a note through an installed pipeline in a process without network.

    python (str | Path): The interpreter of the environment that has the pipeline.
    name (str): The pipeline's package name, or a folder.
    note (str): The text.
    outside (Sequence[str | Path]): Folders that must not be read.
    folder (Path): An empty folder to work in, the process's working and home folder.
    RETURNS (dict[str, Any]): As `verify`.
    RAISES (ClintlError): The check failed.
    """
    script = folder / "check_installed.py"
    script.write_bytes(Path(__file__).with_name("_check_installed.py").read_bytes())
    output = folder / "result.json"
    job = {
        "name": name,
        "note": note,
        "outside": [os.path.abspath(path) for path in outside],
        "allowed": [str(folder)],
        "output": str(output),
    }
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    environment |= {"HOME": str(folder), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    prefix = _without_network()
    # -I: no PYTHON* variables, no user packages, and the folder of the script is not on the path.
    command = [*prefix, str(python), "-I", str(script)]
    printed = _step(
        "starting the pipeline", command, cwd=folder, env=environment, text=json.dumps(job)
    )
    if not output.exists():
        raise ClintlError(Errors.CL525.format(step="starting the pipeline", output=_tail(printed)))
    result = json.loads(output.read_text(encoding="utf-8"))
    if result["violations"]:
        violations = "; ".join(result["violations"][:10])
        raise ClintlError(Errors.CL527.format(violations=violations))
    if "failed" in result:
        raise ClintlError(Errors.CL525.format(step=result["failed"], output=_tail(printed)))
    del result["violations"]
    result["network"] = "namespace and audit hook" if prefix else "audit hook"
    return result


def _new_environment(folder: Path) -> Path:
    target = folder / "env"
    command = [sys.executable, "-m", "venv", str(target)]
    _step("making the environment", command, cwd=folder, env=_environment(os.environ))
    return target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _environment(environment: Any) -> dict[str, str]:
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_USER")
    return {key: value for key, value in environment.items() if key not in dropped}


def _without_traces(path: Path, temporary: Path) -> Path:
    """Copy a source folder, for pip builds in place and would leave its files in the project."""
    if not path.is_dir():
        return path
    target = temporary / "sources" / path.name
    target.mkdir(parents=True)
    for item in path.iterdir():
        if item.is_file():
            shutil.copy2(item, target)
        elif (item / "__init__.py").exists() or item.name == "src":
            shutil.copytree(item, target / item.name)
    return target


def _without_network() -> list[str]:
    for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        try:
            probe = subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return []
        if probe.returncode == 0:
            return prefix
    return []


def _step(
    step: str, command: list[str], *, cwd: Path, env: dict[str, str], text: str | None = None
) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise ClintlError(Errors.CL525.format(step=step, output=_tail(done.stdout)))
    return done.stdout


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return "\n".join(lines[-N_LINES:])
