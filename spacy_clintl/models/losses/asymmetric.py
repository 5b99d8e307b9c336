"""Asymmetric loss: of many labels few are true, and the many false ones should not drown them."""

import math
from functools import partial

from thinc.api import get_array_module
from thinc.types import Floats2d

from .base import Loss, check_setting, divide, log_sigmoid, zero_where_masked
from .focal import focal_terms


def make_asymmetric_v1(gamma_pos: float = 0.0, gamma_neg: float = 4.0, clip: float = 0.05) -> Loss:
    """Create the asymmetric loss, for labels that do not exclude each other.

    Ridnik et al. 2021, section 2, with the settings of section 4 as defaults. The gradient is that
    of the whole expression; the factors that focus are not held constant.

    gamma_pos (float): Focusing of labels that are true, as `gamma` of the focal loss.
    gamma_neg (float): Focusing of labels that are false.
    clip (float): The probability up to which a label that is false gives no loss at all; greater
        ones are lowered by as much. 0 lowers none.
    RETURNS (Loss): The loss.
    RAISES (ClintlError): For a negative gamma, or a clip outside 0 to 1.
    """
    for setting, gamma in (("gamma_pos", gamma_pos), ("gamma_neg", gamma_neg)):
        valid = gamma >= 0 and math.isfinite(gamma)
        check_setting("AsymmetricLoss", setting, gamma, valid, "0 or more")
    check_setting("AsymmetricLoss", "clip", clip, 0 <= clip < 1, "0 or more and below 1")
    return partial(asymmetric, gamma_pos=gamma_pos, gamma_neg=gamma_neg, clip=clip)


def asymmetric(
    logits: Floats2d,
    truths: Floats2d,
    mask: Floats2d,
    gamma_pos: float = 0.0,
    gamma_neg: float = 4.0,
    clip: float = 0.05,
) -> tuple[Floats2d, Floats2d]:
    """Compute the asymmetric loss of the labels that are known.

    logits (Floats2d): What the head says, shape (documents, labels).
    truths (Floats2d): Target probabilities of each label.
    mask (Floats2d): 1 where `truths` is known, else 0.
    gamma_pos, gamma_neg, clip (float): See `make_asymmetric_v1`.
    RETURNS (tuple[Floats2d, Floats2d]): A value a label, and the gradient of their sum; both of
        shape (documents, labels).
    """
    if_true, slope_true = focal_terms(logits, gamma_pos)
    if clip:
        if_false, slope_false = _clipped_terms(logits, gamma_neg, clip)
    else:
        if_false, slope_false = focal_terms(-logits, gamma_neg)
        slope_false = -slope_false
    values = truths * if_true + (1.0 - truths) * if_false
    gradient = truths * slope_true + (1.0 - truths) * slope_false
    return zero_where_masked(values, mask), zero_where_masked(gradient, mask)


asymmetric.for_exclusive = False  # type: ignore[attr-defined]


def _clipped_terms(logits: Floats2d, gamma: float, clip: float) -> tuple[Floats2d, Floats2d]:
    """Compute the values and slopes of labels that are all false."""
    xp = get_array_module(logits)
    prob, rest = xp.exp(log_sigmoid(logits)), xp.exp(log_sigmoid(-logits))
    lowered = xp.maximum(prob - clip, 0)
    # 1 - lowered, but never 0, however small `clip` is.
    lowered_rest = xp.minimum(rest + clip, 1)
    log_rest = xp.log(lowered_rest)
    focus = lowered**gamma
    ratio = divide(log_rest, lowered, limit=-1.0)
    slopes = prob * rest * focus * (1.0 / lowered_rest - gamma * ratio)
    return zero_where_masked(-focus * log_rest, lowered), zero_where_masked(slopes, lowered)
