"""The encoder of a pipeline: an architecture for spaCy's stock `transformer` component."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from spacy.tokens import Doc
from spacy_transformers.data_classes import (
    FullTransformerBatch,
    TransformerData,
    WordpieceBatch,
)
from spacy_transformers.layers import split_trf_batch, trfs2arrays
from thinc.api import Model, chain
from thinc.types import Floats2d, Floats3d, Ragged
from transformers.modeling_outputs import BaseModelOutput

from ..errors import ClintlError, Errors
from .encoder import load_encoder
from .encoder_shim import EncoderSettings, EncoderShim
from .windows import DocWindows, cut_windows

TransformerModel = Model[list[Doc], FullTransformerBatch]


def adapted_transformer_v1(
    name: str | None,
    window: int | None = None,
    overlap: int = 64,
    precision: str = "auto",
    freeze: str = "none",
    rate: float = 1.0,
    layer_decay: float = 1.0,
    unfreeze_every: int = 0,
    dropout: float | None = None,
    attention_dropout: float | None = 0.0,
    subbatch_pieces: int | None = None,
    kept_pieces: int = 16384,
) -> TransformerModel:
    """Build the encoder for the stock `transformer` factory, which stock listeners listen to.

    The folder is read by `nlp.initialize()` only. A saved pipeline carries all it needs. A document
    that is a pair (see `spacy_clintl.pairs`) is encoded as the tokenizer encodes two sequences.

    name (Optional[str]): An encoder folder, as `spacy clintl base` and `spacy clintl adapt` write
        them. A config may leave it open (null) until training.
    window (Optional[int]): The greatest number of word pieces encoded together, special ones
        included; None is what the encoder takes. Longer documents are cut, see `windows`.
    overlap (int): How many word pieces neighbouring windows of a long document share at least.
    precision (str): "auto" (bf16 products where the hardware has them), "fp32" or "bf16".
    freeze (str): "none"; "all"; "embeddings_and_head" (of the encoder only the embeddings learn);
        "bottom:N" (the embeddings and the first N layers are frozen).
    rate (float): The encoder's share of the learning rate. Heads often want a greater rate than
        a pretrained encoder: set the optimizer's to theirs and this to the quotient.
    layer_decay (float): How much smaller that share gets with each layer downwards.
    unfreeze_every (int): Gradual unfreezing: of what `freeze` lets learn, the top layer learns
        alone during so many updates, then the layer below it as well, and so on down to the
        embeddings (Howard and Ruder 2018, section 3.3); 0 is all at once. Training that goes on
        from a saved pipeline begins at the top again.
    dropout (Optional[float]): Overrides the dropout rates that the encoder comes with.
    attention_dropout (Optional[float]): Overrides that of the attention weights; None keeps it.
        It costs time and memory with the square of a window's length; dropout of the hidden
        states stays as it was.
    subbatch_pieces (Optional[int]): The greatest padded size of what is encoded at once, in word
        pieces; None is what suits the device.
    kept_pieces (int): For how many word pieces of an update activations are kept; those beyond
        are computed again in the backward pass, which bounds memory and costs a third more time.
    RETURNS (Model[List[Doc], FullTransformerBatch]): The model.
    """
    settings = EncoderSettings(
        precision=precision,
        freeze=freeze,
        rate=rate,
        layer_decay=layer_decay,
        unfreeze_every=unfreeze_every,
        dropout=dropout,
        attention_dropout=attention_dropout,
        subbatch_pieces=subbatch_pieces,
        kept_pieces=kept_pieces,
    )
    return Model(
        "adapted_transformer",
        # Not closures: other processes get the model pickled where they are spawned.
        partial(_forward, window=window, overlap=overlap),
        init=partial(_init, name=name, window=window),
        dims={"nO": None},
        shims=[EncoderShim(settings)],
        attrs={
            # The stock names of the hooks that `Language.replace_listeners` looks for.
            "replace_listener": _replace_listener,
            "replace_listener_cfg": _replace_listener_cfg,
        },
    )


def adapted_tok2vec_v1(
    name: str | None,
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    window: int | None = None,
    overlap: int = 64,
    precision: str = "auto",
    freeze: str = "none",
    rate: float = 1.0,
    layer_decay: float = 1.0,
    unfreeze_every: int = 0,
    dropout: float | None = None,
    attention_dropout: float | None = 0.0,
    subbatch_pieces: int | None = None,
    kept_pieces: int = 16384,
) -> Model[list[Doc], list[Floats2d]]:
    """Build an encoder that belongs to one component alone, without a listener.

    This is what `Language.replace_listeners` puts in the place of a listener.

    name (Optional[str]): An encoder folder.
    pooling (Model[Ragged, Floats2d]): Makes a token's vector from those of its word pieces.
    grad_factor (float): What gradients are multiplied by on their way into the encoder.
    The other arguments are those of `spacy_clintl.AdaptedTransformer.v1`.
    RETURNS (Model[List[Doc], List[Floats2d]]): One array of shape (tokens, width) a document.
    """
    encoder = adapted_transformer_v1(
        name=name,
        window=window,
        overlap=overlap,
        precision=precision,
        freeze=freeze,
        rate=rate,
        layer_decay=layer_decay,
        unfreeze_every=unfreeze_every,
        dropout=dropout,
        attention_dropout=attention_dropout,
        subbatch_pieces=subbatch_pieces,
        kept_pieces=kept_pieces,
    )
    # Nested as `replace_listeners` leaves it, so that each can load what the other saved.
    return chain(_replace_listener(encoder), trfs2arrays(pooling, grad_factor))


class PackedTransformerBatch(FullTransformerBatch):
    """A batch whose documents keep arrays of their own length, instead of one padded array.

    `doc_data` holds everything. The fields for the batch as a whole are empty, as there is no
    one array to put there.
    """

    @classmethod
    def of(
        cls, docs: list[Doc], cut: list[DocWindows | None], vectors: list[Floats2d], ops: Any
    ) -> "PackedTransformerBatch":
        """Put window vectors (pieces, width), in the order of the windows, together by document."""
        doc_data = []
        start = 0
        for windows in cut:
            if windows is None:
                doc_data.append(TransformerData.empty())
                continue
            n_windows = len(windows.input_ids)
            doc_vectors = vectors[start : start + n_windows]
            start += n_windows
            hidden = doc_vectors[0][None] if n_windows == 1 else ops.xp.stack(doc_vectors)
            doc_data.append(_doc_data(windows, hidden))
        return cls(
            spans=[[doc[:]] if len(doc) else [] for doc in docs],
            wordpieces=WordpieceBatch.empty(),
            model_output=BaseModelOutput(),
            align=Ragged(np.zeros(0, dtype="i"), np.zeros(0, dtype="i")),  # type: ignore[arg-type]
            cached_doc_data=doc_data,
        )

    def unsplit_by_doc(self, arrays: list[list[Floats3d]]) -> "PackedTransformerBatch":
        """Take each document's gradients; those without tokens are left out, as in the stock."""
        gradients = [window for (array,) in arrays for window in array]
        return PackedTransformerBatch(
            spans=self.spans,
            wordpieces=self.wordpieces,
            model_output=BaseModelOutput(last_hidden_state=cast(Any, gradients)),
            align=self.align,
        )


