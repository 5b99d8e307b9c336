"""One stage of training with transformers' Trainer."""

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from ..models.kernels import training_kernels
from ..util import quiet_transformers
from .anchor import Anchor
from .blocks import BlockOrder
from .checkpoints import MarkCheckpoints, last_checkpoint, not_a_number, step_of
from .layer_rates import parameter_groups
from .masked_lm import MaskingCollator, masked_lm_loss
from .processes import Processes
from .watching import Watch


class MaskedTrainer(Trainer):
    """A Trainer that takes blocks in their given order and computes masked positions only.

    context (Callable): Makes the autocasting context of the forward pass.
    layer_decay (float): How much smaller the rate gets from each layer to the one below.
    losses (list[float]): Gets the loss of each batch, as its share in the step's mean.
    processes (Processes): All processes that train together.
    anchor (Anchor | None): Keeps the encoder near its base.
    """

    def __init__(
        self,
        *,
        context: Callable,
        layer_decay: float,
        losses: list[float],
        processes: Processes,
        anchor: Anchor | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.context = context
        self.layer_decay = layer_decay
        self.losses = losses
        self.processes = processes
        self.anchor = anchor
        # Tells the parent to count a step's masked pieces and to leave the mean over its batches to
        # `compute_loss`; else it depends on the signature of the model's `forward`.
        self.model_accepts_loss_kwargs = True

    def create_optimizer(self) -> torch.optim.Optimizer:
        if self.optimizer is None and self.layer_decay != 1.0:
            kind, values = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            groups = parameter_groups(
                self.model,
                rate=self.args.learning_rate,
                layer_decay=self.layer_decay,
                weight_decay=self.args.weight_decay,
                decayed=self.get_decay_parameter_names(self.model),
            )
            self.optimizer = kind(groups, **values)
        return super().create_optimizer()

    def _get_train_sampler(self, *args: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> Any:
        states: list[torch.Tensor] | None = [] if self.anchor else None
        with self.context():
            loss = masked_lm_loss(model, inputs, states)
            if self.anchor is not None and states:
                loss = loss + self.anchor.loss(states[0], inputs)
        if num_items_in_batch is not None:
            # The mean over all masked pieces of the step, as one large batch would have it.
            loss = loss * ((inputs["labels"] != -100).sum() / num_items_in_batch.clamp(min=1))
        # Added up first: all processes stop at the same batch.
        shared = self.processes.add(float(loss.detach()))
        if not math.isfinite(shared):
            raise not_a_number(self.state.global_step, Path(self.args.output_dir))
        self.losses.append(shared)
        # The gradients are averaged over the processes, whose losses are shares of one mean.
        return loss * self.processes.count

    def save_model(self, *args: Any, **kwargs: Any) -> None:
        # A loss can still be finite while the step after it has spoilt the weights.
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            raise not_a_number(self.state.global_step, Path(self.args.output_dir))
        super().save_model(*args, **kwargs)


class ShowProgress(TrainerCallback):
    """Shows a progress bar in a terminal, else about twenty lines a run.

    what (str): Names the stage.
    pieces_a_step (int): Word pieces a step, for the speed.
    later (int): Steps of the run after this stage, for the time that is left.
    tell (Callable): Takes a line.
    """

    def __init__(
        self, what: str, pieces_a_step: int, later: int, tell: Callable[[str], None]
    ) -> None:
        self.what = what
        self.pieces_a_step = pieces_a_step
        self.later = later
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
        done = state.global_step - self.first
        seconds = time.perf_counter() - self.start
        speed = done * self.pieces_a_step / seconds
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", pieces_per_s=f"{speed:,.0f}")
        else:
            left = timedelta(
                seconds=round((state.max_steps - state.global_step + self.later) * seconds / done)
            )
            self.tell(
                f"{self.what}, step {state.global_step}/{state.max_steps}: "
                f"loss {logs['loss']:.3f}, {speed:,.0f} word pieces/s, {left} left"
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
    processes: Processes,
    arguments: dict[str, Any],
    context: Callable,
    what: str,
    tell: Callable[[str], None],
    watch: Watch,
    later: int = 0,
    layer_decay: float = 1.0,
    gradient_checkpointing: bool = False,
    anchor: Anchor | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> tuple[int, int]:
    """Train for one pass over `blocks`, going on from the last complete checkpoint in `folder`.

    model (PreTrainedModel): Is trained in place. Frozen parameters stay as they are.
    blocks (BlockOrder): What the stage sees; their number is steps times batch size.
    collator (MaskingCollator): Makes batches of them.
    folder (Path): Gets the checkpoints; the last two are kept.
    processes (Processes): All processes that train together; each has a batch of its own.
    arguments (dict): For TrainingArguments.
    context (Callable): Makes the autocasting context of the forward pass.
    what (str): Names the stage in its progress lines.
    tell (Callable): Takes a progress line.
    watch (Watch): Writes the log, measures, and may stop the stage early.
    later (int): Steps of the run after this stage.
    layer_decay (float): How much smaller the rate gets from each layer to the one below.
    gradient_checkpointing (bool): Compute the layers' activations again in the backward pass.
    anchor (Anchor | None): Keeps the encoder near its base.
    callbacks (Optional[list]): Further callbacks.
    RETURNS (tuple): The step it went on from, 0 if it began anew, and the step it ended at.
    RAISES (ClintlError): When loss or weights are no longer numbers.
    """
    checkpoint = processes.share(last_checkpoint(folder) if processes.is_main else None)
    done = step_of(checkpoint) if checkpoint else 0
    steps = arguments["max_steps"]
    watch.go_on_from(checkpoint)
    if checkpoint is not None and (done >= steps or watch.standing.stopped):
        safetensors.torch.load_model(model, checkpoint / "model.safetensors", strict=False)
        watch.load_best(model, folder)
        return done, done
    progress = ShowProgress(what, len(blocks) // steps * blocks.blocks.length, later, tell)
    shown = [progress] if processes.is_main else []
    with quiet_transformers(), _recomputing(model, gradient_checkpointing):
        trainer = MaskedTrainer(
            context=context,
            layer_decay=layer_decay,
            losses=watch.losses,
            processes=processes,
            anchor=anchor,
            model=model,
            args=_training_arguments(folder, arguments),
            train_dataset=blocks,
            data_collator=collator,
            # The marker last: what the watch saves belongs to the checkpoint.
            callbacks=[watch, MarkCheckpoints(processes), *shown, *(callbacks or [])],
        )
        trainer.remove_callback(PrinterCallback)
        # Not where the stage before left torch's random numbers: it may have been skipped. Each
        # process drops out other activations.
        set_seed((trainer.args.seed + processes.index) % 2**32)
        try:
            with warnings.catch_warnings():
                # Rotation falls back to the step's number, which is as good.
                warnings.filterwarnings("ignore", message="mtime may not be reliable")
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            progress.close()
    watch.load_best(model, folder)
    return done, trainer.state.global_step


@contextmanager
def _recomputing(model: Any, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    # Without reentry, layers below which nothing learns get their gradients too.
    model.gradient_checkpointing_enable({"use_reentrant": False, "context_fn": _contexts})
    try:
        yield
    finally:
        model.gradient_checkpointing_disable()


def _contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
    """RETURNS (tuple): The contexts of a layer's first and second computation.

    The second happens in the backward pass, where the kernels of the first would not be active and
    dropout would draw other numbers.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return nullcontext(), training_kernels(device)


class _Arguments(TrainingArguments):
    @property
    def device(self) -> torch.device:
        # accelerate numbers processes on the CPU "cpu:1", which torch cannot load a checkpoint to.
        found = super().device
        return torch.device("cpu") if found.type == "cpu" else found


def _training_arguments(folder: Path, arguments: dict[str, Any]) -> TrainingArguments:
    filled = _Arguments(
        output_dir=str(folder),
        weight_decay=0.01,
        # One pass over the memory instead of a dozen.
        optim="adamw_torch_fused",
        logging_steps=max(1, arguments["max_steps"] // 20),
        save_strategy="steps",
        # The newest may be incomplete when a kill comes: the one before it must still be there.
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        average_tokens_across_devices=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        **arguments,
    )
    # Several GPUs would each get a copy of the model, without the hook that picks the rows.
    filled._n_gpu = min(filled.n_gpu, 1)
    return filled
