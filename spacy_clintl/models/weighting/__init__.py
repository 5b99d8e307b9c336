"""What the losses of a component's tasks are multiplied by. Registered functions, so that a
component names its own; a user's own is a subclass of `Weighting`.
"""

from .base import State, Weighting, make_fixed_weights_v1
from .dynamic_average import DynamicWeightAverage, make_dynamic_weight_average_v1
from .uncertainty import UncertaintyWeights, make_uncertainty_weights_v1

__all__ = [
    "DynamicWeightAverage",
    "State",
    "UncertaintyWeights",
    "Weighting",
    "make_dynamic_weight_average_v1",
    "make_fixed_weights_v1",
    "make_uncertainty_weights_v1",
]
