"""One set of token vectors, many classification heads."""

from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import ClintlError, Errors
from ..pairs import has_both_sides, pair_spans
from .heads.probabilities import probabilities

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
        attrs={"tasks": [], "exclusive": {}, "encoder_shares": {}},
    )


def add_head(
    model: MultiTaskModel,
    task: str,
    head: Model[list[Floats2d], Floats2d],
    *,
    exclusive: bool = True,
) -> None:
    """Put a head on the model.

    model (MultiTaskModel): The model.
    task (str): The task's name.
    head (Model[List[Floats2d], Floats2d]): Its head, see `heads`.
    exclusive (bool): Whether the labels of the task exclude each other.
    """
    model.layers.append(head)
    model.attrs["tasks"] = [*model.attrs["tasks"], task]
    model.attrs["exclusive"] = {**model.attrs["exclusive"], task: exclusive}
    for node in head.walk():
        if "exclusive" in node.attrs:
            node.attrs["exclusive"] = exclusive


def heads_of(model: MultiTaskModel) -> dict[str, Model[list[Floats2d], Floats2d]]:
    """Return the heads by their tasks' names."""
    return dict(zip(model.attrs["tasks"], model.layers[1:]))


def sort_heads(model: MultiTaskModel, tasks: Sequence[str]) -> None:
    """Put the heads in the order of these tasks, which are all there are."""
    heads = heads_of(model)
    model.layers[1:] = [heads[task] for task in tasks]
    model.attrs["tasks"] = list(tasks)


def has_labels(head: Model) -> bool:
    """Say whether a head knows its labels. One that does not is passed over."""
    return bool(head.get_ref("output_layer").has_dim("nO"))


def start_head(model: MultiTaskModel, task: str, n_labels: int) -> None:
    """Give a head its labels and new weights in a model that is initialized.

    model (MultiTaskModel): The model.
    task (str): The head's task.
    n_labels (int): How many labels it has.
    """
    heads = heads_of(model)
    heads[task].get_ref("output_layer").set_dim("nO", n_labels)
    width = model.get_ref("tok2vec").get_dim("nO")
    _init_head(model, heads, task, [model.ops.alloc2f(1, width)])


def resize_head(model: MultiTaskModel, task: str, n_labels: int) -> None:
    """Make room for more labels in a task's head, and in those that read it.

    model (MultiTaskModel): The model.
    task (str): The task's name.
    n_labels (int): How many labels it is to have; those it has keep their weights.
    """
    heads = heads_of(model)
    heads[task].attrs["resize_output"](heads[task], n_labels)
    for node in (node for head in heads.values() for node in head.walk()):
        if "resize_reading" in node.attrs and task in node.attrs["reads"]:
            node.attrs["resize_reading"](node, task, n_labels)


def require_pairs(
    model: MultiTaskModel, task: str, examples: Sequence[Example], mask: np.ndarray
) -> None:
    """Complain about a document that is annotated for a task of pairs and is none.

    model (MultiTaskModel): The model.
    task (str): The task's name.
    examples (Sequence[Example]): The batch.
    mask (ndarray): Where the batch is annotated for the task; shape (documents, labels).
    RAISES (ClintlError): It is no pair, or one of its sides is empty.
    """
    if not heads_of(model)[task].attrs.get("takes_sides"):
        return
    for number, (example, known) in enumerate(zip(examples, mask.any(axis=1)), start=1):
        if known and not has_both_sides(example.predicted):
            name = str(example.reference.user_data.get("id") or f"number {number} of its batch")
            what = "one of its sides is empty"
            if pair_spans(example.predicted) is None:
                what = "it is no pair"
            raise ClintlError(Errors.CL344.format(task=task, document=name, what=what))


