"""The stages of a run: the head alone, then everything."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..models.freezing import apply_freezing, check_layers
from ..models.precision import autocast_dtype
from .anchor import Anchor
from .blocks import BlockOrder, Blocks
from .masked_lm import MaskingCollator, autocasting, held_out_loss
from .processes import Processes
from .settings import HEAD_RATE, AdaptSettings, Plan
from .training import train_stage
from .watching import LOG_FILE, TrainingLog, Watch
from .whole_words import WholeWordCollator

SCHEDULES = {"linear": "linear", "cosine": "cosine", "none": "constant_with_warmup"}


@dataclass
class Run:
    """What the parts of a run share."""

    model: Any
    tokenizer: Any
    train: Blocks
    held: Blocks
    settings: AdaptSettings
    plan: Plan
    work: Path
    tell: Callable[[str], None]
    callbacks: list[Any]
    processes: Processes

    def __post_init__(self) -> None:
        settings = self.settings
        values = {"mlm_probability": settings.mlm_probability, "seed": settings.seed}
        # Perplexities are always those of single pieces, so that runs can be compared.
        self.measuring = MaskingCollator(self.tokenizer, **values)
        whole = settings.masking == "whole-word"
        self.collator = WholeWordCollator(self.tokenizer, **values) if whole else self.measuring
        self.log = TrainingLog(self.work / LOG_FILE)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.context = autocasting(
            self.device, autocast_dtype(settings.precision, self.device.type)
        )

    @property
    def blocks_a_step(self) -> int:
        """RETURNS (int): The blocks of all batches and processes whose gradients make a step."""
        return self.settings.batch_size * self.settings.accumulate * self.processes.count

    def measure(self) -> float | None:
        """RETURNS (Optional[float]): The held-out loss, or None if nothing is held out."""
        self.model.to(self.device)
        loss = None
        if self.processes.is_main:
            loss = held_out_loss(
                self.model,
                self.held,
                self.measuring,
                batch_size=self.settings.batch_size,
                context=self.context,
            )
        return self.processes.share(loss)


def train(run: Run) -> dict[str, Any]:
    """Train the head alone, then everything.

    run (Run): Its model is trained in place.
    RETURNS (dict): How much and how quickly.
    RAISES (ClintlError): When the loss is no longer a number.
    """
    began = time.perf_counter()
    plan, encoder, resumed = run.plan, run.model.base_model, 0
    # Before anything has learned; a run that goes on loads what it learned in its stage.
    anchor = Anchor(run.model, run.settings.distill) if run.settings.distill else None
    if plan.head_steps:
        encoder.requires_grad_(False)
        resumed, _, _ = _stage(run, "head", 0, plan.head_steps)
    apply_freezing(encoder, run.settings.freeze)
    if run.settings.layer_decay != 1.0:
        check_layers(encoder)
    rest = plan.steps - plan.head_steps
    later, steps, watch = _stage(run, "encoder", plan.head_steps, rest, anchor)
    encoder.requires_grad_(True)
    resumed = plan.head_steps + later if later else resumed
    steps += plan.head_steps
    per_step = run.blocks_a_step * run.train.length
    best = watch.standing.best_step if run.settings.patience else None
    if watch.standing.stopped:
        run.tell(
            f"Stopped early after step {steps} of {plan.steps}: the held-out loss was lowest at "
            f"step {best}, whose weights are kept."
        )
    return {
        "steps": steps,
        "best_step": best,
        "resumed_from_step": resumed,
        "processes": run.processes.count,
        "pieces_trained": steps * per_step,
        "pieces_per_second": round((steps - resumed) * per_step / (time.perf_counter() - began)),
    }


def _stage(
    run: Run, name: str, first: int, steps: int, anchor: Anchor | None = None
) -> tuple[int, int, Watch]:
    settings, plan, head = run.settings, run.plan, name == "head"
    blocks = BlockOrder(
        run.train,
        first=first * run.blocks_a_step,
        count=steps * run.blocks_a_step,
        seed=settings.seed,
    )
    arguments = {
        "max_steps": steps,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulate,
        "learning_rate": HEAD_RATE if head else plan.learn_rate,
        "lr_scheduler_type": SCHEDULES["none" if head else settings.decay],
        # Not a share: transformers rounds it up, and the only step of a small text has rate 0.
        "warmup_steps": int(settings.warm_up * steps),
        "save_steps": settings.save_every,
        "seed": settings.seed,
    }
    watch = Watch(
        run.log,
        stage=name,
        first=first,
        pieces_a_step=run.blocks_a_step * run.train.length,
        measure=run.measure,
        processes=run.processes,
        evaluate_every=plan.evaluate_every,
        patience=None if head else settings.patience,
    )
    resumed, last = train_stage(
        run.model,
        blocks,
        run.collator,
        run.work / name,
        processes=run.processes,
        arguments=arguments,
        context=run.context,
        what=name,
        tell=run.tell,
        watch=watch,
        later=plan.steps - first - steps,
        # The frozen layers of the head's stage have no rates and keep no activations.
        layer_decay=1.0 if head else settings.layer_decay,
        gradient_checkpointing=settings.gradient_checkpointing and not head,
        anchor=anchor,
        callbacks=run.callbacks,
    )
    return resumed, last, watch
