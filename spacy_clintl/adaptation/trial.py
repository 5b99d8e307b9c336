"""A trial of the base before any text is read: some architectures lack what adapting needs."""

from pathlib import Path
from typing import Any

import torch

from ..errors import ClintlError, Errors
from ..util import first_line, quiet_transformers
from .masked_lm import load_masked_lm, masked_lm_loss
from .new_rows import resize


@torch.no_grad()
def try_out(base: str | Path, tokenizer: Any, *, length: int, add_words: int) -> None:
    """Compute the loss of one masked piece, with a row for a new word if there will be some.

    base (str | Path): The encoder folder.
    tokenizer (PreTrainedTokenizerFast): Its tokenizer, with a mask token.
    length (int): Word pieces a block.
    add_words (int): How many words will be added to the vocabulary, at most.
    RAISES (ClintlError): The weights cannot be read, or not be trained here, or not with new words.
    """
    model, _ = load_masked_lm(base)
    model.eval()
    ids = torch.full((1, length), tokenizer.mask_token_id)
    labels = torch.full_like(ids, -100)
    labels[0, length // 2] = tokenizer.mask_token_id
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    kind = type(model).__name__
    # Whatever an architecture cannot do ends in an error of its own.
    try:
        with quiet_transformers():
            masked_lm_loss(model, batch)
    except Exception as error:
        reason = first_line(error)
        raise ClintlError(Errors.CL455.format(model=kind, reason=reason)) from error
    if not add_words:
        return
    rows, highest = len(model.get_input_embeddings().weight), max(tokenizer.get_vocab().values())
    # One row more shows it, where there are none to spare.
    resize(model, min(rows, highest + add_words) + 1)
    try:
        with quiet_transformers():
            masked_lm_loss(model, batch)
    except Exception as error:
        raise ClintlError(Errors.CL441.format(model=kind)) from error
