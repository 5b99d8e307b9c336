"""Thinc's Adam for all dense parameters of a torch module at once."""

from collections.abc import Sequence

import torch
from thinc.optimizers import Optimizer
from torch.optim.adamw import adamw

# A parameter with its key in the optimizer and its share of the learning rate.
Entry = tuple[tuple[int, str], torch.nn.Parameter, float]


def can_fuse(optimizer: Optimizer, device: torch.device) -> bool:
    """Say whether `update_parameters` does what the optimizer does.

    optimizer (Optimizer): An optimizer of Thinc.
    device (torch.device): Where the parameters are.
    """
    return device.type == "cpu" and not optimizer.use_radam and optimizer.b1 > 0 < optimizer.b2


@torch.no_grad()
def update_parameters(optimizer: Optimizer, entries: Sequence[Entry]) -> None:
    """Do one step of Thinc's Adam on parameters, in place and without averages.

    Thinc goes over each array seven times, on one core; torch's fused kernel once, on all cores.
    Clipping is by parameter, as in Thinc. The moments stay where Thinc keeps them.

    optimizer (Optimizer): See `can_fuse`.
    entries (Sequence[Entry]): Parameters with dense gradients.
    """
    by_step: dict[tuple[int, float], list[Entry]] = {}
    for entry in entries:
        key, parameter, lr_scale = entry
        optimizer.nr_update[key] += 1
        for table in (optimizer.mom1, optimizer.mom2):
            if key not in table:
                table[key] = torch.zeros(parameter.numel()).numpy()
        by_step.setdefault((optimizer.nr_update[key], lr_scale), []).append(entry)
    for (step, lr_scale), group in by_step.items():
        weights = [parameter.data for _, parameter, _ in group]
        gradients = [parameter.grad for _, parameter, _ in group if parameter.grad is not None]
        if optimizer.L2 and not optimizer.L2_is_weight_decay:
            torch._foreach_add_(gradients, weights, alpha=optimizer.L2)
        if optimizer.grad_clip:
            for gradient, norm in zip(gradients, torch._foreach_norm(gradients), strict=True):
                if norm >= optimizer.grad_clip:
                    gradient.mul_(optimizer.grad_clip / norm)
        # Thinc decays weights after the step and torch before it; and Thinc adds eps before it
        # corrects the second moment's bias, torch behind that. These values make both the same.
        rate = lr_scale * optimizer.learn_rate
        decay = rate * optimizer.L2 if optimizer.L2_is_weight_decay else 0.0
        kept_rate = rate * (1 - decay)
        adamw(
            weights,
            gradients,
            [_moments(optimizer.mom1, key, parameter) for key, parameter, _ in group],
            [_moments(optimizer.mom2, key, parameter) for key, parameter, _ in group],
            [],
            [torch.tensor(float(step - 1)) for _ in group],
            fused=True,
            amsgrad=False,
            beta1=optimizer.b1,
            beta2=optimizer.b2,
            lr=kept_rate,
            weight_decay=decay / kept_rate if kept_rate else 0.0,
            eps=optimizer.eps / (1 - optimizer.b2**step) ** 0.5,
            maximize=False,
        )


def _moments(table: dict, key: tuple[int, str], parameter: torch.nn.Parameter) -> torch.Tensor:
    return torch.from_numpy(table[key]).view(parameter.shape)