def _doc_data(windows: DocWindows, hidden: Floats3d) -> TransformerData:
    n_windows, n_pieces = windows.input_ids.shape
    return TransformerData(
        wordpieces=WordpieceBatch(
            strings=windows.strings,
            input_ids=windows.input_ids,  # type: ignore[arg-type]
            attention_mask=np.ones((n_windows, n_pieces), dtype="f"),  # type: ignore[arg-type]
            lengths=[n_pieces] * n_windows,
            token_type_ids=windows.types,  # type: ignore[arg-type]
        ),
        model_output=BaseModelOutput(last_hidden_state=cast(Any, hidden)),
        align=Ragged(windows.rows, windows.lengths),  # type: ignore[arg-type]
    )


def _forward(
    model: TransformerModel, docs: list[Doc], is_train: bool, *, window: int | None, overlap: int
) -> tuple[PackedTransformerBatch, Callable]:
    shim = cast(EncoderShim, model.shims[0])
    if shim.encoder is None or shim.special is None:
        raise ClintlError(Errors.CL208)
    size = window or shim.encoder.max_pieces
    cut = cut_windows(docs, shim.encoder.tokenizer, shim.special, window=size, overlap=overlap)
    inputs = [ids for windows in cut if windows is not None for ids in windows.input_ids]
    types = [row for windows in cut if windows is not None for row in windows.type_rows()]
    vectors, backprop_vectors = shim(inputs, is_train, types)

    def backprop(d_batch: PackedTransformerBatch) -> list[Doc]:
        backprop_vectors(cast(Any, d_batch.model_output.last_hidden_state))
        return docs

    return PackedTransformerBatch.of(docs, cut, vectors, model.ops), backprop


def _init(
    model: TransformerModel, X: Any = None, Y: Any = None, *, name: str | None, window: int | None
) -> None:
    shim = cast(EncoderShim, model.shims[0])
    if shim.encoder is None:
        if name is None:
            raise ClintlError(Errors.CL222)
        encoder = load_encoder(
            name,
            dropout=shim.settings.dropout,
            attention_dropout=shim.settings.attention_dropout,
        )
        if window is not None and window > encoder.max_pieces:
            raise ClintlError(Errors.CL207.format(window=window, limit=encoder.max_pieces))
        shim.set_encoder(encoder)
        model.set_dim("nO", encoder.width)


def _replace_listener(model: TransformerModel) -> Model[list[Doc], list[TransformerData]]:
    return chain(model, split_trf_batch())


def _replace_listener_cfg(model_cfg: dict, listener_cfg: dict) -> dict:
    result = dict(model_cfg)
    if "TransformerListener" in listener_cfg["@architectures"]:
        result["@architectures"] = "spacy_clintl.AdaptedTok2Vec.v1"
        for key in ("pooling", "grad_factor"):
            if key in listener_cfg:
                result[key] = listener_cfg[key]
    return result
