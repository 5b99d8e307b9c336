"""Keeping the encoder's states near those of its base while it learns new text."""

import copy
from typing import Any

import torch

from ..models.kernels import training_kernels


class Anchor:
    """The base, which says what states a text had before the encoder was adapted.

    Distillation of representations, as Jin et al. (2022, "Lifelong pretraining", section 3.3)
    compare it for pretraining on new domains. The base reads the text without masks and the encoder
    with them; they are compared where nothing is masked. It costs a forward pass.

    model (PreTrainedModel): The masked-language model before training; its encoder is copied.
    weight (float): What the distance is multiplied by in the loss.
    """

    def __init__(self, model: Any, weight: float) -> None:
        self.weight = weight
        self.base = copy.deepcopy(model.base_model).eval().requires_grad_(False)

    def loss(self, states: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Compare states with those of the base.

        states (torch.Tensor): Of the encoder, (blocks, length, width).
        batch (dict): `input_ids`, `attention_mask` and `labels`, each (blocks, length); -100 is no
            label.
        RETURNS (torch.Tensor): The weight times the mean square of the difference, divided by that
            of the base's own states, so that it does not depend on how large an encoder's are.
        """
        labels = batch["labels"]
        masked = labels != -100
        ids = torch.where(masked, labels, batch["input_ids"])
        attention = batch["attention_mask"]
        self.base.to(states.device)
        with torch.no_grad(), training_kernels(states.device):
            known = self.base(input_ids=ids, attention_mask=attention).last_hidden_state
        compared = ~masked & attention.bool()
        ours, theirs = states[compared].float(), known[compared].float()
        return self.weight * (ours - theirs).square().mean() / theirs.square().mean()
