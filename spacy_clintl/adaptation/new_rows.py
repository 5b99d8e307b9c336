"""Rows of the embeddings and of the vocabulary's projection for words that were added."""

from typing import Any

import torch

from ..errors import ClintlError, Errors
from ..util import quiet_transformers
from .vocabulary import Growth


@torch.no_grad()
def add_rows(model: Any, growth: Growth) -> None:
    """Give each new word the mean of the rows of the pieces that it was cut into before.

    Hewitt 2021, "Initializing new word embeddings for pretrained language models": rows drawn
    at random would get most of the probability of the rows that were there. The output bias gets
    the mean, too. Projection and embeddings stay tied where they are.

    model (PreTrainedModel): A masked-language model of the base; is changed in place.
    growth (Growth): The words.
    RAISES (ClintlError): transformers cannot resize the head of this model.
    """
    if not growth.entries:
        return
    resize(model, max(growth.ids) + 1)
    for values in _by_piece(model):
        for number, pieces in zip(growth.ids, growth.pieces):
            values[number] = values[pieces].mean(dim=0)


def resize(model: Any, needed: int) -> None:
    """Give a model rows for so many word pieces; some have more rows than their tokenizer pieces.

    model (PreTrainedModel): A masked-language model; is changed in place.
    needed (int): The number of rows.
    RAISES (ClintlError): transformers cannot resize the head of this model.
    """
    n_rows = model.get_input_embeddings().weight.shape[0]
    output = model.get_output_embeddings()
    failed = ClintlError(Errors.CL441.format(model=type(model).__name__))
    if output is not None and output.weight.shape[0] != n_rows:
        raise failed
    if needed <= n_rows:
        return
    try:
        with quiet_transformers():
            model.resize_token_embeddings(needed, mean_resizing=False)
    # Some architectures have a method of their own, with other arguments.
    except Exception as error:
        raise failed from error
    # A bias that transformers has not resized would make the folder unreadable.
    head = (p for n, p in model.named_parameters() if not n.startswith(model.base_model_prefix))
    if any(p.shape == (n_rows,) for p in head) and n_rows != model.config.hidden_size:
        raise failed


def _by_piece(model: Any) -> list[torch.Tensor]:
    """RETURNS (list[torch.Tensor]): What has a row or a number for each piece, each one once."""
    found = [model.get_input_embeddings().weight]
    if (output := model.get_output_embeddings()) is not None:
        found += [output.weight, getattr(output, "bias", None)]
    return list({value.data_ptr(): value for value in found if value is not None}.values())
