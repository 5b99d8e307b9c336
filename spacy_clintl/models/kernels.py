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
    mask = attn_mask
    if mask is not None and (mask.dtype == torch.bool or mask.requires_grad or mask.dim() != 4):
        plain = False
    if not plain or query.shape[2] > MAX_PLAIN_LENGTH:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **rest
        )
    rows, heads, length, width = query.shape
    flat = (rows * heads, length, width)
    dtype = query.dtype
    # The mask is added afterwards: as a part of the product it takes several times as long.
    scores = torch.baddbmm(
        query.new_zeros(1),
        query.reshape(flat),
        key.reshape(flat).transpose(1, 2),
        beta=0.0,
        alpha=width**-0.5 if scale is None else scale,
    )
    if mask is not None:
        # The lowest number of one type can be minus infinity in another.
        mask = mask.clamp(min=torch.finfo(dtype).min).to(dtype)
        scores.view(rows, heads, length, length).add_(mask)
    # The type is named so that autocasting does not widen it: sums are kept in full precision.
    weights = _dropout(torch.softmax(scores, dim=-1, dtype=dtype), dropout_p, training=True)
    return torch.bmm(weights, value.reshape(flat)).view(rows, heads, length, width)


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
        n_draws = -(-values.numel() // 4)
        draws = torch.empty(n_draws, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        draws = draws[: values.numel()].bitwise_right_shift_(1)
        # What is drawn below this is dropped. A difference's sign fills the number: all bits set
        # where it is negative, none elsewhere.
        least = round(p * 2**15) - 2**14
        mask = draws.neg_().add_(least - 1).bitwise_right_shift_(15).view(values.shape)
        ctx.save_for_backward(mask)
        ctx.scale = 1.0 / (1.0 - p)
        return _masked(values, mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (mask,) = ctx.saved_tensors
        return _masked(gradient, mask).mul_(ctx.scale), None


def _masked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    bits = WHOLE_NUMBERS[values.element_size()]
    return values.view(bits).bitwise_and(mask.to(bits)).view(values.dtype)
