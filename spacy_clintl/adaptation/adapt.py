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
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer, set_seed

from ..data.raw import find_text_files
from ..errors import ClintlError, Errors
from ..models.encoder import check_encoder_folder, max_pieces
from ..models.freezing import is_trained
from ..util import first_line, move_whole_folder, quiet_transformers
from .base import (
    REPORT,
    check_provenance,
    check_rows,
    check_target,
    give_usual_rights,
    read_provenance,
    resolved,
)
from .blocks import Blocks, PieceCounts, read_pieces, special_frame, write_pieces
from .card import CHART, describe_corpora, draw_log, write_card
from .checkpoints import has_checkpoint
from .corpus import Corpus, choose_documents, tell_bad
from .cut import cut_if_large
from .growth import growth_of
from .masked_lm import average_with_base, load_masked_lm, start_at_frequencies
from .new_rows import add_rows
from .processes import Processes, joined, own_settings_only
from .settings import AdaptSettings, make_plan
from .stages import Run, train
from .trial import try_out
from .vocabulary import Growth, grow_vocabulary
from .watching import LOG_FILE
from .whole_words import WordBorders
from .work import (
    claim_work_folder,
    close_work_folder,
    is_over,
    open_work_folder,
    work_folder_of,
)

# Fewer are told: a run of so few ends about where it began.
FEW_STEPS = 20
# The share of unknown pieces beyond which an encoder may be the wrong one.
MUCH_UNKNOWN = 0.05

# A full disk, and a quota that is used up.
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_TOLD = ("No space left", "os error 28", "quota exceeded", "os error 122")


