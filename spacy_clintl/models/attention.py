"""How attention is computed."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

# The greatest padded length, in word pieces, at which attention is trained by plain products.
PLAIN_ATTENTION = 512


def attention_for(ids: torch.Tensor) -> AbstractContextManager:
    """Choose how attention is computed for a batch, in a `with` around the encoder's forward pass.

    On the CPU the backward pass of torch's fused kernel is slow: with it attention took two fifths
    of a training step. Plain matrix products are faster there; their memory grows
    with the square of the length, so only up to a limit.

    ids (Tensor): The word piece ids, shape (windows, pieces).
    RETURNS (AbstractContextManager): The context.
    """
    plain = torch.is_grad_enabled() and ids.device.type == "cpu"
    if plain and ids.shape[1] <= PLAIN_ATTENTION:
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()
