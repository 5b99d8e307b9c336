"""Continued masked-language modelling: from an encoder folder and raw text to an adapted one.

Devlin et al. 2019 ("BERT", section 3.1) for the task; Gururangan et al. 2020 ("Don't stop
pretraining", section 3) for going on with it on a domain's text. A base without a head gets a
fresh one, which is warmed up first while the encoder is frozen; afterwards the encoder's weights
are averaged with the base's.
"""

import errno
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, set_seed

from ..data.raw import find_text_files
from ..errors import ClintlError, Errors
from ..models.encoder import check_encoder_folder, max_pieces
from ..models.precision import autocast_dtype
from ..util import move_whole_folder, quiet_transformers
from .base import check_target, give_usual_rights, read_provenance
from .blocks import BlockOrder, Blocks, PieceCounts, read_pieces, special_frame, write_pieces
from .corpus import Corpus, choose_documents
from .growth import growth_of
from .masked_lm import (
    MaskingCollator,
    autocasting,
    average_with_base,
    held_out_loss,
    load_masked_lm,
    start_at_frequencies,
)
from .new_rows import add_rows
from .settings import HEAD_RATE, AdaptSettings, Plan, make_plan
from .training import train_stage
from .vocabulary import Growth, grow_vocabulary
from .work import open_work_folder, work_folder_of


@dataclass
class _Run:
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

    def __post_init__(self) -> None:
        settings = self.settings
        self.collator = MaskingCollator(
            self.tokenizer, mlm_probability=settings.mlm_probability, seed=settings.seed
        )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.context = autocasting(
            self.device, autocast_dtype(settings.precision, self.device.type)
        )

    def measure(self) -> float | None:
        """RETURNS (Optional[float]): The held-out loss, or None if nothing is held out."""
        return held_out_loss(
            self.model.to(self.device),
            self.held,
            self.collator,
            batch_size=self.settings.batch_size,
            context=self.context,
        )