@dataclass(frozen=True)
class _Prepared:
    """What is there before training begins."""

    work: Path
    tokenizer: Any
    growth: Growth | None
    corpus: Corpus
    counts: PieceCounts
    train: Blocks
    held: Blocks
    corpora: list[dict[str, Any]]


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
    point goes on there from its last complete checkpoint when it is started again alike. Started
    otherwise it is an error, so that a slip does not delete the checkpoints.

    base (str | Path): An encoder folder, as `spacy clintl base` writes it.
    out (str | Path): Where to write the adapted encoder; one that was written there before is
        replaced.
    texts (Sequence[str | Path]): Files and folders of raw text (`spacy_clintl.data.raw`).
    settings (Optional[AdaptSettings]): Defaults to `AdaptSettings()`.
    resume (bool): Go on with an interrupted run; else start anew, without its checkpoints.
    tell (Callable): Takes a line on what happens; no line holds text of a document.
    callbacks (Sequence[TrainerCallback]): Further callbacks of transformers' Trainer.
    RETURNS (dict): What is written to `adaptation.json`: settings, counts, held-out loss in nats
        and perplexity before and after, seconds, word pieces a second. Beside it lie a model card,
        `training_log.jsonl` with a line a step and, where matplotlib is, a chart of the loss.
    RAISES (ClintlError): For unusable folders, text or settings, an interrupted run with others,
        another process with the same `out`, a loss that is no number, and a full disk.
    """
    began = time.perf_counter()
    settings = settings or AdaptSettings()
    base, out = Path(base), resolved(out)
    full = _full_disk_named(work_folder_of(out))
    with ExitStack() as claims, own_settings_only(), joined() as processes, full:
        tell = tell if processes.is_main else _keep_quiet
        with processes.main_first():
            # The others find a work folder: whether to go on in it was decided.
            own = resume if processes.is_main else True
            found = _prepare(base, out, texts, settings, processes, claims, resume=own, tell=tell)
        if found is None:
            return _finish(out, processes, tell)
        set_seed(settings.seed)
        with _nothing_kept(found.work):
            model, fresh = load_masked_lm(base)
            if found.growth is not None:
                add_rows(model, found.growth)
            plan = make_plan(
                settings, n_blocks=len(found.train), fresh_head=fresh, processes=processes.count
            )
            run = Run(
                model,
                found.tokenizer,
                found.train,
                found.held,
                settings,
                plan,
                found.work,
                tell,
                list(callbacks),
                processes,
            )
            _check_run(run)
        _announce(run, fresh)
        losses = {"before": run.measure()}
        if fresh:
            start_at_frequencies(model, found.train.pieces)
        speed = train(run)
        losses["after_training"] = losses["after"] = run.measure()
        if plan.average:
            again = None if found.growth is None else partial(add_rows, growth=found.growth)
            average_with_base(model, base, plan.average, prepare=again)
            losses["after"] = run.measure()
        report = {
            "settings": _published(settings.to_dict()),
            "base": read_provenance(base),
            "head": "fresh" if fresh else "found",
            "plan": asdict(plan),
            "text": _published(asdict(found.counts)),
            "corpus": {
                **_published(asdict(found.corpus.choice)),
                "cut": found.corpus.cut is not None,
            },
            "corpora": found.corpora,
            "held_out_loss": losses,
            "held_out_perplexity": {k: _perplexity(v) for k, v in losses.items()},
            **speed,
            "seconds": round(time.perf_counter() - began, 1),
        }
        if found.growth is not None:
            report["vocabulary"] = found.growth.report(settings, found.counts)
        if processes.is_main:
            _write(run, report, out)
        processes.wait()
    return report


def _prepare(
    base: Path,
    out: Path,
    texts: Sequence[str | Path],
    settings: AdaptSettings,
    processes: Processes,
    claims: ExitStack,
    *,
    resume: bool,
    tell: Callable[[str], None],
) -> _Prepared | None:
    """Check everything and turn text into word pieces; what was done before is read.

    RETURNS (Optional[_Prepared]): None if the run was interrupted after its outcome was written.
    """
    tokenizer = _check_base(base, settings)
    files = find_text_files(texts)
    given = [base, *map(Path, texts), *map(Path, settings.leave_out)]
    reads = [*given, *files, *find_text_files(settings.leave_out)]
    check_target(out, reads=reads)
    _check_apart(work_folder_of(out), reads)
    try_out(base, tokenizer, length=settings.block_length, add_words=settings.add_words)
    if processes.is_main:
        claim_work_folder(out, claims)
    work = open_work_folder(
        out, base, files, settings, processes=processes.count, resume=resume, tell=tell
    )
    if is_over(work):
        return None
    growth = None
    with _nothing_kept(work):
        corpus = choose_documents(texts, work, settings, tell)
        corpus = cut_if_large(corpus, tokenizer, work, settings, tell)
        if settings.add_words:
            tokenizer, growth = grow_vocabulary(
                tokenizer, corpus, work, settings, base=base, tell=tell
            )
        counts, train, held = _pieces(corpus, tokenizer, work, settings, tell, growth)
        corpora = describe_corpora(texts, work, settings.txt_documents)
    return _Prepared(work, tokenizer, growth, corpus, counts, train, held, corpora)


def _keep_quiet(line: str) -> None:
    pass


def _check_apart(work: Path, reads: Sequence[Path]) -> None:
    """Refuse to read what a run that starts anew deletes, such as a checkpoint as its base."""
    for path in reads:
        if path.resolve().is_relative_to(work):
            raise ClintlError(Errors.CL472.format(path=work, held=path))


def _check_base(base: Path, settings: AdaptSettings) -> Any:
    config = check_encoder_folder(base)
    is_trained("embeddings.", settings.freeze, config.num_hidden_layers)
    check_provenance(base)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                str(base), local_files_only=True, trust_remote_code=False
            )
    # Damaged files end in whatever the libraries behind raise.
    except Exception as error:
        raise ClintlError(Errors.CL204.format(path=base, reason=first_line(error))) from error
    check_rows(tokenizer, config, base)
    if settings.add_words:
        # Before any text is read.
        growth_of(tokenizer, base)
    if tokenizer.mask_token is None:
        raise ClintlError(Errors.CL402.format(path=base))
    if settings.masking == "whole-word":
        WordBorders(tokenizer)
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
        known = None if growth is None else growth.mask(len(corpus))
        held_out, seed = settings.held_out, settings.seed
        write_pieces(corpus, tokenizer, work, held_out=held_out, seed=seed, held=known)
    train, held, counts = read_pieces(work)
    left_out = counts.left_out
    if not len(train):
        paths = ", ".join(map(str, corpus.texts))
        raise ClintlError(
            Errors.CL400.format(paths=paths, n_empty=left_out["empty"], n_bad=left_out["bad"])
        )
    if left_out["bad"]:
        tell_bad(left_out, "cannot be used and are left out", tell)
    if passed_over := left_out["passed_over"]:
        tell(f"Files of other kinds, or of encoders, that are no text: {passed_over:,}.")
    if settings.held_out and not len(held):
        why = "A single document" if counts.documents < 2 else "No document is small enough"
        tell(f"{why}: nothing is held out and no perplexity is measured.")
    length = settings.block_length
    return counts, Blocks(train, tokenizer, length), Blocks(held, tokenizer, length)


def _check_run(run: Run) -> None:
    settings, kind = run.settings, run.model.config.model_type
    if settings.gradient_checkpointing and not run.model.supports_gradient_checkpointing:
        raise ClintlError(Errors.CL451.format(kind=kind))
    for name in ("patience", "evaluate_every"):
        if getattr(settings, name) and np.isin(run.held.pieces, run.held.special).all():
            raise ClintlError(Errors.CL453.format(option="--" + name.replace("_", "-")))
    can_learn, n_unknown = run.train.knowledge(run.tokenizer.unk_token_id)
    if not can_learn:
        raise ClintlError(Errors.CL474)
    share = n_unknown / len(run.train.pieces)
    if share > MUCH_UNKNOWN:
        run.tell(f"The vocabulary does not know {share:.0%} of the text's word pieces.")


def _announce(run: Run, fresh: bool) -> None:
    plan = run.plan
    if fresh:
        run.tell(
            "The base has no head for masked-language modelling: a fresh one is learned, alone "
            f"with the encoder frozen for the first {plan.head_steps} of {plan.steps} steps."
        )
    parts = [(run.settings.accumulate, "batches"), (run.processes.count, "processes")]
    parted = "".join(f", {count} {what}" for count, what in parts if count > 1)
    run.tell(
        f"{len(run.train):,} blocks of {run.train.length} word pieces, {plan.steps} steps of "
        f"{run.blocks_a_step} blocks{parted}, on {run.device.type}."
    )
    if plan.steps < FEW_STEPS:
        run.tell(
            f"So few steps ({plan.steps}) change little. More text, more --epochs or a smaller "
            "--batch-size give more of them."
        )


def _perplexity(loss: float | None) -> float | None:
    return None if loss is None else math.exp(min(loss, 700.0))


def _published(values: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict): The same without paths of the machine: the encoder is handed on."""
    found = {}
    for key, value in values.items():
        if key == "leave_out":
            value = [Path(path).name for path in value]
        elif isinstance(value, dict):
            # Bad records were named when they were told; here they are counted.
            value = {name: each for name, each in value.items() if name != "bad_named"}
        found[key] = value
    return found


