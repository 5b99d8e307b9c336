"""The setting `weighting` of components."""

from typing import Any

from ..errors import ClintlError, Errors
from ..models.weighting import Weighting


def check_weighting(value: Any, name: str, *, several: bool = True) -> Weighting:
    """Check a component's setting `weighting`.

    value (Any): What was given; None is the fixed weights.
    name (str): The component's name, for messages.
    several (bool): Whether the component can have more than one task.
    RETURNS (Weighting): The weighting.
    RAISES (ClintlError): When it is none, or compares tasks where there is only one.
    """
    weighting = Weighting() if value is None else value
    if not isinstance(weighting, Weighting):
        raise ClintlError(Errors.CL480.format(name=name, value=value))
    if weighting.compares and not several:
        raise ClintlError(Errors.CL482.format(name=name))
    return weighting
