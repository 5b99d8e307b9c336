"""Faster ways to compute what torch is slow at when it trains on a CPU.

Profiled on two cores with a BERT of six layers: attention's fused backward pass took two fifths
of a training step, and drawing the numbers of dropout, one double a value, a tenth.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Longer sequences keep torch's own attention: the memory of plain products grows with the square.
MAX_PLAIN_LENGTH = 1024
# By the bytes of a number.
WHOLE_NUMBERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def training_kernels(device: torch.device) -> AbstractContextManager:
    """Choose the kernels for a forward pass, in a `with` around it.

    Without gradients, and on any other device than the CPU, torch's own serve best.

    device (torch.device): Where the module runs.
    RETURNS (AbstractContextManager): The context.
    """
    return CpuTraining() if torch.is_grad_enabled() and device.type == "cpu" else nullcontext()


class CpuTraining(TorchFunctionMode):
    """Replaces torch's attention and dropout while the context is active."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **kwargs)
        if func is functional.dropout:
            return _dropout(*args, **kwargs)
        return func(*args, **kwargs)


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **rest: Any,
) -> torch.Tensor:
    """Compute scaled dot-product attention by matrix products, as its definition says.

    query, key, value (Tensor): Shape (rows, heads, pieces, width).
    """
    plain = query.dim() == 4 and query.shape == key.shape == value.shape and not is_causal
    plain = plain and 0.0 <= dropout_p < 1.0
    mask = attn_mask
    if mask is not None and (mask.dtype == torch.bool or mask.requires_grad or mask.dim() != 4):
        plain = False
    if not plain or query.shape[2] > MAX_PLAIN_LENGTH:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **rest
        )
    if torch.is_autocast_enabled(query.device.type):
        # As autocasting does it to torch's own: rotated queries come in full precision.
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if mask is not None:
        # The lowest number of one type can be minus infinity in another.
        mask = mask.clamp(min=torch.finfo(query.dtype).min).to(query.dtype)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return _Attention.apply(query, key, value, mask, dropout_p, scale)


class _Attention(torch.autograd.Function):
    """Attention that keeps two numbers a pair of pieces for its backward pass.

    Torch would keep four, and new memory is what costs.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        p: float,
        scale: float,
    ) -> torch.Tensor:
        rows, heads, length, width = ctx.shape = query.shape
        query, key, value = (
            part.reshape(rows * heads, length, width) for part in (query, key, value)
        )
        # The mask is added afterwards: as a part of the product it takes several times as long.
        weights = _product(query, key.transpose(1, 2), scale)
        if mask is not None:
            weights.view(rows, heads, length, length).add_(mask)
        # The type is named so that no version's autocasting widens it: sums are in full precision.
        weights = torch.softmax(weights, dim=-1, dtype=weights.dtype)
        bits = _draw_bits(weights, p) if p else None
        ctx.save_for_backward(query, key, value, weights, bits)
        ctx.scale, ctx.p = scale, p
        return _product(_thinned(weights, bits, p), value).view(ctx.shape)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, weights, bits = ctx.saved_tensors
        gradient = gradient.reshape(query.shape)
        # The narrow side is the one that is turned around.
        to_value = _product(gradient.transpose(1, 2), _thinned(weights, bits, ctx.p))
        to_scores = _product(gradient, value.transpose(1, 2), 1.0 / (1.0 - ctx.p))
        if bits is not None:
            _mask(to_scores, bits)
        to_scores = torch._softmax_backward_data(to_scores, weights, -1, weights.dtype)
        to_query = _product(to_scores, key, ctx.scale)
        to_key = _product(query.transpose(1, 2), to_scores, ctx.scale)
        return (
            to_query.view(ctx.shape),
            to_key.transpose(1, 2).view(ctx.shape),
            to_value.transpose(1, 2).view(ctx.shape),
            None,
            None,
            None,
        )


def _product(one: torch.Tensor, other: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """Multiply stacks of matrices; in bf16 `torch.bmm` is several times as slow for some shapes."""
    return torch.baddbmm(one.new_zeros(1), one, other, beta=0.0, alpha=scale)


def _thinned(values: torch.Tensor, bits: torch.Tensor | None, p: float) -> torch.Tensor:
    """Drop what was drawn, and make up for it by what is left; None drops nothing."""
    return values if bits is None else _mask(values.clone(), bits).mul_(1.0 / (1.0 - p))


def _dropout(
    input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    if not training or p == 0.0:
        return input
    if inplace or p >= 1.0 or not input.is_floating_point():
        return functional.dropout(input, p, training, inplace)
    return _Dropout.apply(input, p)


class _Dropout(torch.autograd.Function):
    """Dropout whose numbers are drawn four at a time, 15 bits each, and whose mask is one of bits.

    Turning booleans into numbers, to multiply with, takes torch longer than all of this.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, p: float) -> torch.Tensor:
        bits = _draw_bits(values, p)
        ctx.save_for_backward(bits)
        ctx.p = p
        return _thinned(values, bits, p)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (bits,) = ctx.saved_tensors
        return _thinned(gradient, bits, ctx.p), None


def _draw_bits(values: torch.Tensor, p: float) -> torch.Tensor:
    """Draw what is kept: a number a value, all of its bits set, or none where it is dropped."""
    n_draws = -(-values.numel() // 4)
    draws = torch.empty(n_draws, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    draws = draws[: values.numel()].bitwise_right_shift_(1)
    # What is drawn below this is dropped. A difference's sign fills the number: all bits set where
    # it is negative, none elsewhere.
    least = round(p * 2**15) - 2**14
    return draws.neg_().add_(least - 1).bitwise_right_shift_(15).view(values.shape)


def _mask(values: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Set what was dropped to zero, in place."""
    kind = WHOLE_NUMBERS[values.element_size()]
    values.view(kind).bitwise_and_(bits.to(kind))
    return values
