"""Which parts of an encoder learn, and how fast.

Layers are found by their number in the parameter's name, which all encoders of transformers
share (`encoder.layer.3.…`, `layers.3.…`).
"""

import re

import torch

from ..errors import ClintlError, Errors

LAYER = re.compile(r"(?:^|\.)layers?\.(\d+)\.")


def is_trained(name: str, freeze: str, n_layers: int) -> bool:
    """Say whether a parameter learns under a freezing policy.

    name (str): The parameter's name in the encoder module.
    freeze (str): "none"; "all"; "embeddings_and_head" (only the embeddings learn, and what
        follows the encoder); "bottom:N" (the embeddings and the first N layers are frozen).
    n_layers (int): How many layers the encoder has.
    RAISES (ClintlError): For any other value of `freeze`.
    """
    if freeze == "none":
        return True
    if freeze == "all":
        return False
    depth = _depth(name, n_layers)
    if freeze == "embeddings_and_head":
        return depth == 0
    kind, _, count = freeze.partition(":")
    if kind == "bottom" and count.isdecimal() and int(count) <= n_layers:
        return depth > int(count)
    raise ClintlError(Errors.CL206.format(freeze=freeze, n_layers=n_layers))


def apply_freezing(module: torch.nn.Module, freeze: str, n_thawed: int | None = None) -> None:
    """Freeze parameters of an encoder; the others learn.

    module (torch.nn.Module): The encoder.
    freeze (str): The policy, as in `is_trained`.
    n_thawed (Optional[int]): How many layers learn at most, from the top one down; the embeddings
        count as the one below the lowest. None is all (gradual unfreezing: Howard and Ruder 2018,
        section 3.3).
    """
    n_layers = module.config.num_hidden_layers
    lowest = 0 if n_thawed is None else n_layers + 1 - n_thawed
    if n_thawed is not None or freeze.startswith("bottom:"):
        check_layers(module)
    for name, parameter in module.named_parameters():
        learns = is_trained(name, freeze, n_layers) and _depth(name, n_layers) >= lowest
        parameter.requires_grad_(learns)


def check_layers(module: torch.nn.Module) -> None:
    """Complain of an encoder that no layer of can be told from the others.

    module (torch.nn.Module): The encoder.
    RAISES (ClintlError): Its layers have no numbers: they share one set of weights (ALBERT).
    """
    if not any(LAYER.search(name) for name, _ in module.named_parameters()):
        raise ClintlError(Errors.CL223.format(kind=module.config.model_type))


def rate_of(name: str, n_layers: int, rate: float, layer_decay: float) -> float:
    """Give a parameter's share of the learning rate (Howard and Ruder 2018, section 3.2).

    name (str): The parameter's name in the encoder module.
    n_layers (int): How many layers the encoder has.
    rate (float): The share of the top layer.
    layer_decay (float): How much smaller it gets from each layer to the one below.
    """
    return rate * layer_decay ** (n_layers - _depth(name, n_layers))


def _depth(name: str, n_layers: int) -> int:
    """0 for embeddings, 1 for the lowest layer, `n_layers` for the top one and what stands over
    or beside the layers."""
    layer = LAYER.search(name)
    if layer:
        return int(layer.group(1)) + 1
    # Where embeddings are narrower than layers, what widens them is a part of them.
    is_below = name.startswith("embeddings") or "embedding_hidden_mapping" in name
    return 0 if is_below else n_layers
