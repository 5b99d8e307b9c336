"""What every weighting of tasks offers, and the one that changes nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from thinc.api import Optimizer

from ...errors import ClintlError, Errors

# What a weighting has learned: numbers in dicts, which the component saves as JSON.
State = dict[str, Any]


class Weighting:
    """Weighs the losses of a component's tasks; this one by their own fixed weights only.

    The objective of a batch is the sum, over the tasks with gold in it, of
    `weight * (factor * loss + penalty)`. The weight is the task's own, from the settings.

    An object holds settings and nothing else. What changes in training stands in `state`, a dict of
    the component, empty at first and saved with it (numbers to ten decimals).
    """

    changes: ClassVar[bool] = False  # whether factors change in training, and are worth a report
    compares: ClassVar[bool] = False  # whether it weighs tasks against each other, and needs two

    def factors(self, tasks: Sequence[str], state: State) -> dict[str, float]:
        """Say what each task's loss is multiplied by now, beside its own weight.

        tasks (Sequence[str]): The tasks that learn.
        state (State): What was learned.
        RETURNS (dict[str, float]): A factor for each of the tasks.
        """
        return dict.fromkeys(tasks, 1.0)

    def penalty(self, task: str, state: State) -> float:
        """Say what a task adds to the objective that does not depend on its loss.

        task (str): The task.
        state (State): What was learned.
        RETURNS (float): The addend, before the task's own weight.
        """
        return 0.0

    def finish_update(
        self,
        losses: Mapping[str, Sequence[float]],
        weights: Mapping[str, float],
        state: State,
        sgd: Optimizer,
        key: int,
    ) -> None:
        """Learn from the batches since the last update; without gold in any, this is not called.

        losses (Mapping[str, Sequence[float]]): For each task that had gold, its losses, one a
            batch, before they were weighted.
        weights (Mapping[str, float]): The own weights of the component's tasks.
        state (State): What was learned; changed in place.
        sgd (Optimizer): The optimizer.
        key (int): The id of the component's model, under which the optimizer keeps its moments.
        """


def make_fixed_weights_v1() -> Weighting:
    """Create the weighting by the tasks' own `weight` (`loss_weight` of `iob_ner`) only."""
    return Weighting()


def check_number(function: str, setting: str, value: Any, *, above: float = 0.0) -> None:
    """Complain about a setting that is not a finite number above a limit."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not above < value < math.inf:
        expected = f"a number above {above:g}"
        raise ClintlError(
            Errors.CL481.format(function=function, setting=setting, value=value, expected=expected)
        )
