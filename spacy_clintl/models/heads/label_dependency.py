"""Labels that depend on each other: a layer over the logits of any head."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from .probabilities import probabilities
from .resizing import padded, replace_params


def label_dependency_v1(head: Model[list[Any], Floats2d]) -> Model[list[Any], Floats2d]:
    """Build a head that corrects the logits of another by the probabilities of its other labels.

    logits + M p, where p are the probabilities that the logits give and M has zeros on its diagonal
    (after the residual blocks of CorNet, Xun et al. 2020, section 3.2, here with one matrix and
    without a label's own probability). M starts as zeros, so that the head starts as the one
    inside. It has labels times labels weights.

    head (Model[List[Floats2d], Floats2d]): The head inside.
    RETURNS (Model[List[Floats2d], Floats2d]): The head.
    """
    return Model(
        "label_dependency",
        forward,
        init=init,
        layers=[head],
        dims={"nO": None},
        params={"W": None},
        refs={"output_layer": head.get_ref("output_layer")},
        attrs={
            "takes_sides": head.attrs.get("takes_sides", False),
            "reads": list(head.attrs.get("reads", [])),
            "exclusive": False,
            "resize_output": resize_output,
        },
    )


def forward(
    model: Model[Any, Floats2d], X: Any, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Any]]:
    logits, backprop_head = model.layers[0](X, is_train)
    probs, backprop_probs = probabilities(logits, model.attrs["exclusive"])
    weights = model.get_param("W")

    def backprop(d_logits: Floats2d) -> Any:
        d_weights = model.ops.gemm(d_logits, probs, trans1=True)
        # It stays zero on its diagonal, as no gradient ever gets there.
        model.ops.xp.fill_diagonal(d_weights, 0.0)
        model.inc_grad("W", d_weights)
        return backprop_head(d_logits + backprop_probs(model.ops.gemm(d_logits, weights)))

    return logits + model.ops.gemm(probs, weights, trans2=True), backprop


def init(model: Model[Any, Floats2d], X: Any = None, Y: object = None) -> None:
    model.layers[0].initialize(X=X)
    n_labels = model.get_ref("output_layer").get_dim("nO")
    model.set_dim("nO", n_labels)
    model.set_param("W", model.ops.alloc2f(n_labels, n_labels))


def resize_output(model: Model[Any, Floats2d], n_labels: int) -> None:
    """Make room for more labels, which depend on none at first."""
    head = model.layers[0]
    head.attrs["resize_output"](head, n_labels)
    model.set_ref("output_layer", head.get_ref("output_layer"))
    if model.has_param("W"):
        weights = padded(model.ops, model.get_param("W"), (n_labels, n_labels))
        model.set_param("W", None)  # Thinc changes no dimension of a layer with parameters
        model.set_dim("nO", n_labels, force=True)
        replace_params(model, {"W": weights})
