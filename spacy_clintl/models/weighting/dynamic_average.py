"""Dynamic weight average: the slower a task learns, the more it weighs."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from thinc.api import Optimizer

from ...errors import ClintlError, Errors
from .base import State, Weighting, check_number

# The least that a task counts, beside the one that counts most.
LEAST = 0.1


class DynamicWeightAverage(Weighting):
    """Weighs tasks by how their losses fell, see `make_dynamic_weight_average_v1`."""

    changes: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def __init__(self, temperature: float = 2.0, window: int = 200):
        check_number("DynamicWeightAverage", "temperature", temperature)
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ClintlError(
                Errors.CL481.format(
                    function="DynamicWeightAverage",
                    setting="window",
                    value=window,
                    expected="a whole number of updates, 1 or more",
                )
            )
        self.temperature = temperature
        self.window = window

    def factors(self, tasks: Sequence[str], state: State) -> dict[str, float]:
        """Give each task's share of the softmax, times the tasks; see `Weighting.factors`."""
        logits = {task: _ratio(task, state) / self.temperature for task in tasks}
        # Less the largest, so that nothing overflows.
        largest = max(logits.values(), default=0.0)
        powers = {task: max(math.exp(logit - largest), LEAST) for task, logit in logits.items()}
        total = sum(powers.values())
        return {task: len(tasks) * power / total for task, power in powers.items()}

    def finish_update(
        self,
        losses: Mapping[str, Sequence[float]],
        weights: Mapping[str, float],
        state: State,
        sgd: Optimizer,
        key: int,
    ) -> None:
        """Count an update, and close the window when it is full."""
        open_losses = state.setdefault("window", {})
        for task, values in losses.items():
            total, n = open_losses.get(task, (0.0, 0))
            open_losses[task] = [total + sum(values), n + len(values)]
        state["updates"] = state.get("updates", 0) + 1
        if state["updates"] < self.window:
            return
        means = state.setdefault("means", {})
        for task, (total, n) in open_losses.items():
            means[task] = [*means.get(task, []), total / n][-2:]
        state["window"], state["updates"] = {}, 0


def make_dynamic_weight_average_v1(
    temperature: float = 2.0, window: int = 200
) -> DynamicWeightAverage:
    """Create the weighting by dynamic weight average (Liu, Johns & Davison 2019, section 3.2).

    A task's factor is K * exp(r / temperature) / sum of exp(r / temperature) over the K tasks that
    learn (equation 7), with r its mean loss in the last window over that in the window before, so
    that a task whose loss falls more slowly gets more. r is 1 until there are two windows. A task
    counts at least a tenth of what the one with the greatest r does, so that no factor is below
    0.1: a loss of nearly 0 that rises a little would else switch the others off for a window.

    A window takes the place of the paper's epoch, which components do not see: it is a number of
    the component's updates that had gold for any of its tasks. A task's mean is that of the batches
    that had gold for it; a window without any is passed over, and its r stays. Losses count
    before they are weighted, and the factor multiplies the task's own `weight`.

    The tasks are those of one component. The losses of others are in the dict that `nlp.update`
    passes around, but as sums that go back to 0 at evaluations unknown here, in units of their own,
    and only those of components that stand before: a balance by them would depend on the order of
    the pipeline. To balance across components take `spacy_clintl.UncertaintyWeights.v1`.

    temperature (float): The higher, the more alike are the factors.
    window (int): The length of a window, in updates.
    RETURNS (DynamicWeightAverage): The weighting.
    RAISES (ClintlError): For a temperature of 0 or less, or a window below 1.
    """
    return DynamicWeightAverage(temperature, window)


def _ratio(task: str, state: State) -> float:
    means = state.get("means", {}).get(task, [])
    # A loss that was 0 cannot have fallen.
    return means[1] / means[0] if len(means) == 2 and means[0] else 1.0
