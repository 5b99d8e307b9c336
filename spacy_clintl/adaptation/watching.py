"""What is watched while a stage trains: its log, its held-out loss, and when it had better stop."""

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from transformers import TrainerCallback

from ..util import whole_file
from .checkpoints import not_a_number
from .processes import Processes

LOG_FILE = "training_log.jsonl"
STANDING, BEST = "standing.json", "best.safetensors"


class TrainingLog:
    """One JSON line a step, of the whole run, without gaps or repetitions after a kill.

    path (Path): The file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def forget_after(self, step: int) -> None:
        """Drop what was written after the checkpoint that training goes on from.

        step (int): The checkpoint's step in the whole run; 0 empties the log.
        """
        kept = [row for row in self.rows() if step > 0 and row["step"] <= step]
        with whole_file(self.path) as path:
            path.write_text("".join(map(_line, kept)), encoding="utf-8")

    def write(self, **row: Any) -> None:
        """Append a row."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(row))

    def rows(self) -> list[dict[str, Any]]:
        """RETURNS (list[dict]): All whole rows; a kill may have cut off the last one."""
        if not self.path.is_file():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


@dataclass
class Standing:
    """Where early stopping stands; every checkpoint has its own.

    best_loss (float): The lowest held-out loss so far, in nats.
    best_step (int): When it was measured, in steps of the whole run.
    misses (int): Measurements since then.
    stopped (bool): There were as many as the patience allows.
    """

    best_loss: float = math.inf
    best_step: int = 0
    misses: int = 0
    stopped: bool = False


class Watch(TrainerCallback):
    """Writes a stage's log, measures the held-out loss, stops early, keeps the best weights.

    Every process has one, and each decides alike; the main one's writes.

    The best weights lie in the stage's folder and, as a hard link, in every checkpoint: a run that
    goes on from it has those that were the best then.

    log (TrainingLog): Gets a line a step.
    stage (str): The stage's name.
    first (int): Steps of the run before this stage.
    pieces_a_step (int): Word pieces a step.
    measure (Callable): Gives the held-out loss in nats, the same in all processes.
    processes (Processes): The processes that train together.
    evaluate_every (Optional[int]): Steps between measurements.
    patience (Optional[int]): Measurements without a new best loss before training stops.
    """

    def __init__(
        self,
        log: TrainingLog,
        *,
        stage: str,
        first: int,
        pieces_a_step: int,
        measure: Callable[[], float | None],
        processes: Processes,
        evaluate_every: int | None = None,
        patience: int | None = None,
    ) -> None:
        self.log = log
        self.stage = stage
        self.first = first
        self.pieces_a_step = pieces_a_step
        self.measure = measure
        self.processes = processes
        self.evaluate_every = evaluate_every
        self.patience = patience
        self.losses: list[float] = []
        self.standing = Standing()
        self.resumed = False

    def go_on_from(self, checkpoint: Path | None) -> None:
        """Take up what a checkpoint knows.

        checkpoint (Optional[Path]): The checkpoint, or None at the stage's beginning.
        """
        self.standing, self.resumed = Standing(), checkpoint is not None
        if checkpoint is not None and (checkpoint / STANDING).is_file():
            told = json.loads((checkpoint / STANDING).read_text(encoding="utf-8"))
            self.standing = Standing(**told)
            if self.processes.is_main and (checkpoint / BEST).is_file():
                _put(checkpoint / BEST, checkpoint.parent / BEST)

    def load_best(self, model: Any, folder: Path) -> None:
        """Give a model the best weights of the stage, where they were kept.

        model (PreTrainedModel): Is changed in place.
        folder (Path): The stage's folder.
        """
        self.processes.wait()
        if self.patience and (folder / BEST).is_file():
            safetensors.torch.load_model(model, folder / BEST, strict=False)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.processes.is_main:
            self.log.forget_after(self.first + state.global_step)
        if self.evaluate_every and not self.resumed:
            loss = self._evaluate(kwargs["model"], Path(args.output_dir), self.first)
            if not self.first and self.processes.is_main:
                self.log.write(stage=self.stage, step=0, held_out_loss=loss)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.began = time.perf_counter()
        self.losses.clear()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.rate = kwargs["optimizer"].param_groups[0]["lr"]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        seconds = time.perf_counter() - self.began
        step = self.first + state.global_step
        row = {
            "stage": self.stage,
            "step": step,
            "loss": sum(self.losses),
            "rate": self.rate,
            "pieces_per_second": round(self.pieces_a_step / seconds),
        }
        last = state.global_step >= state.max_steps
        if self.evaluate_every and (last or not step % self.evaluate_every):
            row["held_out_loss"] = self._evaluate(kwargs["model"], Path(args.output_dir), step)
            if self.patience and self.standing.misses >= self.patience:
                self.standing.stopped = True
                control.should_training_stop = control.should_save = True
        if self.processes.is_main:
            self.log.write(**row)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self.processes.is_main:
            return
        folder = Path(args.output_dir)
        checkpoint = folder / f"checkpoint-{state.global_step}"
        text = json.dumps(asdict(self.standing))
        (checkpoint / STANDING).write_text(text, encoding="utf-8")
        if self.patience and (folder / BEST).is_file():
            _put(folder / BEST, checkpoint / BEST)

    def _evaluate(self, model: Any, folder: Path, step: int) -> float | None:
        loss = self.measure()
        if loss is None:
            return None
        if not math.isfinite(loss):
            raise not_a_number(step, folder)
        standing = self.standing
        if loss < standing.best_loss:
            standing.best_loss, standing.best_step, standing.misses = loss, step, 0
            if self.patience and self.processes.is_main:
                with whole_file(folder / BEST) as path:
                    safetensors.torch.save_model(getattr(model, "module", model), str(path))
        else:
            standing.misses += 1
        return loss


def _put(source: Path, target: Path) -> None:
    """Let a file lie in a second place, by a hard link where that is possible."""
    with whole_file(target) as path:
        path.unlink()
        try:
            os.link(source, path)
        except OSError:
            shutil.copyfile(source, path)
