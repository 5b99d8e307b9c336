"""The plainest head: pool the tokens, then one affine layer."""

from collections.abc import Callable

from thinc.api import (
    Dropout,
    Linear,
    Model,
    ParametricAttention,
    chain,
    list2ragged,
    reduce_first,
    reduce_max,
    reduce_mean,
    reduce_sum,
)
from thinc.types import Floats2d, Ragged

from ...errors import ClintlError, Errors
from .resizing import resize_linear_output


def reduce_attention() -> Model[Ragged, Floats2d]:
    """Pool by the weighted sum of the tokens; a token's weight is the softmax of its product with
    a learned vector (Yang et al. 2016, section 2.2, without the layer under the product)."""
    return chain(ParametricAttention(), reduce_sum())


POOLINGS: dict[str, Callable[[], Model[Ragged, Floats2d]]] = {
    "mean": reduce_mean,
    "max": reduce_max,
    "first": reduce_first,
    "attention": reduce_attention,
}


def linear_head_v1(pooling: str = "mean", dropout: float = 0.1) -> Model[list[Floats2d], Floats2d]:
    """Build a linear head.

    pooling (str): How token vectors become one vector: "mean", "max", "first" or "attention".
    dropout (float): Dropout of the pooled vector. As for spaCy's own layers, each update sets it to
        that of [training].
    RETURNS (Model[List[Floats2d], Floats2d]): The head.
    """
    if pooling not in POOLINGS:
        raise ClintlError(Errors.CL311.format(pooling=pooling, known=", ".join(POOLINGS)))
    output: Model[Floats2d, Floats2d] = Linear(None, None)
    model: Model[list[Floats2d], Floats2d] = chain(
        list2ragged(), POOLINGS[pooling](), Dropout(dropout), output
    )
    model.set_ref("output_layer", output)
    model.attrs["resize_output"] = resize_linear_output
    return model
