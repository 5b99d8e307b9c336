"""Masked-language modelling with the vocabulary computed at masked positions only."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from transformers import AutoModelForMaskedLM

from ..errors import ClintlError, Errors
from ..models.kernels import training_kernels
from ..util import first_line, quiet_transformers
from .blocks import Blocks

# Positions in a run are far below this: held-out masks are drawn apart from those in training.
HELD_OUT_POSITION = 1 << 40
# oneDNN keeps a compiled kernel for every shape it meets, without end: masked positions are padded
# to few different numbers.
ROWS_MULTIPLE = 64
# Pieces that are counted at a time.
PORTION = 1 << 18


def load_masked_lm(folder: str | Path) -> tuple[Any, bool]:
    """Read an encoder folder as a masked-language model, with a fresh head if it has none.

    A fresh decoder is tied to the input embeddings where the configuration says so. torch's
    random numbers decide on the fresh weights.

    folder (str | Path): An encoder folder.
    RETURNS (tuple): The model (PreTrainedModel, on the CPU, in full precision), and whether any
        weight outside of the encoder is fresh.
    RAISES (ClintlError): When the weights are damaged or do not fill the encoder.
    """
    kernels = {"attn_implementation": "sdpa"} if _packs_itself(folder) else {}
    try:
        with quiet_transformers():
            model, info = AutoModelForMaskedLM.from_pretrained(
                str(folder),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                torch_dtype=torch.float32,
                output_loading_info=True,
                **kernels,
            )
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        reason = first_line(error)
        raise ClintlError(Errors.CL204.format(path=folder, reason=reason)) from error
    inside = set(model.base_model.state_dict())
    prefix = model.base_model_prefix + "."
    lost = sorted(k for k in info["missing_keys"] if k.removeprefix(prefix) in inside)
    if lost:
        raise ClintlError(
            Errors.CL203.format(
                path=folder, n_missing=len(lost), n_total=len(inside), first=lost[0]
            )
        )
    return model, bool(info["missing_keys"])


def _packs_itself(folder: str | Path) -> bool:
    """RETURNS (bool): Whether this architecture drops the padding and the labels at it by itself
    where flash attention is installed: the labels that it is given then no longer fit."""
    path = Path(folder) / "config.json"
    return path.is_file() and json.loads(path.read_bytes()).get("model_type") == "modernbert"


@torch.no_grad()
def start_at_frequencies(model: Any, pieces: np.ndarray) -> None:
    """Set a fresh head's output bias to the log frequencies of the text's word pieces.

    The first thing that a fresh head learns is how frequent each piece is, and on a small corpus
    that alone would take most of the steps for warming it up.

    model (PreTrainedModel): Its head is changed, if it has an output bias.
    pieces (numpy.ndarray): Word pieces to train on, shape (pieces,).
    """
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is not None and len(bias) == model.config.vocab_size:
        counts = np.full(len(bias), 0.1)
        # numpy would make 64-bit numbers of all pieces, which are mapped from a file, at once.
        for start in range(0, len(pieces), PORTION):
            counts += np.bincount(pieces[start : start + PORTION], minlength=len(bias))
        bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))


class MaskingCollator:
    """Batches blocks and masks them as Devlin et al. (2019, section 3.1) do.

    Of the chosen pieces 80 % become the mask, 10 % a random piece, 10 % stay. What is masked in a
    block depends on the seed and the block's position in the run alone: masks change from pass to
    pass, are the same again after an interruption, and are the same however blocks are divided
    among batches and processes. transformers' collators draw them by the batch.

    tokenizer (PreTrainedTokenizerFast): Has a mask token.
    mlm_probability (float): Share of the pieces to predict.
    seed (int): Decides on the masks.
    """

    def __init__(self, tokenizer: Any, *, mlm_probability: float, seed: int = 0) -> None:
        self.tokenizer = tokenizer
        self.mlm_probability = mlm_probability
        self.seed = seed
        self.n_pieces = len(tokenizer)

    def __call__(
        self, examples: Sequence[dict[str, Any]], *, at_least_one: bool = False
    ) -> dict[str, torch.Tensor]:
        """Make a batch.

        examples (Sequence[dict]): Blocks with their `position`.
        at_least_one (bool): Mask a piece of each block that has any, however few are drawn.
        RETURNS (dict): `input_ids`, `attention_mask` and `labels`, each (blocks, length).
        """
        ids, attention, special = (
            np.stack([example[key] for example in examples])
            for key in ("input_ids", "attention_mask", "special_tokens_mask")
        )
        draws = np.stack([self._draw(one["position"], ids.shape[1]) for one in examples], axis=1)
        barred = special.astype(bool)
        drawn = draws[0] < self.mlm_probability
        if at_least_one:
            drawn |= draws[0] == np.where(barred, 1.0, draws[0]).min(axis=1, keepdims=True)
        chosen = self.choose(ids, barred, drawn) & ~barred
        labels = np.where(chosen, ids, -100)
        ids = np.where(chosen & (draws[1] < 0.8), self.tokenizer.mask_token_id, ids)
        others = (draws[2] * self.n_pieces).astype(np.int64)
        ids = np.where(chosen & (draws[1] >= 0.9), others, ids)
        named = {"input_ids": ids, "attention_mask": attention, "labels": labels}
        return {key: torch.from_numpy(value) for key, value in named.items()}

    def choose(self, ids: np.ndarray, special: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Say which pieces to predict, given a draw for each; all of shape (blocks, length)."""
        return drawn

    def _draw(self, position: int, length: int) -> np.ndarray:
        return np.random.default_rng([self.seed, position]).random((3, length))


