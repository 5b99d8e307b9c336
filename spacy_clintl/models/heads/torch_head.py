"""Heads whose layers are torch's: a Thinc model around a module that is built when it is known how
wide token vectors are and how many labels there are.

Only the architectures of such heads import this module, since it imports torch.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import safetensors.torch
import srsly
import torch
import torch.nn.functional as F
from thinc.api import (
    Model,
    PyTorchShim,
    get_array_module,
    get_torch_default_device,
    torch2xp,
    xp2torch,
)
from thinc.optimizers import Optimizer
from thinc.shims.shim import Shim
from thinc.types import Floats2d
from torch.nn.utils.rnn import pad_sequence

from ...errors import ClintlError, Errors
from .. import forking  # noqa: F401
from ..packing import pack_by_length

# Documents are padded to the longest of a sub-batch, which is of this size in tokens at most,
# unless it is one document.
SUBBATCH_TOKENS = 16_384

# To a module, a document is a tuple of one tensor (tokens, width), or of two if it is a pair.
Document = tuple[torch.Tensor, ...]


def torch_head(
    name: str, build: Callable[[int, int], torch.nn.Module], *, takes_sides: bool = False
) -> Model[list[Any], Floats2d]:
    """Wrap a torch module as a head.

    name (str): The model's name.
    build (Callable[[int, int], Module]): Makes the module from the width of token vectors and the
        number of labels. The module takes a list of `Document`s and gives logits of shape
        (documents, labels); it must not let one document change another's. A parameter's name
        must not be that of a parameter of Thinc ("W", "b").
    takes_sides (bool): Whether documents are pairs.
    RETURNS (Model[List[Floats2d], Floats2d]): The head, or one of List[Tuple[Floats2d, Floats2d]].
    """
    model: Model[list[Any], Floats2d] = Model(
        name,
        forward,
        init=init,
        dims={"nI": None, "nO": None},
        shims=[HeadShim(build)],
        attrs={"takes_sides": takes_sides, "resize_output": resize_output},
    )
    model.set_ref("output_layer", model)
    return model


def forward(
    model: Model[list[Any], Floats2d], X: list[Any], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Any]]]:
    shim = cast(HeadShim, model.shims[0])
    if shim.sizes is None:
        raise ClintlError(Errors.CL323.format(name=model.name))
    if not X:
        return model.ops.alloc2f(0, shim.sizes[1]), lambda d_logits: []
    if model.attrs["takes_sides"]:
        return shim(X, is_train)
    logits, backprop_shim = shim([(vectors,) for vectors in X], is_train)

    def backprop(d_logits: Floats2d) -> list[Any]:
        return [d_vectors for (d_vectors,) in backprop_shim(d_logits)]

    return logits, backprop


def init(model: Model[list[Any], Floats2d], X: list[Any] | None = None, Y: object = None) -> None:
    if X:
        first = X[0][0] if model.attrs["takes_sides"] else X[0]
        model.set_dim("nI", first.shape[1])
    cast(HeadShim, model.shims[0]).make(model.get_dim("nI"), model.get_dim("nO"))


def resize_output(model: Model[list[Any], Floats2d], n_labels: int) -> None:
    """Make room for more labels; those there keep their weights."""
    model.set_dim("nO", n_labels, force=True)
    cast(HeadShim, model.shims[0]).resize(n_labels)


class HeadShim(PyTorchShim):
    """Holds a head's module, or none as long as its sizes are not known.

    The sizes are stored beside the weights: what is loaded is built first. All other settings are
    those of the configuration.
    """

    def __init__(self, build: Callable[[int, int], torch.nn.Module]):
        super().__init__(None)
        self.build = build
        self.sizes: tuple[int, int] | None = None

    def make(self, width: int, n_labels: int) -> None:
        """Build the module, with new weights, on the active device."""
        self._model = self.build(width, n_labels).to(get_torch_default_device())
        self.sizes = (width, n_labels)

    def resize(self, n_labels: int) -> None:
        """Build the module for more labels; the weights of those there are kept."""
        if self.sizes is None:
            return
        old = self._model.state_dict()
        self.make(self.sizes[0], n_labels)
        for name, new in self._model.state_dict().items():
            new[tuple(slice(size) for size in old[name].shape)] = old[name]
        # The moments that an optimizer keeps by this id have the old shapes.
        with Shim.global_id_lock:
            Shim.global_id += 1
            self.id = Shim.global_id

    def __call__(
        self, inputs: Sequence[Sequence[Floats2d]], is_train: bool
    ) -> tuple[Floats2d, Callable[[Floats2d], list[tuple[Floats2d, ...]]]]:
        """Run the module over documents, sorted by length into sub-batches.

        inputs (Sequence[Sequence[Floats2d]]): Each document's one or two arrays of token vectors,
            none of them without rows; each of shape (tokens, width).
        is_train (bool): Whether to apply dropout and to prepare for the backward pass.
        RETURNS (tuple): The logits, shape (documents, labels); and a callback that takes their
            gradient, adds to that of the weights and gives that of the inputs.
        """
        self._model.train(is_train)
        sizes = [len(part) for document in inputs for part in document]
        xp = get_array_module(inputs[0][0])
        flat = xp.concatenate([part for document in inputs for part in document])
        tokens = xp2torch(flat.astype("float32", copy=False), device=self.device)
        tokens.requires_grad_(is_train)
        packs = pack_by_length([max(map(len, document)) for document in inputs], SUBBATCH_TOKENS)
        with torch.set_grad_enabled(is_train):
            documents = _regroup(tokens.split(sizes), inputs)
            outputs = [self._model([documents[i] for i in pack]) for pack in packs]
        order = torch.tensor([i for pack in packs for i in pack], device=tokens.device)
        logits = torch.cat([output.detach() for output in outputs])[torch.argsort(order)]

        def backprop(d_logits: Floats2d) -> list[tuple[Floats2d, ...]]:
            gradient = xp2torch(d_logits.astype("float32"), device=tokens.device)
            # Sub-batches of documents that are not annotated for the task cost nothing.
            parts = [(output, gradient[pack]) for output, pack in zip(outputs, packs)]
            parts = [(output, part) for output, part in parts if part.any()]
            if parts:
                torch.autograd.backward(*zip(*parts))
            d_tokens = torch.zeros_like(tokens) if tokens.grad is None else tokens.grad
            return _regroup([torch2xp(d) for d in d_tokens.split(sizes)], inputs)

        return torch2xp(logits), backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change what has a gradient.

        Gradients become None afterwards, and not zero: what got none in the next step must not be
        decayed or carried on by momentum.
        """
        if self._model is None:
            return
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                value, _ = optimizer(
                    (self.id, name), torch2xp(parameter.data), torch2xp(parameter.grad)
                )
                parameter.data.copy_(xp2torch(value, device=parameter.device))
                parameter.grad = None

    @contextlib.contextmanager
    def use_params(self, params: dict) -> Iterator[None]:
        """Use other weights for a while, such as the optimizer's averages."""
        backup = {}
        for name, parameter in self._model.named_parameters() if self._model is not None else ():
            if (self.id, name) in params:
                backup[name] = parameter.data
                value = xp2torch(params[self.id, name], device=parameter.device)
                parameter.data = value.reshape(parameter.shape)
        try:
            yield
        finally:
            for name, value in backup.items():
                self._model.get_parameter(name).data = value

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module, if there is one."""
        if self._model is not None:
            super().to_device(device_type, device_id)

    def to_bytes(self) -> bytes:
        """Serialize sizes and weights."""
        weights = None
        if self._model is not None:
            state = self._model.state_dict()
            weights = safetensors.torch.save(
                {name: value.detach().cpu().contiguous() for name, value in state.items()}
            )
        return srsly.msgpack_dumps({"sizes": self.sizes, "weights": weights})

    def from_bytes(self, bytes_data: bytes) -> "HeadShim":
        """Load what `to_bytes` wrote."""
        message = srsly.msgpack_loads(bytes_data)
        if message["sizes"] is not None:
            self.make(*message["sizes"])
            try:
                self._model.load_state_dict(safetensors.torch.load(message["weights"]))
            except RuntimeError as error:
                raise ClintlError(Errors.CL348.format(head=type(self._model).__name__)) from error
        return self

    def copy(self) -> "HeadShim":
        """Return an independent copy with an id of its own, so that an optimizer that sees both
        keeps their moments apart."""
        return HeadShim(self.build).from_bytes(self.to_bytes())

    def __deepcopy__(self, memo: dict) -> Shim:
        return self.copy()


def _regroup(parts: Sequence[Any], documents: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    remaining = iter(parts)
    return [tuple(next(remaining) for _ in document) for document in documents]


class LabelLogits(torch.nn.Module):
    """An affine layer in which a label's logit is the same to the last bit however many labels
    stand beside it, as it must be when labels are added. Matrix products do not warrant that.

    width (int): The width of the features.
    n_labels (int): The number of labels.
    """

    def __init__(self, width: int, n_labels: int):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.empty(n_labels, width))
        self.bias = torch.nn.Parameter(torch.zeros(n_labels))
        torch.nn.init.uniform_(self.weights, -(width**-0.5), width**-0.5)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        # No more than 64 MB of products at once.
        rows = features.split(max(1, 2**24 // self.weights.numel()))
        logits = [(part[:, None] * self.weights).sum(dim=-1) for part in rows]
        return torch.cat(logits) + self.bias


def pad(sequences: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad sequences to the longest.

    sequences (Sequence[Tensor]): Each of shape (tokens, width).
    RETURNS (tuple[Tensor, Tensor]): Shape (sequences, longest, width), zeros behind the end; and
        where the tokens are, bool, shape (sequences, longest).
    """
    padded = pad_sequence(list(sequences), batch_first=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    *,
    n_heads: int = 1,
    scale: float | None = None,
) -> torch.Tensor:
    """Attend from each query to the tokens: the mean of values, weighted by the softmax of scores.

    The kernels behind it work block by block: no array of queries by tokens is made.

    queries (Tensor): Shape (documents, queries, width).
    keys, values (Tensor): Shape (documents, tokens, width).
    mask (Tensor): Where the tokens are; bool, shape (documents, tokens).
    n_heads (int): Into how many heads the width is divided.
    scale (Optional[float]): What scores are multiplied by; None is 1 / sqrt(width of a head).
    RETURNS (Tensor): Shape (documents, queries, width).
    """
    queries, keys, values = (
        part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (queries, keys, values)
    )
    # Without padding there is no need of a mask, and faster kernels know none.
    where = None if bool(mask.all()) else mask[:, None, None, :]
    found = F.scaled_dot_product_attention(queries, keys, values, attn_mask=where, scale=scale)
    return found.transpose(1, 2).flatten(-2)