def _write(run: Run, report: dict[str, Any], out: Path) -> None:
    final = run.work / "final"
    shutil.rmtree(final, ignore_errors=True)
    run.model.to("cpu").save_pretrained(final, safe_serialization=True)
    run.tokenizer.save_pretrained(final)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (final / REPORT).write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(run.log.path, final / LOG_FILE)
    draw_log(run.log.rows(), final / CHART, run.tell)
    write_card(final, out.absolute().name, report)
    give_usual_rights(final)
    # Much may have happened there since the run began.
    check_target(out)
    move_whole_folder(final, out)
    close_work_folder(run.work)


def _finish(out: Path, processes: Processes, tell: Callable[[str], None]) -> dict[str, Any]:
    """Tidy up after a run that was interrupted while it did."""
    processes.wait()
    if processes.is_main:
        close_work_folder(work_folder_of(out))
        tell("The interrupted run had written its encoder; what it left behind is deleted.")
    return json.loads((out / REPORT).read_text(encoding="utf-8"))


@contextmanager
def _nothing_kept(work: Path) -> Iterator[None]:
    """Leave no work folder behind for a run that can never go on."""
    try:
        yield
    except ClintlError:
        # Each of several processes comes here. A run that has trained before can go on.
        if not has_checkpoint(work):
            shutil.rmtree(work, ignore_errors=True)
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
        full = getattr(error, "errno", None) in FULL or any(words in told for words in FULL_TOLD)
        if full or _no_space_for(folder):
            raise ClintlError(Errors.CL404.format(folder=folder)) from error
        raise


def _no_space_for(folder: Path) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free < 1 << 20
