"""Label-wise attention: each label reads the document for itself, for hundreds of codes."""

from functools import partial

import torch
from thinc.api import Model
from thinc.types import Floats2d
from torch import nn

from .settings import require_dropout, require_positive
from .torch_head import Document, attend, pad, torch_head


def label_attention_head_v1(
    hidden_width: int = 128, dropout: float = 0.2
) -> Model[list[Floats2d], Floats2d]:
    """Build a head in which each label attends to the tokens that matter to it, as in CAML
    (Mullenbach et al. 2018, sections 2.2 and 2.3). An affine layer stands in the place of CAML's
    convolution (section 2.1), as token vectors come with their context.

    No array of tokens by labels by width is made, nor one of tokens by labels.

    hidden_width (int): The width in which labels are compared to tokens.
    dropout (float): Dropout of token vectors and of what each label found, in training. That of
        [training] does not change it.
    RETURNS (Model[List[Floats2d], Floats2d]): The head.
    RAISES (ClintlError): For an impossible setting.
    """
    require_positive("LabelAttentionHead", hidden_width=hidden_width)
    require_dropout("LabelAttentionHead", dropout)
    build = partial(LabelAttention, hidden_width=hidden_width, dropout=dropout)
    return torch_head("label_attention_head", build)


class LabelAttention(nn.Module):
    """The layers of the head. H = tanh(tokens), A = softmax(U Hᵀ), logits = rows of (A H) · W + b.

    width (int): The width of token vectors.
    n_labels (int): The number of labels.
    """

    def __init__(self, width: int, n_labels: int, *, hidden_width: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden_width)
        self.queries = nn.Parameter(torch.empty(n_labels, hidden_width))
        self.weights = nn.Parameter(torch.empty(n_labels, hidden_width))
        self.bias = nn.Parameter(torch.zeros(n_labels))
        nn.init.xavier_uniform_(self.queries)
        nn.init.xavier_uniform_(self.weights)

    def forward(self, documents: list[Document]) -> torch.Tensor:
        tokens, mask = pad([tokens for (tokens,) in documents])
        hidden = torch.tanh(self.hidden(self.dropout(tokens)))
        queries = self.queries.expand(len(documents), -1, -1)
        found = self.dropout(attend(queries, hidden, hidden, mask, scale=1.0))
        return torch.einsum("dlw,lw->dl", found, self.weights) + self.bias
