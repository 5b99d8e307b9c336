"""Cross-entropy, of a softmax or of each label's sigmoid, with label smoothing."""

from functools import partial

from thinc.api import get_array_module
from thinc.types import Floats2d

from .base import Loss, check_setting, log_sigmoid, log_softmax, sigmoid, zero_where_masked


def make_cross_entropy_v1(label_smoothing: float = 0.0) -> Loss:
    """Create the softmax cross-entropy, for labels that exclude each other.

    label_smoothing (float): The share of the target probability that is spread evenly over all
        labels (Szegedy et al. 2016, section 7).
    RETURNS (Loss): The loss.
    RAISES (ClintlError): Unless the share is 0 or more and below 1.
    """
    _check_smoothing("CrossEntropyLoss", label_smoothing)
    return partial(cross_entropy, label_smoothing=label_smoothing)


def make_binary_cross_entropy_v1(label_smoothing: float = 0.0) -> Loss:
    """Create the binary cross-entropy, for labels that do not exclude each other.

    label_smoothing (float): How far targets move towards 0.5: with 0.1 they are 0.05 and 0.95
        instead of 0 and 1.
    RETURNS (Loss): The loss.
    RAISES (ClintlError): Unless it is 0 or more and below 1.
    """
    _check_smoothing("BinaryCrossEntropyLoss", label_smoothing)
    return partial(binary_cross_entropy, label_smoothing=label_smoothing)


def cross_entropy(
    logits: Floats2d, truths: Floats2d, mask: Floats2d, label_smoothing: float = 0.0
) -> tuple[Floats2d, Floats2d]:
    """Compute the softmax cross-entropy of the documents that are labelled in full.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities, each row summing to 1 where labelled.
    mask (Floats2d): 1 where `truths` is known, else 0.
    label_smoothing (float): See `make_cross_entropy_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): A value a document, shape (documents, 1); the gradient of
        their sum, shape (documents, labels).
    """
    xp = get_array_module(logits)
    rows = mask.min(axis=1, keepdims=True)
    targets = (1.0 - label_smoothing) * truths + label_smoothing / truths.shape[1]
    log_probs = log_softmax(logits)
    values = -(targets * log_probs).sum(axis=1, keepdims=True)
    gradient = xp.exp(log_probs) * targets.sum(axis=1, keepdims=True) - targets
    return zero_where_masked(values, rows), zero_where_masked(gradient, rows)


cross_entropy.for_exclusive = True  # type: ignore[attr-defined]


def binary_cross_entropy(
    logits: Floats2d, truths: Floats2d, mask: Floats2d, label_smoothing: float = 0.0
) -> tuple[Floats2d, Floats2d]:
    """Compute the binary cross-entropy of the labels that are known.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities of each label.
    mask (Floats2d): 1 where `truths` is known, else 0.
    label_smoothing (float): See `make_binary_cross_entropy_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): A value a label, and the gradient of their sum; both of
        shape (documents, labels).
    """
    targets = (1.0 - label_smoothing) * truths + label_smoothing / 2
    values = -targets * log_sigmoid(logits) - (1.0 - targets) * log_sigmoid(-logits)
    return zero_where_masked(values, mask), zero_where_masked(sigmoid(logits) - targets, mask)


binary_cross_entropy.for_exclusive = False  # type: ignore[attr-defined]


def _check_smoothing(loss: str, value: float) -> None:
    check_setting(loss, "label_smoothing", value, 0 <= value < 1, "0 or more and below 1")
