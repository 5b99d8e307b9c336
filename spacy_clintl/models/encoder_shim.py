"""Runs an encoder over many windows at once for Thinc, in bounded memory."""

import copy
import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import srsly
import torch
from thinc.api import PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.optimizers import Optimizer
from thinc.shims.shim import Shim
from thinc.types import Floats2d
from torch.utils.checkpoint import checkpoint

from ..errors import ClintlError, Errors, Warnings
from . import forking  # noqa: F401
from .encoder import Encoder
from .freezing import apply_freezing, check_layers, rate_of
from .fused_adam import can_fuse, update_parameters
from .kernels import training_kernels
from .memory import release_free_memory
from .packing import pack_by_length, padded_shape
from .precision import autocast_dtype
from .sparse_rows import update_rows
from .windows import SpecialPieces

# How many word pieces go through the encoder before free memory is given back: some twenty seconds
# of training on two cores, beside which the call takes no time.
RELEASE_AFTER = 50_000

# After how many updates without a backward pass, one after the other, users are warned.
UPDATES_WITHOUT_GRADIENT = 5

# On a CPU, activations that fit its cache are worth more than large products.
SUBBATCH_PIECES = {"cpu": 1536}
# What a pass over the encoder costs besides its pieces, as a number of them: measured in training.
PASS_COST = {"cpu": 200}


@dataclass(frozen=True)
class EncoderSettings:
    """How an encoder is run. None of it is stored with the weights: the configuration rules.

    precision (str): "auto", "fp32" or "bf16"; see `precision.autocast_dtype`.
    freeze (str): See `freezing.is_trained`.
    rate (float): The encoder's share of the learning rate.
    layer_decay (float): How much smaller that share gets with each layer downwards.
    unfreeze_every (int): Of what `freeze` lets learn, the top layer learns alone during so many
        updates, then the layer below it as well, and so on to the embeddings; 0 is all at once.
    dropout (Optional[float]): Overrides the dropout rates the encoder comes with.
    attention_dropout (Optional[float]): Overrides that of the attention weights.
    subbatch_pieces (Optional[int]): The greatest padded size of a sub-batch, in word pieces; None
        is what suits the device.
    kept_pieces (int): For how many word pieces of an update the activations are kept until the
        backward pass. Those of further sub-batches are computed again there.
    """

    precision: str = "auto"
    freeze: str = "none"
    rate: float = 1.0
    layer_decay: float = 1.0
    unfreeze_every: int = 0
    dropout: float | None = None
    attention_dropout: float | None = 0.0
    subbatch_pieces: int | None = None
    kept_pieces: int = 16384