def masked_lm_loss(
    model: Any, batch: dict[str, torch.Tensor], states: list[torch.Tensor] | None = None
) -> torch.Tensor:
    """Compute the model's own loss while its head sees masked positions only.

    The head's matrix product with the vocabulary is about half of a small encoder's training step,
    and 85 % of it is for positions without a label. A hook hands the head only the labelled rows
    of the encoder's output, as one sequence; labels are gathered alike, so that the loss is equal.
    Works for every architecture whose head treats positions alike.

    model (PreTrainedModel): A masked-language model, or torch's wrapper around one.
    batch (dict): `input_ids`, `attention_mask`, `labels`, each (blocks, length); -100 is no label.
    states (Optional[list]): Gets the encoder's states of all positions, (blocks, length, width).
    RETURNS (torch.Tensor): The mean cross-entropy in nats; 0 without labels.
    """
    labels = batch["labels"].flatten()
    rows = (labels != -100).nonzero().squeeze(1)
    labels, share = labels[rows], 1.0
    if not len(rows):
        # Not a bare 0: other processes wait for this one's gradients.
        labels, rows, share = labels.new_zeros(1), rows.new_zeros(1), 0.0
    n_padding = -len(rows) % ROWS_MULTIPLE
    labels = torch.cat([labels, labels.new_full((n_padding,), -100)])
    rows = torch.cat([rows, rows.new_zeros(n_padding)])
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    # Several processes: the gradients are averaged by a wrapper, which must be what is called.
    encoder = getattr(model, "module", model).base_model
    with _only_rows(encoder, rows, states), training_kernels(batch["input_ids"].device):
        return share * model(**inputs, labels=labels.unsqueeze(0)).loss


@contextmanager
def _only_rows(
    encoder: torch.nn.Module, rows: torch.Tensor, states: list[torch.Tensor] | None
) -> Iterator[None]:
    def gather(module: torch.nn.Module, args: Any, output: Any) -> Any:
        if states is not None:
            states.append(output[0])
        if isinstance(output, tuple):
            return (chosen(output[0]), *output[1:])
        output.last_hidden_state = chosen(output.last_hidden_state)
        return output

    def chosen(states: torch.Tensor) -> torch.Tensor:
        return states.flatten(0, 1)[rows].unsqueeze(0)

    hook = encoder.register_forward_hook(gather)
    try:
        yield
    finally:
        hook.remove()


def autocasting(device: torch.device, dtype: torch.dtype | None) -> Callable[[], Any]:
    """RETURNS (Callable): Makes a context in which matrix products are computed in `dtype`."""
    if dtype is None:
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=dtype)


@torch.no_grad()
def held_out_loss(
    model: Any, blocks: Blocks, collator: MaskingCollator, *, batch_size: int, context: Callable
) -> float | None:
    """Measure the loss on blocks that are not trained on, with the same masks at every call.

    model (PreTrainedModel): The model; is put into evaluation mode.
    blocks (Blocks): Held-out blocks.
    collator (MaskingCollator): Masks them.
    batch_size (int): Blocks at a time.
    context (Callable): Makes the autocasting context.
    RETURNS (Optional[float]): Mean cross-entropy of a masked piece in nats; its exponential is the
        (pseudo-)perplexity. None if nothing is held out that could be masked.
    """
    model.eval()
    # Of a few held-out pieces, or with a small share, none may be drawn.
    for at_least_one in (False, True):
        total, count = 0.0, 0
        for start in range(0, len(blocks), batch_size):
            numbers = range(start, min(start + batch_size, len(blocks)))
            rows = [{**blocks[n], "position": HELD_OUT_POSITION + n} for n in numbers]
            batch = collator(rows, at_least_one=at_least_one)
            batch = {k: v.to(model.device) for k, v in batch.items()}
            masked = int((batch["labels"] != -100).sum())
            if masked:
                with context():
                    total += float(masked_lm_loss(model, batch)) * masked
            count += masked
        if count:
            return total / count
    return None


@torch.no_grad()
def average_with_base(
    model: Any, folder: str | Path, share: float, *, prepare: Callable[[Any], None] | None = None
) -> None:
    """Average the encoder's weights with those of its base, in place (WiSE-FT).

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", section 3: weights between
    a model and its tuned self keep more of what the first knew, at equal cost. The head keeps
    its own weights, apart from what it shares with the embeddings.

    model (PreTrainedModel): The adapted model.
    folder (str | Path): The base's folder.
    share (float): The base's share, 0 to 1.
    prepare (Optional[Callable]): What was done to the base before it was trained, such as adding
        rows for new words; is done to the base again.
    """
    base, _ = load_masked_lm(folder)
    if prepare is not None:
        prepare(base)
    values = dict(base.base_model.named_parameters())
    for name, parameter in model.base_model.named_parameters():
        parameter.lerp_(values[name].to(parameter.device), share)
