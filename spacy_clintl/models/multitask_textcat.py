"""One set of token vectors, many classification heads."""

from collections.abc import Callable, Mapping

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

Logits = dict[str, Floats2d]
MultiTaskModel = Model[list[Doc], Logits]


def multitask_textcat_v1(tok2vec: Model[list[Doc], list[Floats2d]]) -> MultiTaskModel:
    """Build the model of `multitask_textcat`; the component puts the heads of its tasks on.

    tok2vec (Model[List[Doc], List[Floats2d]]): Gives token vectors, one array of shape
        (tokens, width) a document: a listener to the shared encoder, or any tok2vec.
    RETURNS (Model[List[Doc], Dict[str, Floats2d]]): For each task, by name, one logit a label;
        shape (documents, labels).
    """
    return Model(
        "multitask_textcat",
        forward,
        init=init,
        layers=[tok2vec],
        refs={"tok2vec": tok2vec},
        attrs={"tasks": []},
    )


def add_head(model: MultiTaskModel, task: str, head: Model[list[Floats2d], Floats2d]) -> None:
    """Put a head on the model.

    model (MultiTaskModel): The model.
    task (str): The task's name.
    head (Model[List[Floats2d], Floats2d]): Its head.
    """
    model.layers.append(head)
    model.attrs["tasks"] = [*model.attrs["tasks"], task]


def heads_of(model: MultiTaskModel) -> dict[str, Model[list[Floats2d], Floats2d]]:
    """Return the heads by their tasks' names."""
    return dict(zip(model.attrs["tasks"], model.layers[1:]))


def forward(
    model: MultiTaskModel, docs: list[Doc], is_train: bool
) -> tuple[Logits, Callable[[Mapping[str, Floats2d | None]], list[Doc]]]:
    """Run every head.

    The callback takes each task's gradient or None. A head without a gradient is left alone, so
    that its weights get none either; the tok2vec is always called, as a listener must be.
    """
    tok2vec = model.get_ref("tok2vec")
    heads = heads_of(model)
    width = tok2vec.get_dim("nO")
    backprop_tok2vec = None
    if any(len(doc) for doc in docs):
        vectors, backprop_tok2vec = tok2vec(docs, is_train)
    else:
        vectors = [model.ops.alloc2f(0, width) for _ in docs]
    sizes = [len(doc) for doc in docs]
    # To the heads a document without tokens is one token that says nothing.
    vectors = [v if v.size else model.ops.alloc2f(1, width) for v in vectors]
    results = {task: head(vectors, is_train) for task, head in heads.items()}

    def backprop(d_logits: Mapping[str, Floats2d | None]) -> list[Doc]:
        d_vectors = [model.ops.alloc2f(*v.shape) for v in vectors]
        for task, (_, backprop_head) in results.items():
            gradient = d_logits.get(task)
            if gradient is not None:
                for total, part in zip(d_vectors, backprop_head(gradient)):
                    total += part
        if backprop_tok2vec is None:
            return docs
        return backprop_tok2vec([d[:size] for d, size in zip(d_vectors, sizes)])

    return {task: logits for task, (logits, _) in results.items()}, backprop


def init(model: MultiTaskModel, X: list[Doc] | None = None, Y: object = None) -> None:
    tok2vec = model.get_ref("tok2vec")
    tok2vec.initialize(X=X)
    vectors = tok2vec.predict(X) if X else None
    for head in heads_of(model).values():
        head.initialize(X=vectors)
