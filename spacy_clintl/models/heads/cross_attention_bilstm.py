"""BiLSTM and cross-attention: the document as a whole asks its own tokens, in their order."""

from collections.abc import Sequence
from functools import partial

import torch
from thinc.api import Model
from thinc.types import Floats2d
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from .settings import require, require_dropout, require_positive
from .torch_head import SUBBATCH_TOKENS, Document, LabelLogits, attend, pad, torch_head


def cross_attention_bilstm_head_v1(
    hidden_width: int = 128, attention_heads: int = 4, window: int = 512, dropout: float = 0.3
) -> Model[list[Floats2d], Floats2d]:
    """Build a head that runs the token vectors through a bidirectional LSTM, lets the document
    vector (the mean of the token vectors) attend to the LSTM's states (multi-head attention,
    Vaswani et al. 2017, section 3.2), and classifies both together.

    The LSTM runs over windows of a long document, each from a state of zeros; the attention sees
    the states of all of them. In training, those of a document of many windows are computed again
    in the backward pass, so that memory is bounded by the document's vectors and states.

    hidden_width (int): The LSTM's width in each direction.
    attention_heads (int): Heads of the attention; they divide 2 * hidden_width.
    window (int): The greatest number of tokens the LSTM runs over at once. A longer document is
        cut into the fewest windows, of like lengths; no token is left out.
    dropout (float): Dropout of token vectors and before the classifier, in training. That of
        [training] does not change it.
    RETURNS (Model[List[Floats2d], Floats2d]): The head.
    RAISES (ClintlError): For an impossible setting.
    """
    name = "CrossAttentionBiLSTMHead"
    sizes = {"hidden_width": hidden_width, "attention_heads": attention_heads, "window": window}
    require_positive(name, **sizes)
    divides = 2 * hidden_width % attention_heads == 0
    require(name, "attention_heads", attention_heads, divides, "a divisor of 2 * hidden_width")
    require_dropout(name, dropout)
    build = partial(CrossAttentionBiLSTM, **sizes, dropout=dropout)
    return torch_head("cross_attention_bilstm_head", build)


class CrossAttentionBiLSTM(nn.Module):
    """The layers of the head.

    width (int): The width of token vectors.
    n_labels (int): The number of labels.
    """

    def __init__(
        self,
        width: int,
        n_labels: int,
        *,
        hidden_width: int,
        attention_heads: int,
        window: int,
        dropout: float,
    ):
        super().__init__()
        self.attention_heads = attention_heads
        self.window = window
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, hidden_width, batch_first=True, bidirectional=True)
        self.query = nn.Linear(width, 2 * hidden_width)
        self.key = nn.Linear(2 * hidden_width, 2 * hidden_width)
        self.value = nn.Linear(2 * hidden_width, 2 * hidden_width)
        self.output = LabelLogits(4 * hidden_width, n_labels)

    def forward(self, documents: list[Document]) -> torch.Tensor:
        sequences = [self.dropout(tokens) for (tokens,) in documents]
        query = self.query(torch.stack([tokens.mean(dim=0) for tokens in sequences]))
        states, mask = pad(self.states(sequences))
        found = attend(
            query[:, None],
            self.key(states),
            self.value(states),
            mask,
            n_heads=self.attention_heads,
        )
        return self.output(self.dropout(torch.cat([query, found[:, 0]], dim=1)))

    def states(self, sequences: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Run the LSTM over all windows of all sequences.

        sequences (Sequence[Tensor]): Each of shape (tokens, width).
        RETURNS (list[Tensor]): Each of shape (tokens, 2 * hidden_width).
        """
        windows = [
            window
            for tokens in sequences
            for window in tokens.tensor_split(-(-len(tokens) // self.window))
        ]
        n_rows = max(1, SUBBATCH_TOKENS // self.window)
        groups = [windows[i : i + n_rows] for i in range(0, len(windows), n_rows)]
        if len(groups) > 1 and torch.is_grad_enabled():
            states = [checkpoint(self._run, *group, use_reentrant=False) for group in groups]
        else:
            states = [self._run(*group) for group in groups]
        return list(torch.cat(states).split([len(tokens) for tokens in sequences]))

    def _run(self, *windows: torch.Tensor) -> torch.Tensor:
        packed, _ = self.lstm(pack_sequence(list(windows), enforce_sorted=False))
        states, lengths = pad_packed_sequence(packed, batch_first=True)
        return torch.cat([row[:n] for row, n in zip(states, lengths.tolist())])
