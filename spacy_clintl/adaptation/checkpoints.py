"""Checkpoints of a stage: whole or absent.

A marker is written into a checkpoint after all its other files. Without it the checkpoint does not
count and is deleted at the next start.
"""

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ..errors import ClintlError, Errors
from .processes import Processes

COMPLETE = "complete"


class MarkCheckpoints(TrainerCallback):
    """Marks a checkpoint as complete once all of it is written.

    processes (Processes): Each of them writes a part.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.processes.wait()
        if self.processes.is_main:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """Find the last complete checkpoint and delete those that a kill has left incomplete.

    folder (Path): A stage's folder; need not exist.
    RETURNS (Optional[Path]): The checkpoint's folder.
    """
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    for checkpoint in found:
        if not (checkpoint / COMPLETE).is_file():
            # Another process may delete it, too.
            shutil.rmtree(checkpoint, ignore_errors=True)
    return next((path for path in reversed(found) if path.is_dir()), None)


def has_checkpoint(work: Path) -> bool:
    """RETURNS (bool): Whether any stage of the run in this work folder has a complete one."""
    return any(work.glob(f"*/checkpoint-*/{COMPLETE}"))


def step_of(checkpoint: Path) -> int:
    """RETURNS (int): The step at which a checkpoint was written."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def not_a_number(step: int, folder: Path) -> ClintlError:
    """RETURNS (ClintlError): Says that the loss is no number, and what is left of the stage."""
    checkpoint = last_checkpoint(folder)
    if checkpoint is None:
        return ClintlError(Errors.CL452.format(step=step, folder=folder))
    return ClintlError(Errors.CL403.format(step=step, checkpoint=checkpoint))
