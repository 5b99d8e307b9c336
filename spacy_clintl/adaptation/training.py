"""One stage of training with transformers' Trainer, and its checkpoints."""

import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from ..errors import ClintlError, Errors
from ..util import quiet_transformers
from .blocks import BlockOrder
from .masked_lm import MaskingCollator, masked_lm_loss

# Written into a checkpoint after all its other files: without it the checkpoint does not count.
COMPLETE = "complete"


class MaskedTrainer(Trainer):
    """A Trainer that takes blocks in their given order and computes masked positions only.

    context (Callable): Makes the autocasting context of the forward pass.
    """

    def __init__(self, *, context: Callable, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.context = context

    def _get_train_sampler(self, *args: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        with self.context():
            loss = masked_lm_loss(model, inputs)
        if not torch.isfinite(loss):
            self._stop_as_not_a_number()
        return loss

    def save_model(self, *args: Any, **kwargs: Any) -> None:
        # A loss can still be finite while the step after it has spoilt the weights.
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            self._stop_as_not_a_number()
        super().save_model(*args, **kwargs)

    def _stop_as_not_a_number(self) -> None:
        step = self.state.global_step
        raise ClintlError(Errors.CL403.format(step=step, folder=self.args.output_dir))


class MarkCheckpoints(TrainerCallback):
    """Marks a checkpoint as complete once all of it is written."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


class ShowProgress(TrainerCallback):
    """Shows a progress bar in a terminal, else about twenty lines a run.

    what (str): Names the stage.
    pieces_a_step (int): Word pieces a step, for the speed.
    tell (Callable): Takes a line.
    """

    def __init__(self, what: str, pieces_a_step: int, tell: Callable[[str], None]) -> None:
        self.what = what
        self.pieces_a_step = pieces_a_step
        self.tell = tell
        self.bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.start, self.first = time.perf_counter(), state.global_step
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=state.max_steps, initial=self.first, desc=self.what, unit="step", leave=False
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" not in (logs or {}):
            return
        done = (state.global_step - self.first) * self.pieces_a_step
        speed = done / (time.perf_counter() - self.start)
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", pieces_per_s=f"{speed:,.0f}")
        else:
            self.tell(
                f"{self.what}, step {state.global_step}/{state.max_steps}: "
                f"loss {logs['loss']:.3f}, {speed:,.0f} word pieces/s"
            )

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()


def train_stage(
    model: Any,
    blocks: BlockOrder,
    collator: MaskingCollator,
    folder: Path,
    *,
    arguments: dict[str, Any],
    context: Callable,
    what: str,
    tell: Callable[[str], None],
    callbacks: list[TrainerCallback] | None = None,
) -> int:
    """Train for one pass over `blocks`, going on from the last complete checkpoint in `folder`.

    model (PreTrainedModel): Is trained in place. Frozen parameters stay as they are.
    blocks (BlockOrder): What the stage sees; their number is steps times batch size.
    collator (MaskingCollator): Makes batches of them.
    folder (Path): Gets the checkpoints; the last two are kept.
    arguments (dict): For TrainingArguments.
    context (Callable): Makes the autocasting context of the forward pass.
    what (str): Names the stage in its progress lines.
    tell (Callable): Takes a progress line.
    callbacks (Optional[list]): Further callbacks.
    RETURNS (int): The step it went on from; 0 if it began anew.
    RAISES (ClintlError): When loss or weights are no longer numbers.
    """
    checkpoint = last_checkpoint(folder)
    steps = arguments["max_steps"]
    if checkpoint is not None and step_of(checkpoint) >= steps:
        safetensors.torch.load_model(model, checkpoint / "model.safetensors", strict=False)
        return steps
    progress = ShowProgress(what, len(blocks) // steps * blocks.blocks.length, tell)
    with quiet_transformers():
        trainer = MaskedTrainer(
            context=context,
            model=model,
            args=_training_arguments(folder, arguments),
            train_dataset=blocks,
            data_collator=collator,
            callbacks=[MarkCheckpoints(), progress, *(callbacks or [])],
        )
        trainer.remove_callback(PrinterCallback)
        # Not where the stage before left torch's random numbers: it may have been skipped.
        set_seed(trainer.args.seed)
        try:
            with warnings.catch_warnings():
                # Rotation falls back to the step's number, which is as good.
                warnings.filterwarnings("ignore", message="mtime may not be reliable")
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            progress.close()
    return step_of(checkpoint) if checkpoint else 0


def last_checkpoint(folder: Path) -> Path | None:
    """Find the last complete checkpoint and delete those that a kill has left incomplete.

    folder (Path): A stage's folder; need not exist.
    RETURNS (Optional[Path]): The checkpoint's folder.
    """
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    for checkpoint in found:
        if not (checkpoint / COMPLETE).is_file():
            shutil.rmtree(checkpoint)
    return next((path for path in reversed(found) if path.is_dir()), None)


def step_of(checkpoint: Path) -> int:
    """RETURNS (int): The step at which a checkpoint was written."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def _training_arguments(folder: Path, arguments: dict[str, Any]) -> TrainingArguments:
    filled = TrainingArguments(
        output_dir=str(folder),
        weight_decay=0.01,
        optim="adamw_torch",
        logging_steps=max(1, arguments["max_steps"] // 20),
        save_strategy="steps",
        # The newest may be incomplete when a kill comes: the one before it must still be there.
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        **arguments,
    )
    # Several GPUs would each get a copy of the model, without the hook that picks the rows.
    filled._n_gpu = min(filled.n_gpu, 1)
    return filled