def forward(
    model: MultiTaskModel, docs: list[Doc], is_train: bool
) -> tuple[Logits, Callable[[Mapping[str, Floats2d | None]], list[Doc]]]:
    """Run every head, those that are read before those that read them.

    The callback takes each task's gradient or None. A head without a gradient is left alone, so
    that its weights get none either; the tok2vec is always called, as a listener must be.

    A task in `encoder_shares` sends only that share of its gradient on to what lies below its head:
    the token vectors, and the heads it reads. The head itself gets all of it. A share is a number,
    or a list with one for each document.
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
    sides, backprop_sides = None, None
    if any(head.attrs.get("takes_sides") for head in heads.values()):
        sides, backprop_sides = _split_sides(model, docs, vectors)
    order = [task for task in _order_of(heads) if has_labels(heads[task])]
    logits: Logits = {}
    backprops: dict[str, Callable] = {}
    probs: dict[str, tuple[Floats2d, Callable]] = {}
    for task in order:
        head = heads[task]
        inputs: Any = sides if head.attrs.get("takes_sides") else vectors
        if reads := head.attrs.get("reads"):
            for other in reads:
                if other not in probs:
                    exclusive = model.attrs["exclusive"][other]
                    probs[other] = probabilities(logits[other], exclusive)
            inputs = inputs, {other: probs[other][0] for other in reads}
        logits[task], backprops[task] = head(inputs, is_train)

    def backprop(d_logits: Mapping[str, Floats2d | None]) -> list[Doc]:
        gradients = dict(d_logits)
        d_vectors = [model.ops.alloc2f(*v.shape) for v in vectors]
        for task in reversed(order):
            gradient = gradients.get(task)
            if gradient is None:
                continue
            d_inputs = backprops[task](gradient)
            shares = np.broadcast_to(model.attrs["encoder_shares"].get(task, 1.0), len(docs))
            if heads[task].attrs.get("reads"):
                d_inputs, d_readings = d_inputs
                for other, d_probs in d_readings.items():
                    # A head without gold is left alone, whoever reads it.
                    if (own := gradients.get(other)) is not None:
                        column = model.ops.asarray2f(shares[:, None])
                        gradients[other] = own + column * probs[other][1](d_probs)
            if heads[task].attrs.get("takes_sides"):
                d_inputs = backprop_sides(d_inputs)
            for total, part, share in zip(d_vectors, d_inputs, shares.tolist()):
                total += share * part
        if backprop_tok2vec is None:
            return docs
        return backprop_tok2vec([d[:size] for d, size in zip(d_vectors, sizes)])

    return {task: logits[task] for task in heads if task in logits}, backprop


def _order_of(heads: Mapping[str, Model]) -> list[str]:
    """Put tasks behind those they read."""
    reads = {task: head.attrs.get("reads", []) for task, head in heads.items()}
    for task, others in reads.items():
        for other in others:
            if other not in reads:
                known = ", ".join(reads)
                raise ClintlError(Errors.CL345.format(task=task, other=other, known=known))
    try:
        return list(TopologicalSorter(reads).static_order())
    except CycleError as error:
        raise ClintlError(Errors.CL346.format(cycle=" ← ".join(error.args[1]))) from None


def _split_sides(
    model: MultiTaskModel, docs: list[Doc], vectors: list[Floats2d]
) -> tuple[list[tuple[Floats2d, Floats2d]], Callable]:
    """Cut each document's vectors into those of its two sides. What is no pair is a first side; an
    empty side is one token that says nothing."""
    borders = []
    for doc in docs:
        spans = pair_spans(doc)
        borders.append((spans[0].end, spans[1].start) if spans else (len(doc), len(doc)))
    empty = model.ops.alloc2f(1, vectors[0].shape[1]) if vectors else None
    sides = []
    for doc, v, (end, start) in zip(docs, vectors, borders):
        first, second = v[:end], v[start : len(doc)]
        sides.append((first if len(first) else empty, second if len(second) else empty))

    def backprop(d_sides: list[tuple[Floats2d, Floats2d]]) -> list[Floats2d]:
        d_vectors = [model.ops.alloc2f(*v.shape) for v in vectors]
        for doc, d, (end, start), (d_first, d_second) in zip(docs, d_vectors, borders, d_sides):
            d[:end] = d_first[:end]
            d[start : len(doc)] = d_second[: len(doc) - start]
        return d_vectors

    return sides, backprop


def init(model: MultiTaskModel, X: list[Doc] | None = None, Y: object = None) -> None:
    tok2vec = model.get_ref("tok2vec")
    tok2vec.initialize(X=X)
    heads = heads_of(model)
    vectors = None
    if X:
        # Listeners give arrays without columns for documents without tokens.
        vectors = [v for v in tok2vec.predict(X) if v.size]
        vectors = vectors or [model.ops.alloc2f(1, tok2vec.get_dim("nO"))]
    for task in _order_of(heads):
        _init_head(model, heads, task, vectors)


def _init_head(
    model: MultiTaskModel, heads: Mapping[str, Model], task: str, vectors: list[Floats2d] | None
) -> None:
    head = heads[task]
    inputs: Any = vectors
    if vectors and head.attrs.get("takes_sides"):
        inputs = [(v, v) for v in vectors]
    if reads := head.attrs.get("reads"):
        sizes = {other: heads[other].get_ref("output_layer").get_dim("nO") for other in reads}
        n_docs = len(vectors or ())
        inputs = inputs, {t: model.ops.alloc2f(n_docs, size) for t, size in sizes.items()}
    head.initialize(X=inputs)
