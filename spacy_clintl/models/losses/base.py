"""What losses share: their signature, the mean of a batch, and logarithms without overflow."""

from collections.abc import Callable
from typing import Any

from thinc.api import get_array_module
from thinc.types import Floats2d

from ...errors import ClintlError, Errors

# Logits, truths and mask to values and their gradient, see the package's docstring.
Loss = Callable[[Floats2d, Floats2d, Floats2d], tuple[Floats2d, Floats2d]]


def mean_loss(
    loss: Loss,
    logits: Floats2d,
    truths: Floats2d,
    mask: Floats2d,
    weights: Floats2d | None = None,
) -> tuple[float, Floats2d]:
    """Compute a loss over a batch.

    The sum is divided by the number of documents with anything labelled, so that a head that is
    labelled rarely does not learn less from each label than one that is labelled often. Weights do
    not enter that number: in a batch of heavy documents the loss is greater.

    loss (Loss): The loss.
    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities.
    mask (Floats2d): 1 where `truths` is known, else 0.
    weights (Optional[Floats2d]): What the values are multiplied by: shape (documents, 1), or
        (documents, labels) if the loss looks at each label by itself. None is 1.
    RETURNS (tuple[float, Floats2d]): The loss, summed over labels and averaged over documents; and
        its gradient.
    """
    values, gradient = loss(logits, truths, mask)
    if weights is not None:
        values = values * weights
        gradient = gradient * weights
    n_docs = max(float(mask.max(axis=1).sum()), 1.0)
    return float(values.sum()) / n_docs, gradient / n_docs


def suits(loss: Any, exclusive: bool) -> bool:
    """Tell whether a loss fits labels that exclude each other, or those that do not.

    loss (Any): A loss, perhaps with settings bound by `functools.partial`. It says so by an
        attribute `for_exclusive`.
    exclusive (bool): Whether the labels exclude each other.
    RETURNS (bool): Whether it does; True if it does not say.
    """
    return getattr(getattr(loss, "func", loss), "for_exclusive", exclusive) == exclusive


def check_setting(loss: str, setting: str, value: Any, valid: bool, expected: str) -> None:
    """Complain about an impossible setting of a loss.

    RAISES (ClintlError): Unless `valid`.
    """
    if not valid:
        raise ClintlError(
            Errors.CL336.format(loss=loss, setting=setting, value=value, expected=expected)
        )


def zero_where_masked(values: Floats2d, known: Floats2d) -> Floats2d:
    """Set values to zero, even those that are not numbers.

    values (Floats2d): The values.
    known (Floats2d): Above 0 where they stay; its shape may be broadcast.
    """
    xp = get_array_module(values)
    return xp.where(known > 0, values, xp.zeros_like(values))


def divide(dividend: Floats2d, divisor: Floats2d, limit: float) -> Floats2d:
    """Divide by numbers of 0 or more; where the divisor is 0, give the quotient's limit."""
    xp = get_array_module(dividend)
    positive = divisor > 0
    quotient = dividend / xp.where(positive, divisor, xp.ones_like(divisor))
    return xp.where(positive, quotient, xp.full_like(quotient, limit))


def sigmoid(logits: Floats2d) -> Floats2d:
    """Squash logits to probabilities without overflow, exact where they are close to 0."""
    xp = get_array_module(logits)
    small = xp.exp(-xp.abs(logits))
    return xp.where(logits >= 0, xp.ones_like(small), small) / (1.0 + small)


def softmax(logits: Floats2d) -> Floats2d:
    """Turn each row of logits into probabilities."""
    xp = get_array_module(logits)
    exps = xp.exp(logits - logits.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def log_sigmoid(logits: Floats2d) -> Floats2d:
    """Compute the logarithms of `sigmoid`, exact where the probability rounds to 0 or 1 too."""
    xp = get_array_module(logits)
    return xp.minimum(logits, 0) - xp.log1p(xp.exp(-xp.abs(logits)))


def log_softmax(logits: Floats2d) -> Floats2d:
    """Compute the logarithms of `softmax`, finite where the probability rounds to 0 too."""
    xp = get_array_module(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
