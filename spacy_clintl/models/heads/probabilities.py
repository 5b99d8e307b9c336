"""From logits to probabilities inside a model, with the way back."""

from collections.abc import Callable

from thinc.types import Floats2d

from ..losses import sigmoid, softmax


def probabilities(
    logits: Floats2d, exclusive: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Turn logits into probabilities.

    logits (Floats2d): Shape (documents, labels).
    exclusive (bool): Whether the labels exclude each other: softmax, else a sigmoid each.
    RETURNS (tuple[Floats2d, Callable]): The probabilities, and a callback from their gradient to
        that of the logits.
    """
    probs = softmax(logits) if exclusive else sigmoid(logits)

    def backprop(d_probs: Floats2d) -> Floats2d:
        if exclusive:
            return probs * (d_probs - (d_probs * probs).sum(axis=1, keepdims=True))
        return d_probs * probs * (1.0 - probs)

    return probs, backprop
