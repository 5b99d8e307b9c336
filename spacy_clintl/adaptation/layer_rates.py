"""Learning rates by layer, for an encoder below a head for masked-language modelling."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from ..models.freezing import rate_of


def parameter_groups(
    model: Any, *, rate: float, layer_decay: float, weight_decay: float, decayed: Collection[str]
) -> list[dict[str, Any]]:
    """Sort the parameters that learn into groups for an optimizer (Howard and Ruder 2018, 3.2).

    The head learns at the full rate, a layer at `layer_decay` times the rate of the layer above it.

    model (PreTrainedModel): A masked-language model.
    rate (float): The rate of head and top layer.
    layer_decay (float): How much smaller the rate gets from each layer to the one below.
    weight_decay (float): For the parameters named in `decayed`.
    decayed (Collection[str]): Names in `model.named_parameters()`.
    RETURNS (list[dict]): Groups of parameters, the highest rate first.
    """
    inside = {id(p): name for name, p in model.base_model.named_parameters()}
    n_layers = model.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Any]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        own = rate
        if id(parameter) in inside:
            own = rate_of(inside[id(parameter)], n_layers, rate, layer_decay)
        groups[own, weight_decay if name in decayed else 0.0].append(parameter)
    return [
        {"params": groups[own, decay], "lr": own, "weight_decay": decay}
        for own, decay in sorted(groups, reverse=True)
    ]
