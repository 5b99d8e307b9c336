"""What the tests of heads share: building, training, and looking at weights and gradients."""

import numpy as np
from thinc.api import Adam, fix_random_seed

from spacy_clintl.models.losses import cross_entropy


def build(head, *, width=6, n_labels=3, n_read=None, seed=0):
    """Initialize a head as `multitask_textcat` does."""
    fix_random_seed(seed)
    head.get_ref("output_layer").set_dim("nO", n_labels)
    sample = documents([3], width, head)
    head.initialize(X=(sample, {"other": np.zeros((1, n_read), "f")}) if n_read else sample)
    return head


def documents(lengths, width, head=None, seed=0):
    """Documents of random token vectors; pairs if the head takes them."""
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=(n, width)).astype("f") for n in lengths]
    if head is not None and head.attrs.get("takes_sides"):
        others = [rng.normal(size=(1 + n // 2, width)).astype("f") for n in lengths]
        return list(zip(vectors, others))
    return vectors


def train(head, inputs, truths, *, loss=cross_entropy, steps=60, rate=0.01):
    """Train on one batch; returns the losses."""
    optimizer = Adam(rate, grad_clip=0.0)
    losses = []
    for _ in range(steps):
        logits, backprop = head.begin_update(inputs)
        value, gradient = loss(logits, truths, np.ones_like(truths))
        backprop(gradient.astype("f"))
        head.finish_update(optimizer)
        losses.append(value)
    return losses


def weights_of(head):
    """All weights by name, as arrays that share their memory."""
    found = {}
    for i, node in enumerate(head.walk()):
        for name in node.param_names:
            found[f"{i} {name}"] = node.get_param(name)
        for shim in node.shims:
            for name, parameter in shim._model.named_parameters():
                found[f"{i} {name}"] = parameter.data.numpy()
    return found


def gradients_of(head):
    """The gradients of all weights by name; None where there is none."""
    found = {}
    for i, node in enumerate(head.walk()):
        for name in node.param_names:
            found[f"{i} {name}"] = node.get_grad(name).copy() if node.has_grad(name) else None
        for shim in node.shims:
            for name, parameter in shim._model.named_parameters():
                grad = parameter.grad
                found[f"{i} {name}"] = None if grad is None else grad.numpy().copy()
    return found


def flat(parts):
    """All arrays of nested lists and tuples, in order."""
    if isinstance(parts, np.ndarray):
        return [parts]
    return [array for part in parts for array in flat(part)]
