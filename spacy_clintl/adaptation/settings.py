"""What a user can set for an adaptation."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..data.raw import TXT_DOCUMENTS
from ..errors import ClintlError, Errors

# Rates that held up for blocks of 128 pieces in batches of 32. A fresh head teaches the encoder
# little at first and needs more of it; a pretrained one is only moved (Gururangan et al. 2020,
# appendix B, use 1e-4 and 5e-4 with batches of 256 and 2,048).
FRESH_RATE, CONTINUED_RATE = 3e-4, 1e-4
HEAD_RATE = 2e-3
AUTO_HEAD_STEPS = 160
LANGUAGES = re.compile(r"[a-z]{2,3}(,[a-z]{2,3})*")


@dataclass(frozen=True)
class AdaptSettings:
    """Settings of continued masked-language modelling.

    epochs (float): Passes over the text; parts of a pass are allowed.
    max_steps (Optional[int]): Training steps in all, those for warming up the head included. Goes
        before `epochs`.
    batch_size (int): Blocks a batch; a step has one, or several by `accumulate` and processes.
    block_length (int): Word pieces a block, special ones included.
    learn_rate (Optional[float]): Highest learning rate of the encoder. None: 3e-4 with a fresh
        head, else 1e-4.
    warm_up (float): Share of a stage's steps in which its rate rises to the highest.
    decay (str): How the encoder's rate falls to 0 afterwards: "linear", "cosine", or "none".
    mlm_probability (float): Share of the pieces to predict (Devlin et al. 2019, section 3.1).
    head_warmup_steps (Optional[int]): Steps in which only the head learns, at 2e-3, and the
        encoder is frozen. None: 160, but at most a quarter of all steps, if the head is fresh.
    average (Optional[float]): The base's share when the adapted weights of the encoder are
        averaged with it (Wortsman et al. 2022, WiSE-FT, section 3). None: 0.5 if the head is
        fresh, because learning it spoils the encoder, else 0.
    held_out (float): Share of the documents to measure perplexity on, but no more of them once
        32,768 pieces are reached. Documents that are large beside that or beside their share of the
        text are trained on; where all documents are, the end of one is held out, see `cut`.
    save_every (int): Steps between checkpoints. Does not change the result.
    seed (int): Decides on held-out documents, order, masks, dropout and the fresh head.
    precision (str): "fp32", "bf16", or "auto": bf16 where the hardware computes in it.

    Corpus care, see `corpus`:
    txt_documents (str): What one document is in a .txt, of `leave_out` too: the "file", a "line",
        or a "paragraph", which blank lines end.
    deduplicate (bool): Use what several documents say once; case and white space do not count.
    near_duplicates (bool): Leave out near duplicates, too; needs the extra `corpus`.
    leave_out (Sequence[str]): Evaluation sets; documents that share a text with them are left out.

    Vocabulary, see `vocabulary`:
    add_words (int): At most so many frequent words get a word piece of their own; 0 adds none.
    min_count (int): In how many documents a word must occur.

    How it is trained:
    masking (str): What is masked: "piece" or "whole-word", see `whole_words`.
    accumulate (int): Batches a step, whose gradients are added up.
    gradient_checkpointing (bool): Save memory by computing activations twice; same result.
    freeze (str): Which parts of the encoder never learn, as in `spacy_clintl.models.freezing`.
    layer_decay (float): How much smaller the rate gets from each layer to the one below.
    distill (float): Weight of how far the encoder's states are from its base's, see `anchor`; 0 is
        without, which saves a forward pass.
    evaluate_every (Optional[int]): Steps between measurements of the held-out loss. None: a
        twentieth of the steps with `patience`, else it is measured before and after only.
    patience (Optional[int]): Measurements without a new lowest held-out loss before training
        stops; the weights that had the lowest are kept. None: never stop early.

    For the model card:
    licence (Optional[str]): The licence of text and outcome.
    language (Optional[str]): Codes of languages, with commas between them.
    """

    epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int = 32
    block_length: int = 128
    learn_rate: float | None = None
    warm_up: float = 0.06
    decay: str = "linear"
    mlm_probability: float = 0.15
    head_warmup_steps: int | None = None
    average: float | None = None
    held_out: float = 0.05
    save_every: int = 200
    seed: int = 0
    precision: str = "auto"

    txt_documents: str = "file"
    deduplicate: bool = True
    near_duplicates: bool = False
    leave_out: Sequence[str] = ()
    add_words: int = 0
    min_count: int = 20

    masking: str = "piece"
    accumulate: int = 1
    gradient_checkpointing: bool = False
    freeze: str = "none"
    layer_decay: float = 1.0
    distill: float = 0.0
    evaluate_every: int | None = None
    patience: int | None = None

    licence: str | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        rules = [
            ("epochs", lambda v: 0 < v < float("inf"), "above 0"),
            ("max_steps", lambda v: v >= 1, "at least 1"),
            ("batch_size", lambda v: v >= 1, "at least 1"),
            ("learn_rate", lambda v: 0 < v < float("inf"), "above 0"),
            ("warm_up", lambda v: 0 <= v < 1, "at least 0 and below 1"),
            ("decay", lambda v: v in ("linear", "cosine", "none"), "linear, cosine or none"),
            ("mlm_probability", lambda v: 0 < v < 1, "between 0 and 1"),
            ("head_warmup_steps", lambda v: v >= 0, "at least 0"),
            ("average", lambda v: 0 <= v <= 1, "from 0 to 1"),
            ("held_out", lambda v: 0 <= v < 1, "at least 0 and below 1"),
            ("save_every", lambda v: v >= 1, "at least 1"),
            ("seed", lambda v: 0 <= v < 2**32, "from 0 to 4294967295"),
            ("precision", lambda v: v in ("auto", "fp32", "bf16"), "auto, fp32 or bf16"),
            ("txt_documents", TXT_DOCUMENTS.__contains__, " or ".join(TXT_DOCUMENTS)),
            ("add_words", lambda v: v >= 0, "at least 0"),
            ("min_count", lambda v: v >= 1, "at least 1"),
            ("masking", lambda v: v in ("piece", "whole-word"), "piece or whole-word"),
            ("accumulate", lambda v: v >= 1, "at least 1"),
            ("layer_decay", lambda v: 0 < v <= 1, "above 0 and at most 1"),
            ("distill", lambda v: 0 <= v < float("inf"), "at least 0"),
            ("evaluate_every", lambda v: v >= 1, "at least 1"),
            ("patience", lambda v: v >= 1, "at least 1"),
            ("licence", lambda v: v.strip() and v.isprintable(), "one line of text"),
            ("language", LANGUAGES.fullmatch, "codes such as en or en,es"),
        ]
        for name, holds, rule in rules:
            value = getattr(self, name)
            if value is not None and not holds(value):
                option = "--" + name.replace("_", "-")
                raise ClintlError(Errors.CL405.format(option=option, value=value, rule=rule))

        if self.max_steps and (self.head_warmup_steps or 0) >= self.max_steps:
            values = {"head_steps": self.head_warmup_steps, "steps": self.max_steps}
            raise ClintlError(Errors.CL406.format(**values))
        for name in ("patience", "evaluate_every"):
            if getattr(self, name) and not self.held_out:
                raise ClintlError(Errors.CL453.format(option="--" + name.replace("_", "-")))

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): The settings as plain data."""
        return {**dataclasses.asdict(self), "leave_out": [str(path) for path in self.leave_out]}