def adapt(
    base: str | Path,
    out: str | Path,
    texts: Sequence[str | Path],
    settings: AdaptSettings | None = None,
    *,
    resume: bool = True,
    tell: Callable[[str], None] = print,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Adapt an encoder to text and write it to a folder, which appears whole or not at all.

    All work happens in the folder `.OUT.adapting` beside `out`. A run that was stopped at any
    point goes on there from its last complete checkpoint when it is started again alike.

    base (str | Path): An encoder folder, as `spacy clintl base` writes it.
    out (str | Path): Where to write the adapted encoder; an encoder there is replaced.
    texts (Sequence[str | Path]): Files and folders of raw text (`spacy_clintl.data.raw`).
    settings (Optional[AdaptSettings]): Defaults to `AdaptSettings()`.
    resume (bool): Go on with an interrupted run if settings, base and text are the same.
    tell (Callable): Takes a line on what happens; no line holds text of a document.
    callbacks (Sequence[TrainerCallback]): Further callbacks of transformers' Trainer.
    RETURNS (dict): What is written to `adaptation.json`: settings, counts, held-out loss in nats
        and perplexity before and after, seconds, word pieces a second.
    RAISES (ClintlError): For unusable folders, text or settings, a loss that is no number, and
        a full disk.
    """
    began = time.perf_counter()
    settings = settings or AdaptSettings()
    base, out = Path(base), Path(out)
    tokenizer = _check_base(base, settings)
    check_target(out)
    files = find_text_files(texts)
    with _full_disk_named(work_folder_of(out)):
        work = open_work_folder(out, base, files, settings, resume=resume, tell=tell)
        with _nothing_kept(work):
            corpus = choose_documents(texts, work, settings, tell)
        growth = None
        if settings.add_words:
            tokenizer, growth = grow_vocabulary(
                tokenizer, corpus, work, settings, base=base, tell=tell
            )
        counts, train, held = _pieces(corpus, tokenizer, work, settings, tell, growth)
        set_seed(settings.seed)
        model, fresh = load_masked_lm(base)
        if growth is not None:
            add_rows(model, growth)
        plan = make_plan(settings, n_blocks=len(train), fresh_head=fresh)
        run = _Run(model, tokenizer, train, held, settings, plan, work, tell, list(callbacks))
        _announce(run, fresh)
        losses = {"before": run.measure()}
        if fresh:
            start_at_frequencies(model, train.pieces)
        speed = _train(run)
        losses["after_training"] = losses["after"] = run.measure()
        if plan.average:
            prepare = None if growth is None else partial(add_rows, growth=growth)
            average_with_base(model, base, plan.average, prepare=prepare)
            losses["after"] = run.measure()
        report = {
            "settings": settings.to_dict(),
            "base": read_provenance(base),
            "head": "fresh" if fresh else "found",
            "plan": asdict(plan),
            "text": asdict(counts),
            "corpus": asdict(corpus.choice),
            "held_out_loss": losses,
            "held_out_perplexity": {k: _perplexity(v) for k, v in losses.items()},
            **speed,
            "seconds": round(time.perf_counter() - began, 1),
        }
        if growth is not None:
            report["vocabulary"] = growth.report(settings, counts.held_out_pieces)
        _write(run, report, out)
    return report


def _check_base(base: Path, settings: AdaptSettings) -> Any:
    config = check_encoder_folder(base)
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(
            str(base), local_files_only=True, trust_remote_code=False
        )
    if settings.add_words:
        # Before any text is read.
        growth_of(tokenizer, base)
    if tokenizer.mask_token is None:
        raise ClintlError(Errors.CL402.format(path=base))
    limit = max_pieces(config, tokenizer)
    least = sum(map(len, special_frame(tokenizer))) + 1
    if not least <= settings.block_length <= limit:
        raise ClintlError(
            Errors.CL401.format(
                block_length=settings.block_length, path=base, min_length=least, limit=limit
            )
        )
    return tokenizer


def _pieces(
    corpus: Corpus,
    tokenizer: Any,
    work: Path,
    settings: AdaptSettings,
    tell: Callable[[str], None],
    growth: Growth | None,
) -> tuple[PieceCounts, Blocks, Blocks]:
    if read_pieces(work) is None:
        known = None if growth is None else growth.mask(corpus.choice.kept)
        held_out, seed = settings.held_out, settings.seed
        write_pieces(corpus, tokenizer, work, held_out=held_out, seed=seed, held=known)
    train, held, counts = read_pieces(work)
    left_out = counts.left_out
    if not len(train):
        shutil.rmtree(work)
        paths = ", ".join(map(str, corpus.texts))
        raise ClintlError(
            Errors.CL400.format(paths=paths, n_empty=left_out["empty"], n_bad=left_out["bad"])
        )
    if left_out["bad"]:
        named = "\n".join(left_out["bad_named"])
        tell(f"{left_out['bad']} records cannot be used and are left out:\n{named}")
    if settings.held_out and not len(held):
        tell("A single document: nothing is held out and no perplexity is measured.")
    length = settings.block_length
    return counts, Blocks(train, tokenizer, length), Blocks(held, tokenizer, length)


def _announce(run: _Run, fresh: bool) -> None:
    plan = run.plan
    if fresh:
        run.tell(
            "The base has no head for masked-language modelling: a fresh one is learned, alone "
            f"with the encoder frozen for the first {plan.head_steps} of {plan.steps} steps."
        )
    run.tell(
        f"{len(run.train):,} blocks of {run.train.length} word pieces, {plan.steps} steps of "
        f"{run.settings.batch_size} blocks, on {run.device.type}."
    )


def _train(run: _Run) -> dict[str, Any]:
    """Train the head alone, then everything; say how much and how quickly."""
    began = time.perf_counter()
    plan, batch = run.plan, run.settings.batch_size
    resumed = 0
    if plan.head_steps:
        run.model.base_model.requires_grad_(False)
        resumed = _stage(run, "head", 0, plan.head_steps, HEAD_RATE, "constant_with_warmup")
        run.model.base_model.requires_grad_(True)
    steps = plan.steps - plan.head_steps
    later = _stage(run, "encoder", plan.head_steps, steps, plan.learn_rate, "linear")
    resumed = plan.head_steps + later if later else resumed
    pieces = plan.steps * batch * run.train.length
    done = (plan.steps - resumed) * batch * run.train.length
    return {
        "steps": plan.steps,
        "resumed_from_step": resumed,
        "pieces_trained": pieces,
        "pieces_per_second": round(done / (time.perf_counter() - began)),
    }


def _stage(run: _Run, name: str, first: int, steps: int, rate: float, schedule: str) -> int:
    batch, seed = run.settings.batch_size, run.settings.seed
    blocks = BlockOrder(run.train, first=first * batch, count=steps * batch, seed=seed)
    arguments = {
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "learning_rate": rate,
        "lr_scheduler_type": schedule,
        "warmup_ratio": 0.06,
        "save_steps": run.settings.save_every,
        "seed": seed,
    }
    return train_stage(
        run.model,
        blocks,
        run.collator,
        run.work / name,
        arguments=arguments,
        context=run.context,
        what=name,
        tell=run.tell,
        callbacks=run.callbacks,
    )


def _perplexity(loss: float | None) -> float | None:
    return None if loss is None else math.exp(min(loss, 700.0))


def _write(run: _Run, report: dict[str, Any], out: Path) -> None:
    final = run.work / "final"
    shutil.rmtree(final, ignore_errors=True)
    run.model.to("cpu").save_pretrained(final, safe_serialization=True)
    run.tokenizer.save_pretrained(final)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (final / "adaptation.json").write_text(text + "\n", encoding="utf-8")
    give_usual_rights(final)
    move_whole_folder(final, out)
    shutil.rmtree(run.work)


@contextmanager
def _nothing_kept(work: Path) -> Iterator[None]:
    """Leave no work folder behind for a run that can never go on."""
    try:
        yield
    except ClintlError:
        shutil.rmtree(work)
        raise


@contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except ClintlError:
        raise
    except Exception as error:
        # safetensors and torch report a full disk as errors of their own.
        told = str(error)
        full = getattr(error, "errno", None) == errno.ENOSPC
        if full or "No space left" in told or "os error 28" in told or _no_space_for(folder):
            raise ClintlError(Errors.CL404.format(folder=folder)) from error
        raise


def _no_space_for(folder: Path) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free < 1 << 20
