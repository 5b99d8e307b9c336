"""Pairs of texts: each side's tokens ask those of the other side."""

from functools import partial

import torch
from thinc.api import Model
from thinc.types import Floats2d
from torch import nn

from .settings import require_dropout, require_positive
from .torch_head import Document, LabelLogits, attend, pad, torch_head


def pair_head_v1(
    hidden_width: int = 128, dropout: float = 0.2
) -> Model[list[tuple[Floats2d, Floats2d]], Floats2d]:
    """Build a head for documents that are pairs (see `spacy_clintl.pairs`).

    Each token attends to the other side's and is compared with what it found (ESIM, Chen et al.
    2017, sections 3.2 and 3.3; an affine layer stands in the place of its LSTMs, as token vectors
    come with their context). Each side is pooled by mean and maximum to u and v, and
    [u, v, |u - v|, u * v] is classified (Conneau et al. 2017, section 3.1).

    At prediction, a document that is no pair is a first side with nothing beside it, and an empty
    side is one token that says nothing; in training, both are errors.

    hidden_width (int): The width in which tokens are compared.
    dropout (float): Dropout of token vectors and before each layer of the classifier, in training.
        That of [training] does not change it.
    RETURNS (Model[List[Tuple[Floats2d, Floats2d]], Floats2d]): The head.
    RAISES (ClintlError): For an impossible setting.
    """
    require_positive("PairHead", hidden_width=hidden_width)
    require_dropout("PairHead", dropout)
    build = partial(PairComparison, hidden_width=hidden_width, dropout=dropout)
    return torch_head("pair_head", build, takes_sides=True)


class PairComparison(nn.Module):
    """The layers of the head.

    width (int): The width of token vectors.
    n_labels (int): The number of labels.
    """

    def __init__(self, width: int, n_labels: int, *, hidden_width: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.reduce = nn.Linear(width, hidden_width)
        self.compare = nn.Linear(4 * hidden_width, hidden_width)
        self.hidden = nn.Linear(8 * hidden_width, hidden_width)
        self.output = LabelLogits(hidden_width, n_labels)

    def forward(self, documents: list[Document]) -> torch.Tensor:
        first, in_first = pad([first for first, _ in documents])
        second, in_second = pad([second for _, second in documents])
        first = self.reduce(self.dropout(first))
        second = self.reduce(self.dropout(second))
        u = self._pooled(first, attend(first, second, second, in_second), in_first)
        v = self._pooled(second, attend(second, first, first, in_first), in_second)
        features = self.dropout(torch.cat([u, v, (u - v).abs(), u * v], dim=1))
        return self.output(self.dropout(torch.relu(self.hidden(features))))

    def _pooled(self, own: torch.Tensor, found: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        features = torch.cat([own, found, own - found, own * found], dim=-1)
        compared = torch.relu(self.compare(features)).masked_fill(~mask[..., None], 0.0)
        mean = compared.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        # Nothing is below 0 behind the rectifier, so the zeros of padding win over no token.
        return torch.cat([mean, compared.amax(dim=1)], dim=1)
