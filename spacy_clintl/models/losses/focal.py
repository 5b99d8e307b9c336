"""Focal loss: what the head is sure of already counts less."""

import math
from functools import partial

from thinc.api import get_array_module
from thinc.types import Floats2d

from .base import Loss, check_setting, divide, log_sigmoid, log_softmax, zero_where_masked


def make_focal_v1(gamma: float = 2.0, alpha: float | None = None, exclusive: bool = True) -> Loss:
    """Create the focal loss (Lin et al. 2017, section 3).

    The paper gives the form with a sigmoid for each label, `exclusive = false`. The form with a
    softmax, for labels that exclude each other, puts the same factor on the cross-entropy.

    gamma (float): How fast the weight falls as the probability of the truth rises: it is
        (1 - probability) ** gamma. 0 is the cross-entropy.
    alpha (Optional[float]): The weight of labels that are true; those that are not get 1 - alpha.
        The paper has 0.25 beside a gamma of 2. None gives both the weight 1. For labels that
        exclude each other there is no such balance: use the task's `class_weights`.
    exclusive (bool): Whether labels exclude each other, as in the task's own setting.
    RETURNS (Loss): The loss.
    RAISES (ClintlError): For a negative gamma, or an alpha that is not between 0 and 1 or stands
        beside `exclusive`.
    """
    valid_gamma = gamma >= 0 and math.isfinite(gamma)
    check_setting("FocalLoss", "gamma", gamma, valid_gamma, "0 or more")
    if exclusive:
        expected = "null where 'exclusive = true' (use the task's class_weights)"
        check_setting("FocalLoss", "alpha", alpha, alpha is None, expected)
        return partial(focal, gamma=gamma)
    valid_alpha = alpha is None or 0 < alpha < 1
    check_setting("FocalLoss", "alpha", alpha, valid_alpha, "between 0 and 1, or null")
    return partial(binary_focal, gamma=gamma, alpha=alpha)


def focal(
    logits: Floats2d, truths: Floats2d, mask: Floats2d, gamma: float = 2.0
) -> tuple[Floats2d, Floats2d]:
    """Compute the focal loss with a softmax, of the documents that are labelled in full.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities, each row summing to 1 where labelled.
    mask (Floats2d): 1 where `truths` is known, else 0.
    gamma (float): See `make_focal_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): A value a document, shape (documents, 1); the gradient of
        their sum, shape (documents, labels).
    """
    xp = get_array_module(logits)
    rows = mask.min(axis=1, keepdims=True)
    log_probs = log_softmax(logits)
    probs, rest = xp.exp(log_probs), -xp.expm1(log_probs)
    focus = rest**gamma
    values = -(truths * focus * log_probs).sum(axis=1, keepdims=True)
    # The slope of focus * log(p) in log(p). Written with log(p) / (1 - p), since (1 - p) to the
    # power of gamma - 1 is infinite where a sure head meets a gamma below 1.
    slopes = truths * focus * (1.0 - gamma * probs * divide(log_probs, rest, limit=-1.0))
    gradient = probs * slopes.sum(axis=1, keepdims=True) - slopes
    return zero_where_masked(values, rows), zero_where_masked(gradient, rows)


focal.for_exclusive = True  # type: ignore[attr-defined]


def binary_focal(
    logits: Floats2d,
    truths: Floats2d,
    mask: Floats2d,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> tuple[Floats2d, Floats2d]:
    """Compute the focal loss with a sigmoid for each label, of the labels that are known.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities of each label.
    mask (Floats2d): 1 where `truths` is known, else 0.
    gamma (float): See `make_focal_v1`.
    alpha (Optional[float]): See `make_focal_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): A value a label, and the gradient of their sum; both of
        shape (documents, labels).
    """
    weight_true, weight_false = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    if_true, slope_true = focal_terms(logits, gamma)
    if_false, slope_false = focal_terms(-logits, gamma)
    parts_true, parts_false = weight_true * truths, weight_false * (1.0 - truths)
    values = parts_true * if_true + parts_false * if_false
    gradient = parts_true * slope_true - parts_false * slope_false
    return zero_where_masked(values, mask), zero_where_masked(gradient, mask)


binary_focal.for_exclusive = False  # type: ignore[attr-defined]


def focal_terms(logits: Floats2d, gamma: float) -> tuple[Floats2d, Floats2d]:
    """Compute the focal loss of labels that are all true. For false ones negate the logits.

    logits (Floats2d): What the head says, shape (documents, labels).
    gamma (float): See `make_focal_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): The values and their slopes; both of the same shape.
    """
    xp = get_array_module(logits)
    log_prob = log_sigmoid(logits)
    prob, rest = xp.exp(log_prob), xp.exp(log_sigmoid(-logits))
    focus = rest**gamma
    return -focus * log_prob, focus * (gamma * prob * log_prob - rest)