class EncoderShim(PyTorchShim):
    """Holds an encoder, or none as long as nothing was loaded.

    Windows go in as id arrays and come out as vector arrays, in the order given. Between, they
    are sorted by length and packed into sub-batches, so that little is padded and the memory of
    a step is bounded by the sub-batch and not by the batch.
    """

    def __init__(self, settings: EncoderSettings, encoder: Encoder | None = None):
        super().__init__(None)
        self.settings = settings
        self.encoder: Encoder | None = None
        self.special: tuple[SpecialPieces, SpecialPieces] | None = None
        self.has_types = False
        self._pieces_since_release = 0
        self._updates_without_gradient = 0
        self._updates = 0
        if encoder is not None:
            self.set_encoder(encoder)

    def set_encoder(self, encoder: Encoder) -> None:
        """Take an encoder, put it on the active device and freeze what the settings say."""
        autocast_dtype(self.settings.precision, "cpu")  # complain now about an unknown name
        self._updates = 0
        if self.settings.layer_decay != 1.0:
            check_layers(encoder.module)
        self._freeze(encoder.module)
        self.encoder = encoder
        # Around one sequence, and around and between two.
        self.special = (
            SpecialPieces.of(encoder.tokenizer, 1),
            SpecialPieces.of(encoder.tokenizer, 2),
        )
        self.has_types = _has_types(encoder.module)
        embeddings = encoder.module.get_input_embeddings()
        if isinstance(embeddings, torch.nn.Embedding):
            embeddings.sparse = True  # see `update_rows`
        self._model = encoder.module.to(get_torch_default_device())

    def retune(self, settings: EncoderSettings) -> None:
        """Run the encoder in another way from now on.

        settings (EncoderSettings): The way.
        """
        self.settings = settings
        if self.encoder is not None:
            # Dropout rates are built into the module.
            self.from_bytes(self.to_bytes())

    def _freeze(self, module: torch.nn.Module) -> None:
        every = self.settings.unfreeze_every
        if every < 0:
            raise ClintlError(Errors.CL220.format(value=every))
        apply_freezing(module, self.settings.freeze, 1 + self._updates // every if every else None)

    def __call__(
        self,
        inputs: Sequence[np.ndarray],
        is_train: bool,
        types: Sequence[np.ndarray | None] | None = None,
    ) -> tuple[list[Floats2d], Callable[[Sequence[Floats2d]], None]]:
        """Encode windows.

        inputs (Sequence[ndarray]): Word piece ids of each window; int64, shape (pieces,).
        is_train (bool): Whether to apply dropout and to prepare for the backward pass.
        types (Optional[Sequence[Optional[ndarray]]]): Each window's token types, of the same
            shape; None is type 0 throughout. An encoder that knows no types does without.
        RETURNS (tuple): Each window's vectors, float32, shape (pieces, width); and a callback
            that takes gradients of these shapes and adds to the gradients of the weights.
        """
        if self.encoder is None:
            raise ClintlError(Errors.CL208)
        learns = is_train and any(p.requires_grad for p in self._model.parameters())
        self._updates_without_gradient += learns
        if self._updates_without_gradient == UPDATES_WITHOUT_GRADIENT + 1:
            warnings.warn(Warnings.CW498.format(n=UPDATES_WITHOUT_GRADIENT), stacklevel=2)
        self._model.train(is_train)
        budget = self.settings.subbatch_pieces or SUBBATCH_PIECES.get(self.device.type, 16384)
        pass_cost = PASS_COST.get(self.device.type, math.inf)
        packs = pack_by_length([len(ids) for ids in inputs], budget, pass_cost)
        outputs: list[Any] = [None] * len(inputs)
        kept: list[torch.Tensor] = []
        n_pieces = 0
        dtype = autocast_dtype(self.settings.precision, self.device.type)
        with torch.set_grad_enabled(learns), _autocast(self.device.type, dtype):
            for pack in packs:
                ids, mask = self._pad([inputs[i] for i in pack])
                pack_types = self._pad_types([types[i] for i in pack], ids) if types else None
                n_pieces += ids.numel()
                if learns and n_pieces > self.settings.kept_pieces:
                    hidden = checkpoint(self._encode, ids, mask, pack_types, use_reentrant=False)
                else:
                    hidden = self._encode(ids, mask, pack_types)
                vectors = torch2xp(hidden.detach().float())
                for row, i in enumerate(pack):
                    outputs[i] = vectors[row, : len(inputs[i])]
                if learns:
                    kept.append(hidden)
        self._pieces_since_release += n_pieces
        if self._pieces_since_release > RELEASE_AFTER:
            self._pieces_since_release = 0
            release_free_memory()

        def backprop(d_outputs: Sequence[Floats2d]) -> None:
            self._updates_without_gradient = 0
            # Last in, first out: each graph is freed before the next one is computed again.
            while kept:
                pack, hidden = packs[len(kept) - 1], kept.pop()
                gradient = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
                for row, i in enumerate(pack):
                    gradient[row, : len(inputs[i])] = xp2torch(d_outputs[i], device=hidden.device)
                hidden.backward(gradient.to(hidden.dtype))

        return outputs, backprop

    def _encode(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None
    ) -> torch.Tensor:
        inputs = {"input_ids": ids, "attention_mask": mask}
        if types is not None:
            inputs["token_type_ids"] = types
        # Here and not around the loop: what is computed again in the backward pass comes through.
        with training_kernels(ids.device):
            return self._model(**inputs).last_hidden_state

    def _pad(self, windows: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.encoder is not None
        lengths = np.array([len(window) for window in windows])
        rows, longest = padded_shape(lengths.tolist(), self.encoder.max_pieces)
        ids = np.full((rows, longest), self._model.config.pad_token_id or 0, dtype="int64")
        for row in range(rows):
            # A spare row repeats the last: attention to nothing at all is not a number.
            window = windows[min(row, len(windows) - 1)]
            ids[row, : len(window)] = window
        lengths = np.pad(lengths, (0, rows - len(windows)), mode="edge")
        mask = (np.arange(longest) < lengths[:, None]).astype("int64")
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    def _pad_types(
        self, windows: list[np.ndarray | None], ids: torch.Tensor
    ) -> torch.Tensor | None:
        if not self.has_types or all(window is None for window in windows):
            return None
        types = np.zeros(tuple(ids.shape), dtype="int64")
        for row, window in enumerate(windows):
            if window is not None:
                types[row, : len(window)] = window
        return torch.from_numpy(types).to(self.device)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change what has a gradient, each parameter at its own rate.

        Gradients become None afterwards, and not zero: parameters that got no gradient in the
        next step must not be decayed or carried on by momentum.
        """
        if self._model is None or all(p.grad is None for p in self._model.parameters()):
            return
        n_layers = self._model.config.num_hidden_layers
        # Thinc asks torch modules for averages under names that its optimizer never gives them
        # (`use_params` in thinc/shims/pytorch.py): they would be computed for nothing.
        averages, optimizer.averages = optimizer.averages, None
        dense = []
        for name, parameter in self._model.named_parameters():
            if parameter.grad is None:
                continue
            rate = rate_of(name, n_layers, self.settings.rate, self.settings.layer_decay)
            key, weights = (self.id, name), torch2xp(parameter.data)
            if parameter.grad.is_sparse:
                gradient = parameter.grad.coalesce()
                rows, values = torch2xp(gradient.indices()[0]), torch2xp(gradient.values())
                update_rows(optimizer, key, weights, rows, values, lr_scale=rate)
            elif can_fuse(optimizer, parameter.device):
                dense.append((key, parameter, rate))
                continue
            else:
                value, _ = optimizer(key, weights, torch2xp(parameter.grad), lr_scale=rate)
                parameter.data = xp2torch(value, requires_grad=True, device=parameter.device)
            parameter.grad = None
        update_parameters(optimizer, dense)
        for _, parameter, _ in dense:
            parameter.grad = None
        optimizer.averages = averages
        self._updates += 1
        if self.settings.unfreeze_every:
            self._freeze(self._model)

    def copy(self) -> "EncoderShim":
        """Return an independent copy with an id of its own, so that an optimizer that sees both
        keeps their moments apart."""
        copied = EncoderShim(self.settings)
        if self.encoder is not None:
            copied.set_encoder(copy.deepcopy(self.encoder))
        return copied

    def to_bytes(self) -> bytes:
        """Serialize configuration, tokenizer and weights."""
        return srsly.msgpack_dumps({"encoder": self.encoder and self.encoder.to_dict()})

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        """Load what `to_bytes` wrote."""
        message = srsly.msgpack_loads(bytes_data)
        if message["encoder"] is not None:
            encoder = Encoder.from_dict(
                message["encoder"],
                dropout=self.settings.dropout,
                attention_dropout=self.settings.attention_dropout,
            )
            self.set_encoder(encoder)
        return self

    def __deepcopy__(self, memo: dict) -> Shim:
        return self.copy()


def _has_types(module: torch.nn.Module) -> bool:
    """Say whether the encoder tells first and second sequence apart by token types."""
    n_types = getattr(module.config, "type_vocab_size", None) or 0
    return n_types > 1 and "token_type_ids" in inspect.signature(module.forward).parameters


def _autocast(device_type: str, dtype: torch.dtype | None) -> torch.autocast:
    return torch.autocast(device_type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)
