"""Token vectors to IOB2 tags."""

from collections.abc import Callable

from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d

from .crf import crf_layer
from .heads.resizing import padded, replace_params

TaggerModel = Model[list[Doc], list[Floats2d]]


def iob_tagger_v1(
    tok2vec: Model[list[Doc], list[Floats2d]],
    dropout: float = 0.1,
    nO: int | None = None,
    crf: bool = False,
) -> TaggerModel:
    """Build the model of `iob_ner`: one affine layer over the token vectors.

    tok2vec (Model[List[Doc], List[Floats2d]]): Gives token vectors, one array of shape
        (tokens, width) a document: a listener to the shared encoder, or any tok2vec.
    dropout (float): Dropout of the token vectors. As for spaCy's own layers, each update sets it to
        that of [training].
    nO (Optional[int]): The number of tags; set from the labels.
    crf (bool): Whether to learn scores of neighbouring tags, too, see `models.crf`. They learn at
        the optimizer's rate: with that of a pretrained encoder (some 1e-5) they stay close to 0.
        Give the optimizer a rate for heads (some 1e-3) and the encoder a small share of it.
    RETURNS (Model[List[Doc], List[Floats2d]]): One logit a tag; shape (tokens, tags).
    RAISES (ClintlError): For a CRF with one tag.
    """
    output: Model[Floats2d, Floats2d] = Linear(nO, None)
    head = with_array(chain(Dropout(dropout), output))
    refs = {"tok2vec": tok2vec, "head": head, "output_layer": output}
    layers: list[Model] = [tok2vec, head]
    if crf:
        refs["crf"] = crf_layer(nO)
        layers.append(refs["crf"])
    attrs = {"encoder_share": 1.0}
    return Model("iob_tagger", forward, init=init, layers=layers, refs=refs, attrs=attrs)


def forward(
    model: TaggerModel, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d] | None], list[Doc]]]:
    """Give each token's logits.

    The callback takes their gradients, or None where no token of the batch is annotated: the
    output layer is left alone then; the tok2vec is always called, as a listener must be. Of what
    comes out of the output layer the tok2vec gets the share in `encoder_share`. The scores of a CRF
    are for the loss and the decoder: nothing is done with them here.
    """
    tok2vec, head = model.get_ref("tok2vec"), model.get_ref("head")
    if not any(len(doc) for doc in docs):
        n_tags = model.get_ref("output_layer").get_dim("nO")
        return [model.ops.alloc2f(0, n_tags) for _ in docs], lambda d_logits: docs
    width = tok2vec.get_dim("nO")
    vectors, backprop_tok2vec = tok2vec(docs, is_train)
    # Listeners give arrays without columns for documents without tokens.
    vectors = [v if v.size else model.ops.alloc2f(0, width) for v in vectors]
    logits, backprop_head = head(vectors, is_train)

    def backprop(d_logits: list[Floats2d] | None) -> list[Doc]:
        if d_logits is None:
            return backprop_tok2vec([model.ops.alloc2f(*v.shape) for v in vectors])
        share = model.attrs["encoder_share"]
        return backprop_tok2vec([share * d for d in backprop_head(d_logits)])

    return logits, backprop


def init(model: TaggerModel, X: list[Doc] | None = None, Y: object = None) -> None:
    tok2vec = model.get_ref("tok2vec")
    if model.has_ref("crf"):
        model.get_ref("crf").set_dim("nO", model.get_ref("output_layer").get_dim("nO"))
        model.get_ref("crf").initialize()
    tok2vec.initialize(X=X)
    model.get_ref("head").initialize(X=tok2vec.predict(X) if X else None)


def resize_tagger(model: TaggerModel, n_tags: int) -> None:
    """Make room for more tags, behind those there, which keep their weights.

    model (TaggerModel): The model, initialized.
    n_tags (int): How many tags it is to have. All weights and scores of new ones are 0.
    """
    head, output = model.get_ref("head"), model.get_ref("output_layer")
    _resize(output, {"W": (n_tags, output.get_dim("nI")), "b": (n_tags,)})
    for around in (head, *head.layers):
        around.set_dim("nO", n_tags, force=True)
    if model.has_ref("crf"):
        sizes = {"transitions": (n_tags, n_tags), "start": (n_tags,), "end": (n_tags,)}
        _resize(model.get_ref("crf"), sizes)


def _resize(layer: Model, shapes: dict[str, tuple[int, ...]]) -> None:
    params = {}
    for name, shape in shapes.items():
        params[name] = padded(layer.ops, layer.get_param(name), shape)
        layer.set_param(name, None)  # Thinc changes no dimension of a layer with parameters
    layer.set_dim("nO", next(iter(shapes.values()))[0], force=True)
    replace_params(layer, params)
