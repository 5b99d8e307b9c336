"""Homoscedastic uncertainty: the noisier a task, the less it weighs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
from thinc.api import Optimizer

from .base import State, Weighting, check_number

_LOG_VARIANCES = "log_variances"
# A task learned by heart has a loss of nearly 0: its factor would grow until it overflows.
LIMIT = 10.0


class UncertaintyWeights(Weighting):
    """Learns a log variance for each task, see `make_uncertainty_weights_v1`."""

    changes: ClassVar[bool] = True

    def __init__(self, rate: float = 1.0):
        check_number("UncertaintyWeights", "rate", rate)
        self.rate = rate

    def factors(self, tasks: Sequence[str], state: State) -> dict[str, float]:
        """Give exp(-s) of each task, see `Weighting.factors`."""
        return {task: math.exp(-_log_variance(task, state)) for task in tasks}

    def penalty(self, task: str, state: State) -> float:
        """Give s / 2, see `Weighting.penalty`."""
        return _log_variance(task, state) / 2

    def finish_update(
        self,
        losses: Mapping[str, Sequence[float]],
        weights: Mapping[str, float],
        state: State,
        sgd: Optimizer,
        key: int,
    ) -> None:
        """Let the optimizer change the log variances of the tasks that had gold."""
        learned = state.setdefault(_LOG_VARIANCES, {})
        for task, values in losses.items():
            s = _log_variance(task, state)
            slope = weights[task] * sum(0.5 - math.exp(-s) * value for value in values)
            # Each is a parameter of its own: in one array, momentum would move the others, too.
            with _without_decay(sgd):
                value, _ = sgd(
                    (key, f"log_variance/{task}"),
                    np.array([s], dtype="float32"),
                    np.array([slope], dtype="float32"),
                    lr_scale=self.rate,
                )
            learned[task] = min(max(float(value[0]), -LIMIT), LIMIT)


def make_uncertainty_weights_v1(rate: float = 1.0) -> UncertaintyWeights:
    """Create the weighting by homoscedastic uncertainty (Kendall, Gal & Cipolla 2018, section 3).

    Each task has a log variance s, 0 at first, and adds `weight * (exp(-s) * loss + s / 2)` to the
    objective. That is the paper's form for classification (equation 10): loss / sigma² + log sigma
    with s = log sigma²; the variance is the temperature of the softmax. Tagging and labels that do
    not exclude each other are weighed in the same way. At rest the factor exp(-s) is 1 / (2 loss).
    The task's own `weight` multiplies both parts; on the loss alone it would be learned away.

    A log variance depends on the loss of its own task only, so that the tasks of several
    components (`multitask_textcat` beside `iob_ner`) are balanced when each component has this
    weighting. It is updated by the optimizer of training, without weight decay and only when its
    task had gold, and is kept between -10 and 10. The reported loss of the component is the
    objective, which may fall below 0.

    rate (float): What the optimizer's rate is multiplied by for the log variances. At the rate of
        a pretrained encoder (some 1e-5) they would stay close to 0: give some 100 there.
    RETURNS (UncertaintyWeights): The weighting.
    RAISES (ClintlError): For a rate of 0 or less.
    """
    return UncertaintyWeights(rate)


def _log_variance(task: str, state: State) -> float:
    return state.get(_LOG_VARIANCES, {}).get(task, 0.0)


@contextmanager
def _without_decay(sgd: Optimizer) -> Iterator[None]:
    decay, sgd.L2 = sgd.L2, 0.0
    try:
        yield
    finally:
        sgd.L2 = decay