@dataclass(frozen=True)
class Plan:
    """What the settings come to for one encoder and one corpus.

    head_steps (int): Steps that train the head alone; they come first.
    steps (int): Steps in all.
    learn_rate (float): Highest rate of the second part.
    average (float): The base's share in the final weights.
    evaluate_every (Optional[int]): Steps between measurements of the held-out loss.
    """

    head_steps: int
    steps: int
    learn_rate: float
    average: float
    evaluate_every: int | None = None


def make_plan(
    settings: AdaptSettings, *, n_blocks: int, fresh_head: bool, processes: int = 1
) -> Plan:
    """Fill in what the settings leave open.

    settings (AdaptSettings): What the user asked for.
    n_blocks (int): Blocks to train on.
    fresh_head (bool): The base came without a head for masked-language modelling.
    processes (int): How many train together, each on batches of its own.
    RETURNS (Plan): Steps, rate and share.
    RAISES (ClintlError): When warming up the head would take all steps.
    """
    per_step = settings.batch_size * settings.accumulate * processes
    steps = settings.max_steps or max(1, round(settings.epochs * n_blocks / per_step))
    head_steps = settings.head_warmup_steps
    if head_steps is None:
        head_steps = min(AUTO_HEAD_STEPS, steps // 4) if fresh_head else 0
    if head_steps >= steps:
        raise ClintlError(Errors.CL406.format(head_steps=head_steps, steps=steps))
    evaluate_every = settings.evaluate_every
    if evaluate_every is None and settings.patience:
        evaluate_every = max(1, steps // 20)
    return Plan(
        head_steps=head_steps,
        steps=steps,
        learn_rate=settings.learn_rate or (FRESH_RATE if fresh_head else CONTINUED_RATE),
        average=_first_given(settings.average, 0.5 if fresh_head else 0.0),
        evaluate_every=evaluate_every,
    )


def _first_given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
