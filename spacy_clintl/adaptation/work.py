"""The work folder of a run, and whether an interrupted run can go on in it."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..data.raw import find_text_files
from ..errors import ClintlError, Errors
from ..locks import claimed
from ..util import sha256_of, whole_file
from .base import REPORT
from .checkpoints import has_checkpoint
from .settings import AdaptSettings

# The fingerprint, and the name that it has once the outcome is in its place.
FINGERPRINT, DONE = "fingerprint.json", "done.json"
# Settings that change nothing in the weights or in the log.
UNBOUND = ("save_every", "licence", "language")
# What the others in a fingerprint are called.
NO_OPTIONS = {"base": "BASE", "text": "TEXT", "processes": "the number of processes"}


def work_folder_of(out: Path) -> Path:
    """RETURNS (Path): The folder beside `out` in which a run does its work."""
    out = Path(out).absolute()
    return out.parent / f".{out.name}.adapting"


def claim_work_folder(out: Path, claims: ExitStack) -> None:
    """Keep other processes off a run's work folder; the claim goes with the process.

    out (Path): The run's final folder.
    claims (ExitStack): Gives the claim back when it is closed.
    RAISES (ClintlError): Another process has it, or nothing can be written beside `out`.
    """
    work = work_folder_of(out)
    try:
        # Beside the work folder, which is taken away by a run that starts anew.
        claim = claimed(work.with_name(f"{work.name}.lock"), keep_folder=True)
        mine = claims.enter_context(claim)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise ClintlError(Errors.CL219.format(path=out, reason=error)) from error
    if not mine:
        raise ClintlError(Errors.CL470.format(path=out))


def open_work_folder(
    out: Path,
    base: Path,
    files: Sequence[Path],
    settings: AdaptSettings,
    *,
    processes: int = 1,
    resume: bool,
    tell: Callable[[str], None],
) -> Path:
    """Give the work folder of a run: that of the same run, interrupted, or an empty one.

    out (Path): The run's final folder.
    base (Path): The encoder folder to adapt.
    files (Sequence[Path]): The text files.
    settings (AdaptSettings): The run's settings; all but `UNBOUND` must be equal to go on.
    processes (int): How many train together; must be equal to go on, too.
    resume (bool): Go on if it is possible.
    tell (Callable): Is told when a run goes on, or why it does not.
    RETURNS (Path): The folder.
    RAISES (ClintlError): An interrupted run has a checkpoint there, but was started otherwise; or
        a file cannot be read.
    """
    work = work_folder_of(out)
    fingerprint = {**_fingerprint(base, files, settings), "processes": processes}
    if work.exists():
        if resume and _can_go_on(work, out, fingerprint, tell):
            return work
        shutil.rmtree(work)
    work.mkdir(parents=True)
    with whole_file(work / FINGERPRINT) as path:
        path.write_text(json.dumps(fingerprint), encoding="utf-8")
    return work


def is_over(work: Path) -> bool:
    """RETURNS (bool): Whether the run in this folder has written its outcome."""
    return (work / DONE).is_file()


def close_work_folder(work: Path) -> None:
    """Delete the folder of a run whose outcome is in its place; a kill on the way does no harm.

    work (Path): The folder.
    """
    if not is_over(work):
        os.replace(work / FINGERPRINT, work / DONE)
    # This file last: without it the run would begin again from what is left.
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != DONE:
            path.unlink()
    shutil.rmtree(work)


def _can_go_on(
    work: Path, out: Path, fingerprint: dict[str, Any], tell: Callable[[str], None]
) -> bool:
    if is_over(work):
        return (out / REPORT).is_file() and _read(work / DONE) == fingerprint
    before = _read(work / FINGERPRINT)
    changed = _changed(before, fingerprint) if before else ["the work folder, which is incomplete"]
    if not changed:
        tell(f"Going on with the interrupted run in {work}.")
        return True
    told = ", ".join(changed)
    # A mistyped option must not cost hours of training.
    if before and has_checkpoint(work):
        raise ClintlError(Errors.CL473.format(folder=work, changed=told))
    tell(f"Starting anew: since the interrupted run, this changed: {told}.")
    return False


def _fingerprint(base: Path, files: Sequence[Path], settings: AdaptSettings) -> dict[str, Any]:
    values = settings.to_dict()
    for name in UNBOUND:
        del values[name]
    encoder = sorted(p for p in Path(base).iterdir() if p.suffix in (".safetensors", ".json"))
    # base.json and adaptation.json only tell where the encoder comes from.
    encoder = [p for p in encoder if p.name not in ("base.json", "adaptation.json")]
    evaluation = find_text_files(settings.leave_out)
    values["leave_out"] = [*values["leave_out"], _digest(evaluation)]
    return {**values, "base": _digest(encoder), "text": _digest(files)}


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            own = sha256_of(file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ClintlError(Errors.CL112.format(path=file, reason=reason)) from error
        digest.update(f"{own} {''.join(file.suffixes[-2:])}\n".encode())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _changed(before: dict[str, Any], fingerprint: dict[str, Any]) -> list[str]:
    """RETURNS (list[str]): What differs, as the command line names it, with what it was before."""
    return [
        NO_OPTIONS.get(key) or f"--{key.replace('_', '-')} ({_told(before.get(key))} before)"
        for key, value in fingerprint.items()
        if before.get(key) != value
    ]


def _told(value: Any) -> str:
    if isinstance(value, list):
        # The last one is a digest of what the files hold.
        return ", ".join(value[:-1]) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if value is None else str(value)
