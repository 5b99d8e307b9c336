"""Losses of classification heads. Registered functions, so that a task names its own.

Each takes logits, truths and a mask, all of shape (documents, labels), and returns the loss and
its gradient with respect to the logits. What is masked gives neither. Both are divided by the
number of documents with anything labelled, so that a head that is labelled rarely does not
learn less from each label than one that is labelled often.
"""

from collections.abc import Callable

from thinc.api import get_array_module
from thinc.types import Floats2d

Loss = Callable[[Floats2d, Floats2d, Floats2d], tuple[float, Floats2d]]


def make_cross_entropy_v1() -> Loss:
    """Create the softmax cross-entropy, for labels that exclude each other."""
    return cross_entropy


def make_binary_cross_entropy_v1() -> Loss:
    """Create the binary cross-entropy, summed over the labels, for labels that do not."""
    return binary_cross_entropy


def cross_entropy(logits: Floats2d, truths: Floats2d, mask: Floats2d) -> tuple[float, Floats2d]:
    """Compute the softmax cross-entropy over the documents that are labelled in full.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities, each row summing to 1 where labelled.
    mask (Floats2d): 1 where `truths` is known, else 0.
    RETURNS (tuple[float, Floats2d]): The mean loss and its gradient.
    """
    xp = get_array_module(logits)
    rows = mask.min(axis=1, keepdims=True)
    n_rows = max(float(rows.sum()), 1.0)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
    loss = -float((truths * log_probs * rows).sum()) / n_rows
    return loss, (xp.exp(log_probs) - truths) * rows / n_rows


def binary_cross_entropy(
    logits: Floats2d, truths: Floats2d, mask: Floats2d
) -> tuple[float, Floats2d]:
    """Compute the binary cross-entropy over the labels that are known.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities of each label.
    mask (Floats2d): 1 where `truths` is known, else 0.
    RETURNS (tuple[float, Floats2d]): The loss, summed over labels, averaged over documents; and
        its gradient.
    """
    xp = get_array_module(logits)
    n_rows = max(float(mask.max(axis=1).sum()), 1.0)
    # log(1 + exp(x)) without overflow.
    softplus = xp.maximum(logits, 0) + xp.log1p(xp.exp(-xp.abs(logits)))
    loss = float(((softplus - truths * logits) * mask).sum()) / n_rows
    return loss, (sigmoid(logits) - truths) * mask / n_rows


def sigmoid(logits: Floats2d) -> Floats2d:
    """Squash logits to probabilities without overflow."""
    xp = get_array_module(logits)
    return 0.5 * (xp.tanh(0.5 * logits) + 1.0)


def softmax(logits: Floats2d) -> Floats2d:
    """Turn each row of logits into probabilities."""
    xp = get_array_module(logits)
    exps = xp.exp(logits - logits.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)
